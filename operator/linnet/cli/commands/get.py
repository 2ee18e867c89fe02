"""`kubectl linnet get`: the tree of each Deployment, once or as it changes."""

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from linnet.cli.cluster.deployments import seen
from linnet.cli.console import FORMATS, OK, Console
from linnet.cli.views.deployment import described, lines


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "Deployments as trees: versions, their pods and share of the traffic, verdicts"
    parser = commands.add_parser("get", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of a Deployment; all of the namespace if left out")
    parser.add_argument("-w", "--watch", action="store_true", help="go on, and draw it again when something changes")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the same for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    if given.watch:
        return _watch(given, console)
    with _undisturbed():
        found = seen(console.kubectl, given.name)
    if given.output:
        console.show([described(f) for f in found], given.output)
    else:
        console.say(*(lines(found, console) or ["no Deployment (mld) in this namespace"]))
    return OK


def _watch(given: argparse.Namespace, console: Console) -> int:
    """Asks once first: what there is not, nobody can watch."""
    from linnet.cli.commands import watch

    seen(console.kubectl, given.name)
    return watch.run(given.name, console)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No search for garbage among the parts of thousands of objects that have just come: a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
