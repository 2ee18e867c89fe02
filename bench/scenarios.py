"""What is simulated: the figures that Linnet promises, then the conditions under which they are strained."""

from __future__ import annotations

from dataclasses import replace

from bench.runs import Scenario
from bench.worlds import World

from linnet.core.checks import Check, Signal

STABLE = Check("errors", Signal.ERRORS, max_ratio_to_stable=1.0)
TWICE = Check("errors", Signal.ERRORS, max_ratio_to_stable=2.0)
ONE_PERCENT = Check("errors", Signal.ERRORS, max=0.01)
TENTH_PERCENT = Check("errors", Signal.ERRORS, max=0.001)
GOOD = World(stable_rate=0.01, canary_rate=0.01)
FIVE = World(stable_rate=0.01, canary_rate=0.05)
OUTAGE = World(stable_rate=0.01, canary_rate=1.0)

DETECT = (
    Scenario("detect 5 % against stable 1 %", FIVE, STABLE, "requests", 200_000, 200, each_request=True),
    Scenario("detect 5 % against a bound of 1 %", FIVE, ONE_PERCENT, "requests", 200_000, 160, each_request=True),
    Scenario("detect outage against stable 1 %", OUTAGE, STABLE, "requests", 20_000, 5, each_request=True),
    Scenario("detect outage against a bound of 1 %", OUTAGE, ONE_PERCENT, "requests", 20_000, 5, each_request=True),
    Scenario("detect 5 % against twice stable 1 %", FIVE, TWICE, "requests", 200_000, each_request=True, effort=0.5),
    Scenario("detect scraped: 5 % against stable 1 %, 10/s", FIVE, STABLE, "requests", 200_000),
    Scenario("detect scraped: 5 % against a bound of 1 %, 10/s", FIVE, ONE_PERCENT, "requests", 200_000),
    Scenario("detect scraped: 5 %, 100/s", replace(FIVE, per_interval=500), STABLE, "requests", 500_000),
    Scenario("detect scraped: 5 %, 1/s", replace(FIVE, per_interval=5), STABLE, "requests", 200_000, effort=0.5),
    Scenario("detect scraped: outage, 1/s", replace(OUTAGE, per_interval=5), STABLE, "requests", 20_000),
    Scenario("detect scraped: outage, 10/s", OUTAGE, STABLE, "requests", 20_000),
    Scenario("detect scraped: outage, 100/s", replace(OUTAGE, per_interval=500), STABLE, "requests", 200_000),
    Scenario("detect scraped: 5 %, bursts", replace(FIVE, burst="geometric"), STABLE, "requests", 400_000, effort=0.5),
)


def _good(name: str, world: World, check: Check, effort: float = 1.0) -> Scenario:
    return Scenario(f"good {name}", world, check, "rolled back", 20_000, 0.01, effort=effort)


BUSY, CALM = replace(GOOD, per_interval=500), replace(GOOD, per_interval=5)
HALF = replace(GOOD, share=0.5, canary_pods=4)
BAKE = replace(GOOD, share=0.95, canary_pods=4, stable_pods=1)
SPARSE = GOOD.with_rates(0.001, 0.001)

NULL = (
    Scenario("good each request, 1 %", GOOD, STABLE, "rolled back", 20_000, 0.01, each_request=True),
    Scenario("good each request, at the bound 1 %", GOOD, ONE_PERCENT, "rolled back", 20_000, 0.01, each_request=True),
    _good("independent, 10/s", GOOD, STABLE),
    _good("independent, at the bound 1 %, 10/s", GOOD, ONE_PERCENT),
    _good("bursts geometric, 10/s", replace(GOOD, burst="geometric"), STABLE),
    replace(_good("bursts geometric, 10/s, through fold", replace(GOOD, burst="geometric"), STABLE, 0.1), scraped=True),
    _good("bursts constant, 10/s", replace(GOOD, burst="constant"), STABLE),
    _good("bursts as retries, 10/s", replace(GOOD, burst="retries"), STABLE),
    _good("bursts geometric, at the bound 1 %, 10/s", replace(GOOD, burst="geometric"), ONE_PERCENT),
    _good("bursts as retries, at the bound 1 %, 10/s", replace(GOOD, burst="retries"), ONE_PERCENT),
    _good("bursts geometric, 100/s", replace(BUSY, burst="geometric"), STABLE),
    _good("bursts constant, 100/s", replace(BUSY, burst="constant"), STABLE),
    _good("bursts geometric, 1/s", replace(CALM, burst="geometric"), STABLE, 0.5),
    _good("bursts as retries, 1/s", replace(CALM, burst="retries"), STABLE, 0.5),
    _good("bursts geometric, share 0.5", replace(HALF, burst="geometric"), STABLE),
    _good("bursts geometric, bake 0.95", replace(BAKE, burst="geometric"), STABLE),
    _good("bursts geometric, bake 0.95, at the bound 1 %", replace(BAKE, burst="geometric"), ONE_PERCENT),
    _good("sparse 0.1 %, bursts geometric", replace(SPARSE, burst="geometric"), STABLE),
    _good("sparse 0.1 %, bursts constant", replace(SPARSE, burst="constant"), STABLE),
    _good("sparse 0.1 %, bursts as retries", replace(SPARSE, burst="retries"), STABLE),
    _good("sparse 0.1 %, bursts as retries, at the bound", replace(SPARSE, burst="retries"), TENTH_PERCENT),
    _good("long bursts (mean 10)", replace(GOOD, burst="retries", burst_mean=10), STABLE),
    _good("1 stable pod, bursts geometric", replace(GOOD, burst="geometric", stable_pods=1, share=0.5), STABLE),
    _good("both tracks at 50 % for 30 s", replace(GOOD, incident=(100, 106, 0.5)), STABLE),
    _good(
        "share creeps to 0.3, then 0.2 % becomes 5 % for both",
        replace(GOOD.with_rates(0.002, 0.002), share=0.01, creep=0.3, incident=(264, 400, 0.05)),
        STABLE,
    ),
)


def _bad(name: str, world: World, check: Check, total: int = 400_000, effort: float = 1.0) -> Scenario:
    return Scenario(f"at detect {name}", world, check, "passed", total, 0.1, effort=effort)


def _passes(name: str, world: World, check: Check, total: int = 400_000) -> Scenario:
    return Scenario(f"passes {name}", world, check, "passed", total, effort=0.25)


PASS = (
    _bad("5 % against stable 1 %, share 0.1", FIVE, STABLE),
    _bad("5 % against stable 1 %, share 0.5", replace(HALF, canary_rate=0.05), STABLE),
    _bad("5 % against stable 1 %, 100/s", replace(FIVE, per_interval=500), STABLE),
    _bad("5 % against stable 1 %, bursts", replace(FIVE, burst="geometric"), STABLE),
    _bad("5 % against a bound of 1 %", FIVE, ONE_PERCENT),
    _bad("5 % against a bound of 1 %, bursts", replace(FIVE, burst="geometric"), ONE_PERCENT),
    _bad("5 % against twice stable 1 %", FIVE, TWICE),
    _bad("0.5 % against stable 0.1 %", FIVE.with_rates(0.001, 0.005), STABLE, 400_000, 0.25),
    _bad("0.2 % against stable 0", FIVE.with_rates(0, 0.002), STABLE, 400_000, 0.25),
    _bad("0.22 % against stable 0.02 %", FIVE.with_rates(0.0002, 0.0022), STABLE, 400_000, 0.25),
    _bad("late: 5 % from the 20th interval on", replace(FIVE, drift=20), STABLE),
    _passes("good 1 %, share 0.1", GOOD, STABLE),
    _passes("good 1 %, share 0.5", HALF, STABLE),
    _passes("good 1 %, bursts", replace(GOOD, burst="geometric"), STABLE),
    _passes("good 1 % against twice stable", GOOD, TWICE),
    _passes("good 0.5 % against a bound of 1 %", GOOD.with_rates(0.005, 0.005), ONE_PERCENT),
    _passes("no errors at all, share 0.1", GOOD.with_rates(0, 0), STABLE),
    _passes("no errors at all, share 0.5", HALF.with_rates(0, 0), STABLE),
)

SCENARIOS = (*DETECT, *NULL, *PASS)
