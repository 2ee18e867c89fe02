"""The story's episodes in numbers: what was to happen, what did, and what it cost the clients. Pure.

Times come from two clocks: facts have the demo's, requests have the clients'. In the embedded cluster they are one.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.episodes.acts import STORY, Act, Expected
from demo.evidence.facts import Fact
from demo.evidence.ledger import PLANTED, Accounted, Condemned

SLOW_MS = 250.0
"""The latency check's threshold."""


OFF = 1.5
"""Points by which the measured share of a gateway's requests may miss the weight; more where they are few."""
SURE = 4.0
"""Standard errors: chance alone goes beyond in one of 16,000 splits."""


@dataclass(frozen=True)
class Rollout:
    """The times of one rollout, from the facts; None for what did not happen."""

    version: int
    started: float
    traffic: float | None = None
    weight: int | None = None
    """The first weight, in percent; `moved` is the time of the next."""
    moved: float | None = None
    decided: float | None = None
    decision: str = ""
    routed: float | None = None
    ended: float | None = None
    gone: float | None = None


@dataclass(frozen=True)
class Split:
    """The canary's part of the requests that a gateway split by one weight, in percent."""

    weight: int
    requests: int
    canary: int

    @property
    def measured(self) -> float:
        return round(100 * self.canary / self.requests, 2)

    @property
    def missed(self) -> bool:
        """Whether the gateway did not do what the weight says.

        10,000 requests at 5 %: 0.87 points are 4 standard errors, so 1.5 decide; 1,000 at 25 %: 5.5 points.
        """
        share = self.weight / 100
        error = 100 * math.sqrt(share * (1 - share) / self.requests)
        return abs(self.measured - self.weight) > max(OFF, SURE * error)

    def wire(self) -> dict[str, Any]:
        return {"weight": self.weight, "measured": self.measured, "requests": self.requests}


@dataclass(frozen=True)
class Episode:
    """One episode, as it stands in the summary."""

    act: Act
    rollout: Rollout | None
    canary_requests: int | None = None
    checks: Sequence[Mapping[str, Any]] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    by_version: Mapping[int, int] = field(default_factory=dict)
    split: Split | None = None

    @property
    def unexpected(self) -> int:
        return sum(count for cause, count in self.failed.items() if cause not in PLANTED)

    @property
    def as_expected(self) -> bool:
        wanted = self.act.expected
        return self.act.outcome == wanted.outcome and (not wanted.reason or self.act.reason == wanted.reason)

    def wire(self) -> dict[str, Any]:
        """The JSON of the summary."""
        return {
            "name": self.act.expected.name,
            "version": self.act.expected.version,
            "outcome": self.act.outcome,
            "reason": self.act.reason,
            "message": self.act.message,
            "expected": self.as_expected,
            "canaryRequests": self.canary_requests,
            "checks": list(self.checks),
            "seconds": dict(self.seconds),
            "clientRequests": self.requests,
            "clientRequestsByVersion": {f"v{v}": n for v, n in sorted(self.by_version.items())},
            "failed": dict(self.failed),
            "failedUnexpectedly": self.unexpected,
            **({"split": self.split.wire()} if self.split else {}),
        }


def rollouts(facts: Iterable[Fact]) -> list[Rollout]:
    """The rollouts, oldest first; the first version's has no canary and no traffic of its own."""
    found: list[dict[str, Any]] = []
    for fact in facts:
        if fact.topic == "started" and fact.version is not None:
            found.append({"version": fact.version, "started": fact.at})
        elif found:
            _add(found[-1], fact)
    return [Rollout(**entry) for entry in found]


def _add(entry: dict[str, Any], fact: Fact) -> None:
    mine = fact.version == entry["version"]
    match fact.topic:
        case "routing":
            if fact.data["alone"] is None:
                entry.setdefault("traffic", fact.at)
            elif "decided" in entry and "ended" not in entry:
                entry.setdefault("routed", fact.at)
        case "weight" if mine and fact.data["real"]:
            name, value = ("moved", fact.at) if "weight" in entry else ("weight", fact.data["real"])
            entry.setdefault(name, value)
        case "decision" if mine:
            entry.setdefault("decided", fact.at)
            entry.setdefault("decision", fact.data["decision"])
        case "ended" if mine:
            entry.setdefault("ended", fact.at)
        case "pod" if mine and fact.data["stage"] == "gone":
            entry["gone"] = fact.at


def condemned(found: Iterable[Rollout]) -> list[Condemned]:
    """The rollouts that were rolled back, with the times that the ledger needs."""
    return [
        Condemned(r.version, r.traffic, r.decided, r.routed or r.decided, r.gone or r.ended or r.decided + 60)
        for r in found
        if r.decision == "RolledBack" and r.traffic is not None and r.decided is not None
    ]


def episodes(
    acts: Sequence[Act],
    found: Sequence[Rollout],
    rows: Sequence[Accounted],
    decisions: Mapping[int, Sequence[Mapping[str, Any]]],
) -> list[Episode]:
    """`decisions`: version → ModelVersion.status.decisions. Each request belongs to the act in which it ended."""
    return [
        _episode(act, acts[i + 1].began if i + 1 < len(acts) else None, found, rows, decisions)
        for i, act in enumerate(acts)
    ]


def _episode(
    act: Act,
    until: float | None,
    found: Sequence[Rollout],
    rows: Sequence[Accounted],
    decisions: Mapping[int, Sequence[Mapping[str, Any]]],
) -> Episode:
    mine = [r for r in rows if act.began <= r.request.end < (until or float("inf"))]
    judged = act.outcome in {"Promoted", "RolledBack"}
    rollout = next((r for r in reversed(found) if r.version == act.expected.version), None) if judged else None
    checks = _checks(decisions.get(act.expected.version, ()), act.outcome) if judged else ()
    return Episode(
        act,
        rollout,
        canary_requests=max((c.get("canaryRequests", 0) for c in checks), default=None),
        checks=checks,
        seconds=seconds(rollout, mine, slow=act.reason == "latency") if rollout else {},
        requests=len(mine),
        failed=dict(Counter(r.failure for r in mine if r.failure)),
        by_version=dict(Counter(r.version for r in mine if r.version is not None)),
        split=split(rollout, mine) if rollout else None,
    )


def split(rollout: Rollout, rows: Sequence[Accounted]) -> Split | None:
    """Requests through a gateway, from the canary's first answer until its weight changes or it is decided."""
    if rollout.weight is None:
        return None
    until = min(t for t in (rollout.moved, rollout.decided, float("inf")) if t is not None)
    routed = [r for r in rows if r.request.routed and r.version is not None and r.request.end < until]
    first = next((i for i, r in enumerate(routed) if r.version == rollout.version), None)
    if first is None:
        return None
    shared = routed[first:]
    return Split(rollout.weight, len(shared), sum(r.version == rollout.version for r in shared))


def _checks(decisions: Sequence[Mapping[str, Any]], outcome: str) -> Sequence[Mapping[str, Any]]:
    """The counts of the verdict: of the last decision of that kind."""
    return next((d.get("checks") or () for d in reversed(decisions) if d["decision"] == outcome), ())


def seconds(rollout: Rollout, rows: Sequence[Accounted], *, slow: bool) -> dict[str, float]:
    """Times of a rollout; those from the first bad answer on only where it was rolled back."""
    out = {}
    if rollout.traffic and rollout.decided:
        out["fromFirstTrafficToVerdict"] = rollout.decided - rollout.traffic
    if rollout.decided and rollout.routed and rollout.decision == "RolledBack":
        out["fromVerdictToRoutingChange"] = rollout.routed - rollout.decided
        out |= _from_first_bad(rollout, rollout.routed, rows, slow=slow)
    if rollout.ended:
        out["whole"] = rollout.ended - rollout.started
    return {name: round(value, 2) for name, value in out.items()}


def _from_first_bad(rollout: Rollout, routed: float, rows: Sequence[Accounted], *, slow: bool) -> dict[str, float]:
    own = [r for r in rows if r.version == rollout.version and r.request.status]
    bad = [r.request.end for r in own if r.failure or (slow and r.request.ms > SLOW_MS)]
    if not bad:
        return {}
    first = min(bad)
    return {
        "fromFirstBadAnswerToRoutingChange": routed - first,
        "fromFirstBadAnswerToLastCanaryAnswer": max(r.request.end for r in own) - first,
    }


def troubles(found: Sequence[Episode], batches_complete: bool, wanted: Sequence[Expected] = STORY) -> list[str]:
    """Sentences for everything that was not as it should be; empty if the demo succeeded."""
    out = [
        f"{e.act.expected.name}: expected {e.act.expected.outcome} {e.act.expected.reason}".rstrip()
        + f", got {e.act.outcome} {e.act.reason}: {e.act.message}"
        for e in found
        if not e.as_expected
    ]
    missing = [x for x in wanted if all(e.act.expected.name != x.name for e in found)]
    out += [f"{x.name}: it did not come to that" for x in missing]
    out += [
        f"{e.act.expected.name}: the gateway gave it {e.split.measured} % of {e.split.requests} requests"
        for e in found
        if e.split and e.split.missed
    ]
    for e in found:
        causes = {cause: n for cause, n in e.failed.items() if cause not in PLANTED}
        out += [
            f"{e.act.expected.name}: {n} client requests failed unexpectedly: {cause}" for cause, n in causes.items()
        ]
    if not batches_complete:
        out.append("the clients' log is not complete: some requests are not accounted for")
    return out
