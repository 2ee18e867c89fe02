"""`kubectl linnet get --watch`: the trees, drawn again as the objects change."""

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from linnet.api.labels import COMPONENT
from linnet.cli.cluster.deployments import DeploymentTree, deployment_trees
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES, Object
from linnet.cli.console import OK, Console
from linnet.cli.views.deployment import render_all
from linnet.cli.views.screen import screen

SERVING: Final = ("pods", "-l", f"{COMPONENT}=serving")
CALM: Final = 0.2
"""Seconds in which changes are gathered before the tree is drawn again."""


@dataclass
class WatchedObjects:
    """The objects as they are now, by kind and name; `changed` is set with each change."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, kubectl: Kubectl, *resource: str) -> None:
        async with aclosing(kubectl.watch(*resource)) as changes:
            async for type_, obj in changes:
                key = (str(obj.get("kind")), str((obj.get("metadata") or {}).get("name")))
                self.objects.pop(key, None)
                if type_ != "DELETED":
                    self.objects[key] = obj
                self.changed.set()

    def trees(self) -> list[DeploymentTree]:
        kinds = [
            [o for (k, _), o in self.objects.items() if k == kind] for kind in ("Deployment", "ModelVersion", "Pod")
        ]
        return deployment_trees(*kinds)


def run(name: str | None, console: Console) -> int:
    """Draws the trees until it is interrupted: in place on a terminal, elsewhere one after the other."""
    return asyncio.run(_follow(name, console))


async def _follow(name: str | None, console: Console) -> int:
    watched = WatchedObjects()
    named = [name] if name else []
    followed = ((RESOURCES["mld"], *named), (RESOURCES["mv"],), SERVING)
    async with asyncio.TaskGroup() as group:
        for resource in followed:
            group.create_task(watched.follow(console.kubectl, *resource))
        await _draw(watched, console)
    return OK


async def _draw(watched: WatchedObjects, console: Console) -> None:
    drawn, where = [""], screen(plain=False)
    try:
        while True:
            await watched.changed.wait()
            await asyncio.sleep(CALM)
            watched.changed.clear()
            if (current := render_all(watched.trees(), console.paint)) != drawn:
                drawn = current
                where.draw(current[: _height()])
                where.plain([*current, ""])
    finally:
        where.close()


def _height() -> int:
    """The lines that fit on the terminal: what has left the screen could not be drawn over."""
    try:
        return max(1, os.get_terminal_size().lines - 1)
    except OSError:
        return 1000
