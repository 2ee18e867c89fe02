"""The story goes on while the gateway is built, and its end waits for it."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from demo.evidence.stage import Stage
from demo.place import Examples
from demo.settings import Front, Images, Place, Settings, Store
from demo.story import Story

from linnet.cli.cluster.kubectl import Kubectl


@dataclass
class Cluster:
    """Takes what is applied; `changed` is set with each."""

    applied: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, *_: str) -> str:
        return ""

    async def apply(self, manifest: str) -> None:
        self.applied.append(manifest)
        self.changed.set()


class Gone(Exception):  # noqa: N818 - what the builder said
    """The gateway could not be built."""


def story(cluster: Cluster, coming: "asyncio.Future[Front]", said: "asyncio.Queue[str]") -> Story:
    place = Place(Path("/k"), Images("l:1", "m:1"), Store("http://s", "a", "b"))
    made = Story(
        Stage(),
        cast("Kubectl", cluster),
        Examples(place),
        Settings(None, Path("/out")),
        said.put_nowait,
        lambda: None,
        front=coming,
        clients=["traffic"],
    )
    made.stage.batches.totals["traffic"] = 0
    return made


async def test_the_episodes_behind_a_gateway_wait_for_it() -> None:
    """Who watches reads what is waited for; nothing is applied before, and the Gateway first of all."""
    cluster, said = Cluster(), asyncio.Queue[str]()
    coming: asyncio.Future[Front] = asyncio.get_running_loop().create_future()
    told = story(cluster, coming, said)
    task: asyncio.Task[Any] = asyncio.create_task(told._through_gateway(coming))
    assert "not there yet" in await asyncio.wait_for(said.get(), 20)
    assert cluster.applied == []
    front = Front("traefik", "10.0.0.1:7080")
    coming.set_result(front)
    await asyncio.wait_for(cluster.changed.wait(), 20)
    assert json.loads(cluster.applied[0]) == front.manifest
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_gateway_that_can_t_be_built_ends_the_story() -> None:
    """The reason is the builder's own."""
    coming: asyncio.Future[Front] = asyncio.get_running_loop().create_future()
    coming.set_exception(Gone("no space"))
    with pytest.raises(Gone, match="no space"):
        await story(Cluster(), coming, asyncio.Queue())._through_gateway(coming)
