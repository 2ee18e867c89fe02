"""`kubectl linnet history`: the decisions on a model's versions, newest first."""

import argparse
import asyncio
from typing import Any, Final

from linnet.cli.cluster.deployments import read_deployments
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES, each, items
from linnet.cli.console import OK, Console, object_argument, output_option, table
from linnet.cli.views.decision import DecisionRecord, Recorded, decisions_of, newest_first

HEAD: Final = ("TIME", "VERSION", "DECISION", "BY", "DEPLOYMENT", "REASON", "MESSAGE")


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "the decisions on a model's versions, newest first"
    parser = commands.add_parser("history", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="a Deployment (mld/NAME, or NAME), or a Model (mdl/NAME)")
    output_option(parser, run)


def run(options: argparse.Namespace, console: Console) -> int:
    kind, name_ = object_argument(options.name, ("mld", "mdl"))
    found = _of_deployment(console.kubectl, name_) if kind == "mld" else asyncio.run(_of_model(console.kubectl, name_))
    if options.output:
        console.show([r.wire() for r in found.records], options.output)
    else:
        none = [f"no decision on {name_} is recorded yet"]
        console.say(*(table(HEAD, map(_row, found.records)) if found.records else none))
    console.warn(*found.unreadable)
    return OK


def _row(record: DecisionRecord) -> list[str]:
    of = record.decision
    words = [of["decision"], of["by"], of["deployment"] or "-", of.get("reason", ""), of.get("message", "")]
    return [record.time, f"v{record.number}", *words]


def _of_deployment(kubectl: Kubectl, name_: str) -> Recorded:
    (tree,) = read_deployments(kubectl, name_)
    return decisions_of(tree)


async def _of_model(kubectl: Kubectl, name_: str) -> Recorded:
    versions = items(await kubectl.get(RESOURCES["mv"]))
    models, lost = each("ModelVersion", versions, lambda v: (v["spec"]["model"]["name"], v))
    found = newest_first(v for model, v in models if model == name_)
    return Recorded(found.records, (*lost, *found.unreadable))
