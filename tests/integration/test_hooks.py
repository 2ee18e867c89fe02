"""Hooks from a real API server to a real receiver and back: they delay a promotion, and no rollback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from integration.harness import World
from integration.rollouts import (
    NAME,
    QUICK,
    Traffic,
    outcome,
    phase,
    publish,
    quarantine,
    reason,
    rollout,
    serve,
    stable,
)

pytestmark = pytest.mark.integration

BAD = (150, 50, 0)
GOOD = (200, 0, 0)
HOOKS = [{"name": "approved", "at": "ConfirmPromotion", "endpoint": "desk"}]


@dataclass
class Desk:
    """A receiver. It hangs until it is `open`, then says `status`."""

    status: int = 200
    open: threading.Event = field(default_factory=threading.Event)
    events: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [e for e in list(self.events) if e["type"] == f"dev.linnet.{type_}"]


@contextmanager
def receiving(desk: Desk) -> Iterator[Desk]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            desk.events.append(event)
            if event["type"] == "dev.linnet.rollout.confirmpromotion":
                desk.open.wait()
            self.send_response(desk.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        desk.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield desk
        desk.open.set()
        server.shutdown()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with receiving(Desk()) as running:
        yield running


def begin(world: World, desk: Desk, folder: Path) -> Traffic:
    """Version 2 comes to a Deployment whose promotions the desk confirms."""
    file = folder / "hooks.yaml"
    endpoint = {"name": "desk", "url": f"http://127.0.0.1:{desk.port}/", "timeout": "30s"}
    file.write_text(json.dumps({"endpoints": [endpoint], "events": {"endpoint": "desk", "reasons": ["HookAsked"]}}))
    world.start_operator(LINNET_HOOKS_FILE=str(file))
    traffic = serve(world, strategy={**QUICK["strategy"], "hooks": HOOKS})
    publish(world, 2)
    traffic.answers[2] = GOOD
    traffic.until(lambda: reason(world) == "WaitingForHook", "the hook to be waited for")
    traffic.until(lambda: desk.of("rollout.confirmpromotion"), "the question")
    return traffic


def test_the_promotion_waits_for_the_yes(quiet_world: World, desk: Desk, tmp_path: Path) -> None:
    """Every step is done, and nothing is promoted until the desk says so; the decisions come to it as events."""
    traffic = begin(quiet_world, desk, tmp_path)
    assert phase(quiet_world) == "Stepping"
    assert "it waits for hook approved (endpoint desk)" in quiet_world.condition("Deployment", NAME)["message"]
    [waiting] = rollout(quiet_world)["hooks"]
    assert (waiting["name"], waiting["answer"]) == ("approved", "Waiting")
    assert stable(quiet_world) == 1
    desk.open.set()
    traffic.until(lambda: outcome(quiet_world) == "Promoted", "version 2 to be promoted")
    traffic.until(lambda: desk.of("decision.completed"), "the last decision to be told")
    ids = [(e["source"], e["id"]) for e in desk.events if e["type"].startswith("dev.linnet.decision.")]
    assert len(set(ids)) == len(ids)
    assert len(desk.of("event.hookasked")) == 1
    assert desk.of("decision.promoted")[0]["data"]["by"] == "analysis"


def test_a_failing_canary_is_rolled_back_while_the_hook_hangs(quiet_world: World, desk: Desk, tmp_path: Path) -> None:
    """The receiver never answers: the rollback does not ask it."""
    traffic = begin(quiet_world, desk, tmp_path)
    traffic.answers[2] = BAD
    traffic.until(lambda: outcome(quiet_world) == "RolledBack", "version 2 to be rolled back")
    assert not desk.open.is_set()
    assert quarantine(quiet_world, 2)
    assert stable(quiet_world) == 1
