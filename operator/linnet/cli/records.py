"""The decisions that are recorded on ModelVersions: found, ordered, told in words and bars."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.cli.objects import Object, name, status
from linnet.cli.tree import Paint, by_policy

BAR: Final = 40
_DONE: Final = {
    "Promoted": ("was promoted", "green"),
    "RolledBack": ("was rolled back", "red"),
    "Aborted": ("was aborted", "yellow"),
    "Completed": ("is through", "green"),
    "Started": ("was started", "dim"),
    "Quarantined": ("was quarantined", "red"),
    "Released": ("was released", "green"),
}


@dataclass(frozen=True)
class Recorded:
    """One decision, and the version that it is about."""

    version: Object
    decision: Mapping[str, Any]

    @property
    def number(self) -> int:
        return int(self.version["spec"]["version"])

    @property
    def time(self) -> str:
        return str(self.decision.get("time") or "")

    def wire(self) -> dict[str, Any]:
        return {"modelVersion": name(self.version), "version": self.number, **self.decision}


def newest_first(versions: Iterable[Object]) -> list[Recorded]:
    """All decisions on these versions; within a second the later record first."""
    found = [Recorded(v, d) for v in versions for d in status(v).get("decisions") or ()]
    return sorted(found, key=lambda r: r.time)[::-1]


def told(record: Recorded, painted: Paint) -> list[str]:
    """Why, in words, and what the evidence was."""
    decision = record.decision
    done, color = _DONE.get(decision["decision"], (decision["decision"], "dim"))
    why = f"by {decision['by']} at {record.time}: {decision.get('reason', '')}"
    head = f"version {record.number} {painted(done, color)} {why}"
    place = [f"revision {decision['revision']}"] if decision.get("revision") else []
    policy = [named] if (named := by_policy(decision.get("policy", ""), decision.get("policyHash", ""))) else []
    lines = [head, decision.get("message", ""), *_checks(decision, painted)]
    return [line for line in (*lines, painted(", ".join([*place, *policy]), "dim")) if line]


def _checks(decision: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    for check in decision.get("checks") or ():
        yield f"{painted(check['name'], 'bold')}: {check['verdict']}"
        if check.get("predictions"):
            yield from _compared(check, painted)
            continue
        if check.get("canaryRequests") or check.get("stableRequests"):
            yield from _counts(check, painted)
        elif check.get("query"):
            yield from _asked(check, painted)
        else:
            yield f"  {check.get('message', '')}"


def _asked(check: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    """A named query's value against its bounds."""
    bounds = (f"{word} {check[key]}" for key, word in (("min", "at least"), ("max", "at most")) if key in check)
    yield f"  query {check['query']} = {painted(check.get('value', 'no value'), 'bold')}, {' and '.join(bounds)}"
    yield f"  {check.get('message', '')}"


def _compared(check: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    """Both distributions of answers, class by class on one scale, and how far apart they are."""
    told = check["predictions"]
    rows = [{"name": c["name"], **{t: c.get(t, 0) for t in ("canary", "stable")}} for c in told.get("classes") or ()]
    totals = {track: sum(row[track] for row in rows) or 1 for track in ("canary", "stable")}
    top = max((row[track] / totals[track] for row in rows for track in totals), default=0.0) or 1.0
    for row in rows:
        for track, color in (("canary", "yellow"), ("stable", "green")):
            share = row[track] / totals[track]
            name_ = row["name"] if track == "canary" else ""
            yield f"  {name_[:16]:<17}{track:<9}{painted(bar(share / top), color)} {row[track]:,}, {share:.2%}"
    if "divergence" in told and "error" in told:
        allowed = f"at most {float(told.get('max') or 0):g} allowed"
        yield f"  divergence {float(told['divergence']):.4f} ± {float(told['error']):.4f} bits, {allowed}"
    yield from _evidence(check, painted)
    yield f"  {check.get('message', '')}"


def _counts(check: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    """Both tracks' rates on one scale, and how far the evidence went toward the bound."""
    counts = {track: (check.get(f"{track}Bad", 0), check.get(f"{track}Requests", 0)) for track in ("canary", "stable")}
    rates = {track: bad / n if n else 0.0 for track, (bad, n) in counts.items()}
    top = max(rates.values()) or 1.0
    for track, (bad, n) in counts.items():
        shown = painted(bar(rates[track] / top), "yellow" if track == "canary" else "green")
        yield f"  {track:<9}{shown} {bad:,} of {n:,} bad, {rates[track]:.2%}"
    yield from _evidence(check, painted)


def _evidence(check: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    """How far the evidence has gone toward the bound."""
    statistic, bound = (float(check.get(key) or 0) for key in ("statistic", "bound"))
    if bound:
        color = "red" if statistic >= bound else "dim"
        drawn = painted(bar(statistic / bound), color)
        yield f"  evidence {drawn} {statistic:g} of {bound:g}: {_meaning(statistic, bound)}"


def _meaning(statistic: float, bound: float) -> str:
    """The evidence is the logarithm of a likelihood ratio: chance brings it to `bound` once in exp(bound)."""
    if statistic < bound:
        return f"not refuted; a good version gets to the bound once in {math.exp(bound):,.0f} rollouts"
    return f"refuted; a good version gets there once in {math.exp(bound):,.0f} rollouts"


def bar(share: float) -> str:
    """Full at 1 and beyond."""
    filled = round(BAR * min(1.0, max(0.0, share)))
    return "█" * filled + "░" * (BAR - filled)
