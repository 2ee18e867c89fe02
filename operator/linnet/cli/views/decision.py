"""The decisions that are recorded on ModelVersions: found, ordered, told in words and bars."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.cli.cluster.deployments import Family
from linnet.cli.cluster.objects import Object, name, status
from linnet.cli.views.bars import LEGEND, filled, interval, toward
from linnet.cli.views.check import Weighed, weighed
from linnet.cli.views.tree import Paint, by_policy

DONE: Final = {
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
    done, color = DONE.get(decision["decision"], (decision["decision"], "dim"))
    why = f"by {decision['by']} at {record.time}: {decision.get('reason', '')}"
    head = f"version {record.number} {painted(done, color)} {why}"
    place = [f"revision {decision['revision']}"] if decision.get("revision") else []
    policy = [named] if (named := by_policy(decision.get("policy", ""), decision.get("policyHash", ""))) else []
    lines = [head, decision.get("message", ""), *_checks(decision, painted)]
    return [line for line in (*lines, painted(", ".join([*place, *policy]), "dim")) if line]


def _checks(decision: Mapping[str, Any], painted: Paint) -> Iterator[str]:
    """One after the other, and what the bars mean."""
    drawn = False
    for check in decision.get("checks") or ():
        found = weighed(check)
        yield from told_check(found, painted)
        drawn = drawn or bool(found.rates)
        if check.get("predictions"):
            yield from _compared(check, painted)
    if drawn:
        yield painted(LEGEND, "dim")


def told_check(check: Weighed, painted: Paint) -> Iterator[str]:
    """One check: its verdict in words; both tracks' rates on one scale; how far the evidence went toward the bound."""
    color = {"Fail": "red", "Pass": "green"}.get(check.verdict, "yellow")
    why = f": {check.message}" if check.message else ""
    yield f"{painted(check.name, 'bold')}: {painted(check.verdict, color)}{why}"
    if check.query:
        yield f"  {painted(check.query, 'bold')}"
    if check.limits:
        yield f"  bound    {check.limits}"
    for rate in check.rates:
        shown = interval(rate.low / check.top, rate.rate / check.top, rate.high / check.top)
        yield f"  {rate.track:<9}{painted(shown, 'yellow' if rate.track == 'canary' else 'green')} {rate.text}"
    if check.rates:
        yield from _evidence(check, painted)


def _evidence(check: Weighed, painted: Paint) -> Iterator[str]:
    """How far the evidence has gone toward the bound."""
    if check.bound:
        drawn = painted(toward(check.statistic, check.bound), "red" if check.refuted else "dim")
        yield f"  evidence {drawn} {check.evidence}"


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
            yield f"  {name_[:16]:<17}{track:<9}{painted(filled(share / top), color)} {row[track]:,}, {share:.2%}"
    if "divergence" in told and "error" in told:
        allowed = f"at most {float(told.get('max') or 0):g} allowed"
        yield f"  divergence {float(told['divergence']):.4f} ± {float(told['error']):.4f} bits, {allowed}"
    yield from _evidence(weighed(check), painted)


def decisions_of(family: Family) -> list[Recorded]:
    """Those made here, and those about a version wherever it is."""
    return [r for r in newest_first(family.versions) if r.decision["deployment"] in {"", name(family.deployment)}]
