"""`kubectl linnet history` and `explain`: what was decided, and why."""

import argparse
import asyncio
from typing import Any, Final

from linnet.cli import underway
from linnet.cli.console import FORMATS, OK, Console, FailedError, UsageError, table
from linnet.cli.family import Family
from linnet.cli.kubectl import Kubectl
from linnet.cli.looking import seen
from linnet.cli.objects import RESOURCES, condition, name
from linnet.cli.records import Recorded, newest_first, told, told_check
from linnet.cli.tree import by_policy
from linnet.cli.weighed import weighed

HEAD: Final = ("TIME", "VERSION", "DECISION", "BY", "DEPLOYMENT", "REASON", "MESSAGE")
_WAITS: Final = {
    "InsufficientData": "too few requests yet, or its time is not over",
    "Inconclusive": "it looks worse than its bound, but chance may explain it; more requests will tell",
    "Error": "its metrics can't be read; nothing is decided until they can",
}


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "the decisions on a model's versions, newest first"
    parser = commands.add_parser("history", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a Model (mdl/NAME)")
    _output(parser, history)
    about = "why a version was rolled back, was promoted, or waits"
    parser = commands.add_parser("explain", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a version (mv/NAME)")
    _output(parser, explain)


def _output(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("-o", "--output", choices=FORMATS, help="the records as they are")
    parser.set_defaults(run=run)


def history(given: argparse.Namespace, console: Console) -> int:
    kind, name_ = _object(given.name, ("mld", "mdl"))
    found = _of_deployment(console.kubectl, name_) if kind == "mld" else asyncio.run(_of_model(console.kubectl, name_))
    if given.output:
        console.show([r.wire() for r in found], given.output)
    else:
        console.say(*(table(HEAD, map(_row, found)) if found else [f"no decision on {name_} is recorded yet"]))
    return OK


def _row(record: Recorded) -> list[str]:
    of = record.decision
    words = [of["decision"], of["by"], of["deployment"] or "-", of.get("reason", ""), of.get("message", "")]
    return [record.time, f"v{record.number}", *words]


def _object(text: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """`mdl/tumor-risk` → (mdl, tumor-risk); a bare name is of the first kind."""
    kind, slash, rest = text.rpartition("/")
    if slash and kind not in kinds:
        raise UsageError(f"{text}: write {' or '.join(f'{k}/NAME' for k in kinds)}")
    return kind or kinds[0], rest


def _of_deployment(kubectl: Kubectl, name_: str) -> list[Recorded]:
    (family,) = seen(kubectl, name_)
    return _own(family)


def _own(family: Family) -> list[Recorded]:
    """Those made here, and those about a version wherever it is."""
    return [r for r in newest_first(family.versions) if r.decision["deployment"] in {"", name(family.deployment)}]


async def _of_model(kubectl: Kubectl, name_: str) -> list[Recorded]:
    versions = (await kubectl.get(RESOURCES["mv"]))["items"]
    return newest_first(v for v in versions if v["spec"]["model"]["name"] == name_)


def explain(given: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_explain(given, console))


async def _explain(given: argparse.Namespace, console: Console) -> int:
    kind, name_ = _object(given.name, ("mld", "mv"))
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
    return [r for r in _own(family) if not rollout or str(r.decision["id"]).startswith(f"{rollout['id']}-")]


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
        when, checks = await underway.checks(console.kubectl, family)
        note = f"counts of {when}: they are written every half minute"
    except underway.UnreadableError as error:
        note = str(error)
    lines: list[str] = []
    for check in checks:
        why = check.get("message") or _WAITS.get(check["verdict"], "")
        lines += told_check(weighed({**check, "message": why}), console.paint)
    return [*lines, *([console.paint(note, "dim")] if note else [])]
