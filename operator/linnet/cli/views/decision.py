"""Finds, orders and shows the decisions that are recorded on ModelVersions, in words and bars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from linnet.cli.cluster.deployments import DeploymentTree
from linnet.cli.cluster.objects import Object, each, name, status
from linnet.cli.views.bars import LEGEND, filled, interval, toward
from linnet.cli.views.check import CheckSummary, summarize
from linnet.cli.views.tree import Paint, by_policy, painter

OUTCOMES: Final = {
    "Promoted": ("was promoted", "green"),
    "RolledBack": ("was rolled back", "red"),
    "Aborted": ("was aborted", "yellow"),
    "Completed": ("is through", "green"),
    "Started": ("was started", "dim"),
    "Quarantined": ("was quarantined", "red"),
    "Released": ("was released", "green"),
}


@dataclass(frozen=True)
class DecisionRecord:
    """A decision, and the version that it is about."""

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


@dataclass(frozen=True)
class Recorded:
    """Decisions, and sentences on the versions of which they can't be read."""

    records: Sequence[DecisionRecord]
    unreadable: Sequence[str] = ()


def newest_first(versions: Iterable[Object]) -> Recorded:
    """All decisions on these versions; within a second the later record first."""
    found, unreadable = each("ModelVersion", versions, _of_version)
    return Recorded(sorted(chain(*found), key=lambda r: r.time)[::-1], unreadable)


def _of_version(version: Object) -> list[DecisionRecord]:
    return [_readable(DecisionRecord(version, decision)) for decision in status(version).get("decisions") or ()]


def _readable(record: DecisionRecord) -> DecisionRecord:
    """The record, of which a line can be drawn: an exception here costs its version alone."""
    decision_lines(record, painter(colors=False))
    return record


def decisions_of(tree: DeploymentTree) -> Recorded:
    """The decisions made on this Deployment, and those about a version wherever it is, newest first."""
    found = newest_first(tree.versions)
    mine = [r for r in found.records if r.decision["deployment"] in {"", name(tree.deployment)}]
    return Recorded(mine, found.unreadable)


def decision_lines(record: DecisionRecord, paint: Paint) -> list[str]:
    """Lines on a decision: what was decided and why, and what the evidence was."""
    decision = record.decision
    done, color = OUTCOMES.get(decision["decision"], (decision["decision"], "dim"))
    why = f"by {decision['by']} at {record.time}: {decision.get('reason', '')}"
    head = f"version {record.number} {paint(done, color)} {why}"
    place = [f"revision {decision['revision']}"] if decision.get("revision") else []
    policy = [named] if (named := by_policy(decision.get("policy", ""), decision.get("policyHash", ""))) else []
    lines = [head, decision.get("message", ""), *_all_check_lines(decision, paint)]
    return [line for line in (*lines, paint(", ".join([*place, *policy]), "dim")) if line]


def _all_check_lines(decision: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    """Lines on each of the decision's checks, and on what the bars mean."""
    drawn = False
    for check in decision.get("checks") or ():
        found = summarize(check)
        yield from check_lines(found, paint)
        drawn = drawn or bool(found.rates)
        if check.get("predictions"):
            yield from _comparison_lines(check, paint)
    if drawn:
        yield paint(LEGEND, "dim")


def check_lines(check: CheckSummary, paint: Paint) -> Iterator[str]:
    """Lines on a check: its verdict in words, both tracks' rates on one scale, how far the evidence has gone."""
    color = {"Fail": "red", "Pass": "green"}.get(check.verdict, "yellow")
    why = f": {check.message}" if check.message else ""
    yield f"{paint(check.name, 'bold')}: {paint(check.verdict, color)}{why}"
    if check.query:
        yield f"  {paint(check.query, 'bold')}"
    if check.limits:
        yield f"  bound    {check.limits}"
    for rate in check.rates:
        shown = interval(rate.low / check.top, rate.rate / check.top, rate.high / check.top)
        yield f"  {rate.track:<9}{paint(shown, 'yellow' if rate.track == 'canary' else 'green')} {rate.text}"
    if check.rates:
        yield from _evidence_lines(check, paint)


def _evidence_lines(check: CheckSummary, paint: Paint) -> Iterator[str]:
    """The line on how far the evidence has gone toward its bound; none without a bound."""
    if check.bound:
        drawn = paint(toward(check.statistic, check.bound), "red" if check.refuted else "dim")
        yield f"  evidence {drawn} {check.evidence}"


def _comparison_lines(check: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    """Lines on both distributions of answers, class by class on one scale, and on how far apart they are."""
    comparison = check["predictions"]
    rows = [
        {"name": c["name"], **{t: c.get(t, 0) for t in ("canary", "stable")}} for c in comparison.get("classes") or ()
    ]
    totals = {track: sum(row[track] for row in rows) or 1 for track in ("canary", "stable")}
    top = max((row[track] / totals[track] for row in rows for track in totals), default=0.0) or 1.0
    for row in rows:
        for track, color in (("canary", "yellow"), ("stable", "green")):
            share = row[track] / totals[track]
            name_ = row["name"] if track == "canary" else ""
            yield f"  {name_[:16]:<17}{track:<9}{paint(filled(share / top), color)} {row[track]:,}, {share:.2%}"
    if "divergence" in comparison and "error" in comparison:
        allowed = f"at most {float(comparison.get('max') or 0):g} allowed"
        yield f"  divergence {float(comparison['divergence']):.4f} ± {float(comparison['error']):.4f} bits, {allowed}"
    yield from _evidence_lines(summarize(check), paint)
