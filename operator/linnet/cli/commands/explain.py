"""`kubectl linnet explain`: why a version was rolled back, was promoted, or waits."""

import argparse
import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from linnet.cli.cluster import evidence
from linnet.cli.cluster.deployments import DeploymentTree, read_deployments
from linnet.cli.cluster.objects import RESOURCES, UNREADABLE, condition, unreadable_sentence
from linnet.cli.console import OK, Console, FailedError, object_argument, output_option
from linnet.cli.views import units
from linnet.cli.views.check import summarize
from linnet.cli.views.decision import (
    DecisionRecord,
    Recorded,
    check_lines,
    decision_lines,
    decisions_of,
    newest_first,
)
from linnet.cli.views.tree import by_policy

_WAITS_FOR: Final = {
    "InsufficientData": "too few requests yet, or its time is not over",
    "Inconclusive": "it looks worse than its bound, but chance may explain it; more requests will tell",
    "Error": "its metrics can't be read; nothing is decided until they can",
}
STALE: Final = timedelta(seconds=90)
"""Counts are written down every half minute, and this machine's clock may be another than the operator's."""
_WHO_LEADS: Final = "does an operator lead? kubectl get lease -n linnet-system linnet"


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "why a version was rolled back, was promoted, or waits"
    parser = commands.add_parser("explain", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a version (mv/NAME)")
    output_option(parser, run)


def run(options: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_explain(options, console))


async def _explain(options: argparse.Namespace, console: Console) -> int:
    kind, name_ = object_argument(options.name, ("mld", "mv"))
    progress, unreadable = list[str](), list[str]()
    if kind == "mv":
        found = newest_first([await console.kubectl.get(RESOURCES["mv"], name_)])
        records = found.records
    else:
        (tree,) = read_deployments(console.kubectl, name_)
        found = decisions_of(tree)
        records = _decisions(tree, found)
        unreadable += tree.unreadable
        try:
            progress += await _progress(tree, console)
        except UNREADABLE as error:
            unreadable.append(unreadable_sentence("Deployment", tree.deployment, error))
    console.warn(*unreadable, *found.unreadable)
    if options.output:
        console.show(records[0].wire() if records else None, options.output)
    elif not progress and not records:
        raise FailedError(f"nothing was decided on {name_} yet")
    else:
        decided = decision_lines(records[0], console.paint) if records else []
        console.say(*progress, *([""] if progress and decided else []), *decided)
    return OK


def _decisions(tree: DeploymentTree, found: Recorded) -> list[DecisionRecord]:
    """The decisions of the rollout under way, or at rest all of the Deployment's."""
    rollout = tree.rollout
    return [r for r in found.records if not rollout or str(r.decision["id"]).startswith(f"{rollout['id']}-")]


async def _progress(tree: DeploymentTree, console: Console) -> list[str]:
    """Lines on what is going on and for which verdict it waits; at rest, on what stops it, if something does."""
    paint, rollout = console.paint, tree.rollout
    ready, progressing = condition(tree.deployment, "Ready"), condition(tree.deployment, "Progressing")
    if not rollout:
        stopped = ready.get("status") == "False"
        return [f"{paint(ready['reason'], 'red')}: {ready['message']}"] if stopped else []
    lines = [f"{paint(rollout['phase'], 'yellow')}: {progressing.get('message', '')}"]
    lines += [f"  {line}" for line in await _counts_so_far(tree, console)]
    named = by_policy(*tree.policy)
    return [*lines, *([paint(f"by {named}, as it was when the rollout began", "dim")] if named else [])]


async def _counts_so_far(tree: DeploymentTree, console: Console) -> list[str]:
    """Lines on each check that waits, with what was counted for it, if that can be read."""
    checks, note, late = list(tree.rollout.get("checks") or ()), "", list[str]()
    if not checks:
        return []
    try:
        counted = await evidence.checks(console.kubectl, tree)
        checks, note = counted.checks, f"counts of {counted.at:%Y-%m-%dT%H:%M:%SZ}: they are written every half minute"
        late = [console.paint(sentence, "yellow") for sentence in _late(counted, datetime.now(UTC))]  # noqa: TID251
    except evidence.UnreadableError as error:
        note = str(error)
    lines: list[str] = []
    for check in checks:
        why = check.get("message") or _WAITS_FOR.get(check["verdict"], "")
        lines += check_lines(summarize({**check, "message": why}), console.paint)
    return [*lines, *late, *([console.paint(note, "dim")] if note else [])]


def _late(counted: evidence.Counted, now: datetime) -> Iterator[str]:
    """Says where judging lags: nobody has counted lately, or intervals were left out before."""
    age = now - counted.at
    if age > STALE:
        yield f"judging lags: its newest counts are {units.time(age.total_seconds())} old; {_WHO_LEADS}"
    if counted.missed:
        times = "interval was" if counted.missed == 1 else "intervals were"
        yield f"judging lagged: {counted.missed} {times} missed; a rollback would have come later by as much"
