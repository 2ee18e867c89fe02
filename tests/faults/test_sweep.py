"""The whole story once for each fault: it ends as without, nobody loses a pod, and nothing is written at rest.

`make faults` tries every write; `make test` a sample of them (Sieve, OSDI '22, has these faults and oracles).
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import aiohttp
import pytest

import shared
from control_plane import ApiServer
from faults.oracles import End, differences
from faults.plays import Play
from faults.runs import POINTS, part_of, runs
from faults.stage import GIVES_UP, Stage
from faults.story import Story, tell
from integration import harness
from integration.harness import until
from integration.test_gateway import routing  # noqa: F401 - a fixture is found by its name in this module
from linnet.adapters.cluster import kube

pytestmark = pytest.mark.integration
REST_SECONDS = 3.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "play" in metafunc.fixturenames:
        config = metafunc.config
        cases = part_of(runs(whole=bool(config.getoption("--whole"))), str(config.getoption("--share")))
        ids = [f"{story.name}: {', '.join(p.names)} from {p.first}" for story, p in cases]
        metafunc.parametrize(("story", "play"), cases, ids=ids)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never comes is waited for as ever, but not for as long."""
    plain = {**kube._PLAIN, "_request_timeout": aiohttp.ClientTimeout(total=GIVES_UP, sock_connect=5)}
    monkeypatch.setattr(kube, "_PLAIN", plain)


@pytest.fixture
def plane(request: pytest.FixtureRequest, story: Story) -> ApiServer:
    """The control plane that the story needs."""
    found = request.getfixturevalue(story.plane)
    assert isinstance(found, ApiServer)
    return found


@pytest.fixture
def faultless(plane: ApiServer, story: Story) -> End:
    """The end without faults, told once for all workers."""

    def tell_it(folder: Path) -> None:
        with harness.world(plane) as world:
            end = told(story, Stage(world, folder, None))
        (folder / "end.json").write_text(json.dumps(asdict(end)))

    return End(**json.loads((shared.once(f"faultless-{story.name}", tell_it) / "end.json").read_text()))


def told(story: Story, stage: Stage) -> End:
    """Tell the story on this stage; every oracle but the comparison is asked here."""
    with stage.operated():
        watcher = tell(story, stage)
        until(lambda: at_rest(stage, REST_SECONDS), "the last Events, and what is tried again", 60)
        assert not watcher.alarms
        assert not stage.errors.found
        return End.of(stage.world, stage.made, story.routes)


def at_rest(stage: Stage, seconds: float) -> bool:
    before = len(stage.writes)
    time.sleep(seconds)
    return len(stage.writes) == before


def test_ends_as_without_the_fault(
    plane: ApiServer,
    tmp_path: Path,
    faultless: End,
    story: Story,
    play: Play,
    record_property: Callable[[str, object], None],
) -> None:
    """Objects, decisions and creations are those of a run in which nothing went wrong."""
    try:
        with harness.world(plane) as world:
            end = told(story, Stage(world, tmp_path, play))
    finally:
        record_property(POINTS, len(play.struck))
    assert play.struck, "the story has no such write: nothing was tried"
    assert list(differences(asdict(end), asdict(faultless))) == [], play.struck
