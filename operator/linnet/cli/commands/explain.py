"""`kubectl linnet explain`: why a version was rolled back, was promoted, or waits."""

import argparse
import asyncio
from typing import Any, Final

from linnet.cli.cluster import evidence as cluster_evidence
from linnet.cli.cluster.deployments import Family, seen
from linnet.cli.cluster.objects import RESOURCES, condition
from linnet.cli.console import OK, Console, FailedError, object_argument, output_option
from linnet.cli.views.check import weighed
from linnet.cli.views.decision import Recorded, decisions_of, newest_first, told, told_check
from linnet.cli.views.tree import by_policy

_WAITS: Final = {
    "InsufficientData": "too few requests yet, or its time is not over",
    "Inconclusive": "it looks worse than its bound, but chance may explain it; more requests will tell",
    "Error": "its metrics can't be read; nothing is decided until they can",
}


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "why a version was rolled back, was promoted, or waits"
    parser = commands.add_parser("explain", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a version (mv/NAME)")
    output_option(parser, explain)


def explain(given: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_explain(given, console))


async def _explain(given: argparse.Namespace, console: Console) -> int:
    kind, name_ = object_argument(given.name, ("mld", "mv"))
    waits: list[str] = []
    if kind == "mv":
        records = newest_first([await console.kubectl.get(RESOURCES["mv"], name_)])
    else:
        (family,) = seen(console.kubectl, name_)
        waits, records = await _waits(family, console), _relevant(family)
    if given.output:
        console.show(records[0].wire() if records else None, given.output)
    elif not waits and not records:
        raise FailedError(f"nothing was decided on {name_} yet")
    else:
        decided = told(records[0], console.paint) if records else []
        console.say(*waits, *([""] if waits and decided else []), *decided)
    return OK


def _relevant(family: Family) -> list[Recorded]:
    """The decisions of the rollout under way, or at rest all of the Deployment's."""
    rollout = family.rollout
    return [r for r in decisions_of(family) if not rollout or str(r.decision["id"]).startswith(f"{rollout['id']}-")]


async def _waits(family: Family, console: Console) -> list[str]:
    """What is going on, and for which verdict it waits; at rest, what stops it, if something does."""
    painted, rollout = console.paint, family.rollout
    ready, progressing = condition(family.deployment, "Ready"), condition(family.deployment, "Progressing")
    if not rollout:
        stopped = ready.get("status") == "False"
        return [f"{painted(ready['reason'], 'red')}: {ready['message']}"] if stopped else []
    lines = [f"{painted(rollout['phase'], 'yellow')}: {progressing.get('message', '')}"]
    lines += [f"  {line}" for line in await _counted(family, console)]
    named = by_policy(*family.policy)
    return [*lines, *([painted(f"by {named}, as it was when the rollout began", "dim")] if named else [])]


async def _counted(family: Family, console: Console) -> list[str]:
    """Each check that waits, with what was counted for it, if that can be read."""
    checks, note = list(family.rollout.get("checks") or ()), ""
    if not checks:
        return []
    try:
        when, checks = await cluster_evidence.checks(console.kubectl, family)
        note = f"counts of {when}: they are written every half minute"
    except cluster_evidence.UnreadableError as error:
        note = str(error)
    lines: list[str] = []
    for check in checks:
        why = check.get("message") or _WAITS.get(check["verdict"], "")
        lines += told_check(weighed({**check, "message": why}), console.paint)
    return [*lines, *([console.paint(note, "dim")] if note else [])]
