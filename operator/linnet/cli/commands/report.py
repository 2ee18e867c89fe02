"""`kubectl linnet report`: what serves and what was decided, as one HTML file to send, print or keep."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linnet.cli.cluster import evidence
from linnet.cli.cluster.deployments import DeploymentTree, read_deployments
from linnet.cli.cluster.objects import name
from linnet.cli.console import OK, Console, FailedError
from linnet.cli.report.page import DeploymentReport, page


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "an HTML file of what serves, the versions, and each decision with its counts"
    parser = commands.add_parser("report", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", nargs="*", help="of Deployments; all of the namespace if left out")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="standard output if left out")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    reports = asyncio.run(_reports(options.name, console))
    text = page(reports, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    if options.output is None:
        console.out.write(text)
        return OK
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FailedError(f"{options.output}: {error.strerror}") from error
    console.say(f"{options.output}: {len(reports)} {'Deployment' if len(reports) == 1 else 'Deployments'}")
    return OK


async def _reports(names: Sequence[str], console: Console) -> list[DeploymentReport]:
    """The reports of the Deployments named, in that order, or of all. FailedError names those that are not there."""
    known = {name(tree.deployment): tree for tree in read_deployments(console.kubectl, None)}
    if missing := [n for n in names if n not in known]:
        raise FailedError(f"no Deployment (mld) {', '.join(missing)} in this namespace")
    wanted = [known[n] for n in names] if names else list(known.values())
    return list(await asyncio.gather(*(_report(tree, console) for tree in wanted)))


async def _report(tree: DeploymentTree, console: Console) -> DeploymentReport:
    if not tree.rollout:
        return DeploymentReport(tree)
    try:
        counted = await evidence.checks(console.kubectl, tree)
    except evidence.UnreadableError as error:
        return DeploymentReport(tree, list(tree.rollout.get("checks") or ()), str(error))
    return DeploymentReport(tree, counted.checks, f"counts of {counted.at:%Y-%m-%dT%H:%M:%SZ}")
