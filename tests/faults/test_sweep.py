"""The whole story once for each fault: it ends as without, nobody loses a pod, and nothing is written at rest.

`make faults` tries every write; `make test` a sample of them (Sieve, OSDI '22, has these faults and oracles).
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest

import shared
from control_plane import ApiServer
from faults.oracles import End
from faults.plays import Play, plays
from faults.stage import Stage
from faults.story import tell
from integration import harness
from integration.harness import until

pytestmark = pytest.mark.integration
REST_SECONDS = 3.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "play" in metafunc.fixturenames:
        cases = plays(whole=bool(metafunc.config.getoption("--whole")))
        metafunc.parametrize("play", cases, ids=[f"{', '.join(p.names)} from {p.first}" for p in cases])


@pytest.fixture(scope="module")
def faultless(api: ApiServer) -> End:
    """The end without faults, told once for all workers."""

    def tell_it(folder: Path) -> None:
        with harness.world(api) as world:
            end = told(Stage(world, folder, None))
        (folder / "end.json").write_text(json.dumps(asdict(end)))

    return End(**json.loads((shared.once("faultless", tell_it) / "end.json").read_text()))


def told(stage: Stage) -> End:
    """Tell the story on this stage; every oracle but the comparison is asked here."""
    with stage.operated():
        watcher = tell(stage)
        until(lambda: at_rest(stage, 0.5), "the last Events", 60)
        assert at_rest(stage, REST_SECONDS), stage.writes[-5:]
        assert not watcher.alarms
        assert not stage.errors.found
        return End.of(stage.world, stage.made)


def at_rest(stage: Stage, seconds: float) -> bool:
    before = len(stage.writes)
    time.sleep(seconds)
    return len(stage.writes) == before


def test_ends_as_without_the_fault(api: ApiServer, tmp_path: Path, faultless: End, play: Play) -> None:
    """Objects, decisions and creations are those of a run in which nothing went wrong."""
    with harness.world(api) as world:
        end = told(Stage(world, tmp_path, play))
    assert play.struck, "the story has no such write: nothing was tried"
    assert end.objects == faultless.objects, play.struck
    assert end.decisions == faultless.decisions, play.struck
    assert end.creations == faultless.creations, play.struck
