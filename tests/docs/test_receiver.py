"""docs/examples/receiver.py is started as the page says, and asked by the operator's own code."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.pages import REPO
from linnet.adapters.outbound.hooks import Endpoints
from linnet.api.kinds.deployment import CheckVerdict, RevisionStatus, RolloutStatus
from linnet.api.parts.hooks import Hooks
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core import webhooks
from linnet.core.resources.objects import Parent
from linnet.core.webhooks import Call, Confirmed, NotYet, Refused, Reply
from simulator import DIGESTS, START


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A receiver in an empty folder, on a free port."""
    command = [sys.executable, str(REPO / "docs/examples/receiver.py"), "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().split()[-1]}"
        process.terminate()


def said(url: str, at: HookPoint, verdict: Any = "Pass") -> Reply:
    """What it answers to a question about version 2."""
    rollout = RolloutStatus(
        id="r",
        phase="Stepping",
        from_=RevisionStatus(name="risk-v1", version=1, digest=DIGESTS[1]),
        to=RevisionStatus(name="risk-v2", version=2, digest=DIGESTS[2]),
        started_at="2026-01-01T00:00:00Z",
        checks=[CheckVerdict(name="errors", verdict=verdict)],
    )
    parent = Parent("risk", "ml", "uid", 1, {}, False, {"model": {"name": "risk"}}, {})
    event = webhooks.of_hook(parent, rollout, Hook(name="h", at=at, endpoint="desk"), rollout.started_at)
    return asyncio.run(_asked(url, Call("uid", "r", "h", "desk", json.dumps(event))))


async def _asked(url: str, call: Call) -> Reply:
    hooks = Hooks.model_validate({"endpoints": [{"name": "desk", "url": url}]})
    endpoints = Endpoints(hooks, lambda: START, lambda *_: None, lambda *_: None)
    endpoints._in_flight.seconds = 60.0
    answers = await endpoints.ask([call])
    await endpoints.close()
    return answers[call]


def test_it_waits_for_the_digest_in_its_file(url: str, tmp_path: Path) -> None:
    """Not yet, then yes."""
    assert said(url, "ConfirmPromotion") == NotYet("it answered 409: nobody has approved it yet")
    (tmp_path / "approved").write_text(f"{DIGESTS[1]}\n{DIGESTS[2]}\n")
    assert said(url, "ConfirmPromotion") == Confirmed()


def test_it_refuses_what_is_not_sure(url: str) -> None:
    """By the verdicts in the event."""
    assert said(url, "ConfirmPromotion", "Inconclusive") == Refused("not sure about errors")


def test_it_lets_everything_else_through(url: str) -> None:
    """What is only told has no answer."""
    assert said(url, "PreRollout") == Confirmed()
