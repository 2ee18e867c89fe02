"""Bad answers against the test's bound: how many it takes, after so many canary requests, to refute "no worse".

The bound is worked out by the very code that judges (linnet.core), at dispersion 1, with what the clients saw of
stable at that moment. The operator judges once an interval on the pods' own counters, so it decides a moment later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.episodes.results import SLOW_MS, Rollout
from demo.evidence.ledger import Accounted

from linnet.core.analysis.checks import CountCheck, Policy, Signal
from linnet.core.analysis.statistics.hypotheses import AgainstStable, Setting
from linnet.core.analysis.statistics.sums import Sums

POINTS = 240
"""At most so many points are drawn of a curve."""


@dataclass(frozen=True)
class Curve:
    """Points (canary requests, bad ones so far, bad ones that would refute)."""

    version: int
    check: str
    points: Sequence[tuple[int, int, int]]


def policy_of(spec: Mapping[str, Any]) -> Policy:
    """The checks of a Deployment's spec.analysis that count bad answers, as the demo's manifests have them.

    What a version answers is compared as a whole, and has no curve of this kind.
    """
    checks = [
        CountCheck(
            name=c["name"],
            signal=Signal(c["signal"]),
            max_ratio_to_stable=float(c["maxRatioToStable"]),
            min_excess=float(c["minExcess"]),
            threshold_seconds=SLOW_MS / 1000 if c["signal"] == "Latency" else None,
        )
        for c in spec["checks"]
        if "maxRatioToStable" in c
    ]
    return Policy(tuple(checks))


def curves(policy: Policy, rollout: Rollout, rows: Sequence[Accounted]) -> list[Curve]:
    """One curve a check, from the canary's first answer until the verdict."""
    if rollout.traffic is None or rollout.decided is None:
        return []
    mine = [r for r in rows if rollout.traffic <= r.request.end <= rollout.decided and r.version is not None]
    return [_curve(policy, check, rollout.version, mine) for check in policy.checks]


def _curve(policy: Policy, check: CountCheck, version: int, rows: Sequence[Accounted]) -> Curve:
    bad = _bad(check)
    total, points = Sums(), []
    for row in rows:
        total = _plus(total, row.version == version, bad(row))
        if row.version == version:
            points.append(total)
    step = max(1, len(points) // POINTS)
    kept = [*points[::step], *points[-1:]]
    return Curve(version, check.name, [(int(s.canary_n), int(s.canary_bad), needed(policy, check, s)) for s in kept])


def _bad(check: CountCheck) -> Callable[[Accounted], bool]:
    if check.signal == Signal.ERRORS:
        return lambda row: row.request.status >= 500  # noqa: PLR2004
    return lambda row: row.request.ms > SLOW_MS


def _plus(sums: Sums, canary: bool, bad: bool) -> Sums:
    if canary:
        return Sums(sums.canary_n + 1, sums.canary_bad + bad, sums.stable_n, sums.stable_bad)
    return Sums(sums.canary_n, sums.canary_bad, sums.stable_n + 1, sums.stable_bad + bad)


def needed(policy: Policy, check: CountCheck, seen: Sums) -> int:
    """The fewest bad answers among the canary's that would be a Fail; one more than all where none would."""
    setting = Setting.of(policy, check, 1.0)
    low, high = 0, int(seen.canary_n) + 1
    while low < high:
        middle = (low + high) // 2
        case = Sums(seen.canary_n, middle, max(1, seen.stable_n), seen.stable_bad)
        tested = AgainstStable(check, (case,), setting)
        if tested.breached and tested.against_bound >= setting.rejects:
            high = middle
        else:
            low = middle + 1
    return low
