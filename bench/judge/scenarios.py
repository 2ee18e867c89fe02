"""The scenarios that are simulated: the figures that Linnet promises, then the conditions that strain them."""

from __future__ import annotations

from dataclasses import replace

from linnet.core.analysis.checks import CountCheck, Signal
from linnet.core.analysis.simulation.rollout import Scenario
from linnet.core.analysis.simulation.traffic import SyntheticTraffic

STABLE = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
TWICE = CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=2.0)
ONE_PERCENT = CountCheck("errors", Signal.ERRORS, max=0.01)
TENTH_PERCENT = CountCheck("errors", Signal.ERRORS, max=0.001)
GOOD = SyntheticTraffic(stable_rate=0.01, canary_rate=0.01)
FIVE = SyntheticTraffic(stable_rate=0.01, canary_rate=0.05)
OUTAGE = SyntheticTraffic(stable_rate=0.01, canary_rate=1.0)

SOME = 0.15
"""Share of the seeds for what strains the promises but is none."""

DETECT = (
    Scenario("detect 5 % against stable 1 %", FIVE, STABLE, "requests", 200_000, 200, each_request=True),
    Scenario("detect 5 % against a bound of 1 %", FIVE, ONE_PERCENT, "requests", 200_000, 160, each_request=True),
    Scenario("detect outage against stable 1 %", OUTAGE, STABLE, "requests", 20_000, 5, each_request=True),
    Scenario("detect outage against a bound of 1 %", OUTAGE, ONE_PERCENT, "requests", 20_000, 5, each_request=True),
    Scenario("detect scraped: 5 % against stable 1 %, 10/s", FIVE, STABLE, "requests", 200_000),
    Scenario("detect scraped: 5 % against a bound of 1 %, 10/s", FIVE, ONE_PERCENT, "requests", 200_000),
    Scenario("detect scraped: outage, 1/s", replace(OUTAGE, per_interval=5), STABLE, "requests", 20_000),
    Scenario("detect scraped: outage, 10/s", OUTAGE, STABLE, "requests", 20_000),
    Scenario("detect scraped: outage, 100/s", replace(OUTAGE, per_interval=500), STABLE, "requests", 200_000),
    Scenario("detect scraped: 5 %, 100/s", replace(FIVE, per_interval=500), STABLE, "requests", 500_000, effort=SOME),
    Scenario("detect scraped: 5 %, 1/s", replace(FIVE, per_interval=5), STABLE, "requests", 200_000, effort=SOME),
    Scenario("detect scraped: 5 % against twice stable", FIVE, TWICE, "requests", 400_000, effort=SOME),
    Scenario("detect scraped: 5 %, bursts", replace(FIVE, burst="geometric"), STABLE, "requests", 400_000, effort=SOME),
)


def _good(name: str, traffic: SyntheticTraffic, check: CountCheck, effort: float = 1.0) -> Scenario:
    return Scenario(f"good {name}", traffic, check, "rolled back", 20_000, 0.01, effort=effort)


def _bursts(traffic: SyntheticTraffic, kind: str = "geometric") -> SyntheticTraffic:
    return replace(traffic, burst=kind)


BUSY, CALM = replace(GOOD, per_interval=500), replace(GOOD, per_interval=5)
HALF = replace(GOOD, share=0.5, canary_pods=4)
BAKE = replace(GOOD, share=0.95, canary_pods=4, stable_pods=1)
SPARSE = GOOD.with_rates(0.001, 0.001)
CREEP = replace(GOOD.with_rates(0.002, 0.002), share=0.01, creep=0.3, incident=(264, 400, 0.05))

NULL = (
    _good("independent, 10/s", GOOD, STABLE),
    _good("independent, at the bound 1 %, 10/s", GOOD, ONE_PERCENT),
    _good("bursts geometric, 10/s", _bursts(GOOD), STABLE),
    _good("bursts constant, 10/s", _bursts(GOOD, "constant"), STABLE),
    _good("bursts as retries, 10/s", _bursts(GOOD, "retries"), STABLE),
    _good("bursts geometric, at the bound 1 %, 10/s", _bursts(GOOD), ONE_PERCENT),
    _good("bursts geometric, 100/s", _bursts(BUSY), STABLE),
    _good("sparse 0.1 %, bursts geometric", _bursts(SPARSE), STABLE),
    _good("sparse 0.1 %, bursts constant", _bursts(SPARSE, "constant"), STABLE),
    _good("sparse 0.1 %, bursts as retries, at the bound", _bursts(SPARSE, "retries"), TENTH_PERCENT),
    _good("bursts geometric, 1/s", _bursts(CALM), STABLE, SOME * 2),
    _good("bursts as retries, at the bound 1 %, 10/s", _bursts(GOOD, "retries"), ONE_PERCENT, SOME * 2),
    _good("bursts constant, 100/s", _bursts(BUSY, "constant"), STABLE, SOME * 4),
    _good("bursts geometric, share 0.5", _bursts(HALF), STABLE, SOME * 2),
    _good("bursts geometric, bake 0.95", _bursts(BAKE), STABLE, SOME * 2),
    _good("bursts geometric, bake 0.95, at the bound 1 %", _bursts(BAKE), ONE_PERCENT, SOME * 2),
    _good("long bursts (mean 10)", replace(_bursts(GOOD, "retries"), burst_mean=10), STABLE, SOME * 2),
    _good("1 pod each, bursts geometric", replace(_bursts(GOOD), stable_pods=1, share=0.5), STABLE, SOME * 2),
    _good("both tracks at 50 % for 30 s", replace(GOOD, incident=(100, 106, 0.5)), STABLE, SOME * 2),
    _good("share creeps to 0.3, then 0.2 % becomes 5 % for both", CREEP, STABLE, SOME * 2),
    *(
        Scenario(
            f"good spells of {seconds} s at 30 % on single pods",
            replace(GOOD, stable_pods=9, episodes=(0.3, seconds / 5)),
            STABLE,
            "rolled back",
            20_000,
            effort=SOME * 2,
        )
        for seconds in (5, 10, 30)
    ),
    *(
        Scenario(
            f"good sessions: {clients} clients kept by each pod, a tenth of which have all errors",
            replace(GOOD, clients=(clients, 0.1)),
            STABLE,
            "rolled back",
            20_000,
            effort=SOME * 2,
        )
        for clients in (30, 300, 3000)
    ),
    Scenario(
        "good independent, each request", GOOD, STABLE, "rolled back", 20_000, 0.01, each_request=True, effort=SOME
    ),
    replace(_good("bursts geometric, 10/s, through fold", _bursts(GOOD), STABLE, SOME), scraped=True),
)


def _bad(name: str, traffic: SyntheticTraffic, check: CountCheck, effort: float = 1.0) -> Scenario:
    return Scenario(f"at detect {name}", traffic, check, "passed", 400_000, 0.1, effort=effort)


def _passes(name: str, traffic: SyntheticTraffic, check: CountCheck) -> Scenario:
    return Scenario(f"passes {name}", traffic, check, "passed", 400_000, effort=SOME)


PASS = (
    _bad("5 % against stable 1 %, share 0.1", FIVE, STABLE),
    _bad("5 % against a bound of 1 %", FIVE, ONE_PERCENT),
    _bad("5 % against stable 1 %, bursts", _bursts(FIVE), STABLE, 0.5),
    _bad("5 % against stable 1 %, share 0.5", replace(HALF, canary_rate=0.05), STABLE, SOME),
    _bad("5 % against stable 1 %, 100/s", replace(FIVE, per_interval=500), STABLE, SOME),
    _bad("5 % against a bound of 1 %, bursts", _bursts(FIVE), ONE_PERCENT, SOME),
    _bad("5 % against twice stable 1 %", FIVE, TWICE, SOME),
    _bad("0.5 % against stable 0.1 %", FIVE.with_rates(0.001, 0.005), STABLE, SOME),
    _bad("0.2 % against stable 0", FIVE.with_rates(0, 0.002), STABLE, SOME),
    _bad("0.22 % against stable 0.02 %", FIVE.with_rates(0.0002, 0.0022), STABLE, SOME * 2),
    _bad("late: 5 % from the 20th interval on", replace(FIVE, drift=20), STABLE, SOME),
    _passes("good 1 %, share 0.1", GOOD, STABLE),
    _passes("good 1 %, share 0.5", HALF, STABLE),
    _passes("good 1 %, bursts", _bursts(GOOD), STABLE),
    _passes("good 1 % against twice stable", GOOD, TWICE),
    _passes("good 0.5 % against a bound of 1 %", GOOD.with_rates(0.005, 0.005), ONE_PERCENT),
    _passes("no errors at all, share 0.1", GOOD.with_rates(0, 0), STABLE),
    _passes("no errors at all, share 0.5", HALF.with_rates(0, 0), STABLE),
)

SCENARIOS = (*DETECT, *NULL, *PASS)
