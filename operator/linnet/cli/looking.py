"""`kubectl linnet get`: the tree of each Deployment, once or as it changes."""

import argparse
import asyncio
import gc
import os
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from linnet.api.labels import COMPONENT, DEPLOYMENT
from linnet.api.names import API_VERSION
from linnet.cli.console import FORMATS, OK, Console
from linnet.cli.family import Family, described, families, tree
from linnet.cli.kubectl import Kubectl
from linnet.cli.objects import RESOURCES, Object
from linnet.cli.screen import screen

SERVING: Final = ("pods", "-l", f"{COMPONENT}=serving")
CALM: Final = 0.2
"""Seconds in which changes are gathered before the tree is drawn again."""


def add(commands: Any, cluster: argparse.ArgumentParser) -> None:
    about = "Deployments as trees: versions, their pods and share of the traffic, verdicts"
    parser = commands.add_parser("get", parents=[cluster], help=about, description=about)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of a Deployment; all of the namespace if left out")
    parser.add_argument("-w", "--watch", action="store_true", help="go on, and draw it again when something changes")
    parser.add_argument("-o", "--output", choices=FORMATS, help="the same for programs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace, console: Console) -> int:
    return asyncio.run(_watch(given, console) if given.watch else _get(given, console))


async def _get(given: argparse.Namespace, console: Console) -> int:
    with _undisturbed():
        found = await seen(console.kubectl, given.name)
    if given.output:
        console.show([described(f) for f in found], given.output)
    else:
        console.say(*(lines(found, console) or ["no Deployment (mld) in this namespace"]))
    return OK


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No search for garbage among the parts of thousands of objects that have just come: a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def seen(kubectl: Kubectl, name: str | None) -> list[Family]:
    """The Deployment of that name, or all. CommandError with kubectl's words where there is none."""
    placed = await kubectl.placed()
    reading = _by_get(kubectl, name) if placed.namespace is None else _by_path(placed, name)
    deployments, versions, pods = await asyncio.gather(*reading)
    return families([deployments] if name else deployments["items"], versions["items"], pods["items"])


def _by_path(kubectl: Kubectl, name: str | None) -> Iterator[Awaitable[dict[str, Any]]]:
    labels = f"{COMPONENT}=serving" + (f",{DEPLOYMENT}={name}" if name else "")
    yield kubectl.read(f"apis/{API_VERSION}", "deployments", name or "")
    yield kubectl.read(f"apis/{API_VERSION}", "modelversions")
    yield kubectl.read("api/v1", "pods", labels=labels)


def _by_get(kubectl: Kubectl, name: str | None) -> Iterator[Awaitable[dict[str, Any]]]:
    """Where only kubectl knows the namespace."""
    yield kubectl.get(RESOURCES["mld"], *([name] if name else []))
    yield kubectl.get(RESOURCES["mv"])
    yield kubectl.get(*SERVING)


def lines(found: Sequence[Family], console: Console) -> list[str]:
    """The trees, with a line between two."""
    trees = [tree(family, console.paint) for family in found]
    return [line for i, each in enumerate(trees) for line in (*([""] if i else []), *each)]


@dataclass
class Changing:
    """The objects as they are now; `changed` is set with each change."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, kubectl: Kubectl, *resource: str) -> None:
        async with aclosing(kubectl.watch(*resource)) as changes:
            async for type_, obj in changes:
                key = (obj["kind"], obj["metadata"]["name"])
                self.objects.pop(key, None)
                if type_ != "DELETED":
                    self.objects[key] = obj
                self.changed.set()

    def families(self) -> list[Family]:
        kinds = [
            [o for (k, _), o in self.objects.items() if k == kind] for kind in ("Deployment", "ModelVersion", "Pod")
        ]
        return families(*kinds)


async def _watch(given: argparse.Namespace, console: Console) -> int:
    """Until it is interrupted. On a terminal the tree is drawn in place, elsewhere one after the other."""
    await seen(console.kubectl, given.name)
    now = Changing()
    named = [given.name] if given.name else []
    followed = ((RESOURCES["mld"], *named), (RESOURCES["mv"],), SERVING)
    async with asyncio.TaskGroup() as group:
        for resource in followed:
            group.create_task(now.follow(console.kubectl, *resource))
        await _draw(now, console)
    return OK


async def _draw(now: Changing, console: Console) -> None:
    drawn, where = [""], screen(plain=False)
    try:
        while True:
            await now.changed.wait()
            await asyncio.sleep(CALM)
            now.changed.clear()
            if (current := lines(now.families(), console)) != drawn:
                drawn = current
                where.draw(current[: _height()])
                where.plain([*current, ""])
    finally:
        where.close()


def _height() -> int:
    """Lines that fit: what has left the screen could not be drawn over."""
    try:
        return max(1, os.get_terminal_size().lines - 1)
    except OSError:
        return 1000
