"""`kubectl linnet history`: the decisions on a model's versions, newest first."""

import argparse
import asyncio
from typing import Any, Final

from linnet.cli.cluster.deployments import seen
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES
from linnet.cli.console import OK, Console, object_argument, output_option, table
from linnet.cli.views.decision import Recorded, decisions_of, newest_first

HEAD: Final = ("TIME", "VERSION", "DECISION", "BY", "DEPLOYMENT", "REASON", "MESSAGE")


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "the decisions on a model's versions, newest first"
    parser = commands.add_parser("history", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a Model (mdl/NAME)")
    output_option(parser, history)


def history(given: argparse.Namespace, console: Console) -> int:
    kind, name_ = object_argument(given.name, ("mld", "mdl"))
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


def _of_deployment(kubectl: Kubectl, name_: str) -> list[Recorded]:
    (family,) = seen(kubectl, name_)
    return decisions_of(family)


async def _of_model(kubectl: Kubectl, name_: str) -> list[Recorded]:
    versions = (await kubectl.get(RESOURCES["mv"]))["items"]
    return newest_first(v for v in versions if v["spec"]["model"]["name"] == name_)
