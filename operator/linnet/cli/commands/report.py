"""`kubectl linnet report`: what serves and what was decided, as one HTML file to send, print or keep."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linnet.cli.cluster import evidence as cluster_evidence
from linnet.cli.cluster.deployments import Family, seen
from linnet.cli.cluster.objects import name
from linnet.cli.console import OK, Console, FailedError
from linnet.cli.report.page import Told, page


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "an HTML file of what serves, the versions, and each decision with its counts"
    parser = commands.add_parser("report", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", nargs="*", help="of Deployments; all of the namespace if left out")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="standard output if left out")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    told = asyncio.run(_told(given.name, console))
    text = page(told, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    if given.output is None:
        console.out.write(text)
        return OK
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FailedError(f"{given.output}: {error.strerror}") from error
    console.say(f"{given.output}: {len(told)} {'Deployment' if len(told) == 1 else 'Deployments'}")
    return OK


async def _told(names: Sequence[str], console: Console) -> list[Told]:
    """Of the Deployments named, in that order, or all. FailedError names one that is not there."""
    known = {name(f.deployment): f for f in seen(console.kubectl, None)}
    if missing := [n for n in names if n not in known]:
        raise FailedError(f"no Deployment (mld) {', '.join(missing)} in this namespace")
    wanted = [known[n] for n in names] if names else list(known.values())
    return list(await asyncio.gather(*(_one(family, console) for family in wanted)))


async def _one(family: Family, console: Console) -> Told:
    if not family.rollout:
        return Told(family)
    try:
        when, checks = await cluster_evidence.checks(console.kubectl, family)
    except cluster_evidence.UnreadableError as error:
        return Told(family, list(family.rollout.get("checks") or ()), str(error))
    return Told(family, checks, f"counts of {when}")
