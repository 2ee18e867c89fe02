"""`kubectl linnet get`: the tree of each Deployment, once or as it changes."""

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from linnet.cli.cluster.deployments import read_deployments
from linnet.cli.console import FORMATS, OK, Console
from linnet.cli.views.deployment import render_all, to_json


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "Deployments as trees: versions, their pods and share of the traffic, verdicts"
    parser = commands.add_parser("get", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of a Deployment; all of the namespace if left out")
    parser.add_argument("-w", "--watch", action="store_true", help="go on, and draw it again when something changes")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the same for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    if options.watch:
        return _watch(options, console)
    with _without_garbage_collection():
        trees = read_deployments(console.kubectl, options.name)
    if options.output:
        console.show([to_json(tree) for tree in trees], options.output)
    else:
        console.say(*(render_all(trees, console.paint) or ["no Deployment (mld) in this namespace"]))
    return OK


def _watch(options: argparse.Namespace, console: Console) -> int:
    """Watches after one look: what is not there, nobody can watch."""
    from linnet.cli.commands import watch

    read_deployments(console.kubectl, options.name)
    return watch.run(options.name, console)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Stops the search for garbage, which takes a fifth of the time among thousands of objects that have just come."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
