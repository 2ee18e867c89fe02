"""What the demo waits for before it begins, what comes meanwhile, and that nothing outlives it."""

import asyncio
from pathlib import Path

import pytest
from demo.settings import Front, Images, Place, Settings, Store

from demo import place
from linnet.cli.cluster.processes import CommandError

SCRIPT = """
import sys, time
print(f"[   0.1 s] {sys.argv[1]}", file=sys.stderr, flush=True)
if sys.argv[1] == "sleep":
    time.sleep(600)
print("not this")
print("the answer")
sys.exit(sys.argv[1] == "fail")
"""


def elsewhere(front: Front | None) -> Settings:
    return Settings(Place(Path("/k"), Images("l:1", "m:1"), Store("http://s", "a", "b"), front=front), Path("/out"))


async def test_another_cluster_s_gateway_is_there_at_once() -> None:
    """Nothing is built for it, and the episodes behind it wait for nothing."""
    front = Front("envoy", "10.0.0.7:80")
    found = place.gateway(elsewhere(front), print)
    assert found is not None
    assert found.done()
    assert await found == front


async def test_another_cluster_may_have_no_gateway() -> None:
    """Its episodes are left out then, so nothing is waited for."""
    assert place.gateway(elsewhere(None), print) is None


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of cluster.py."""
    path = tmp_path / "hack/cluster/cluster.py"
    path.parent.mkdir(parents=True)
    path.write_text(SCRIPT)
    monkeypatch.setattr(place, "ROOT", tmp_path)
    return path


@pytest.mark.usefixtures("script")
async def test_a_command_s_last_line_is_its_answer() -> None:
    """What it says meanwhile is told, without its own stopwatch."""
    said: list[str] = []
    assert await place._cluster(said.append, "up", "--images") == "the answer"
    assert said == ["up"]


@pytest.mark.usefixtures("script")
async def test_a_command_that_fails_says_why() -> None:
    """The last line of its progress is the reason."""
    with pytest.raises(CommandError, match=r"^fail$"):
        await place._cluster(print, "fail")


@pytest.mark.usefixtures("script")
async def test_a_build_ends_with_the_demo() -> None:
    """A story that failed leaves no build in the background."""
    begun = asyncio.Event()
    task = asyncio.create_task(place._cluster(lambda _: begun.set(), "sleep"))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
