"""The frame of a command: whatever work ends with, its end is reported."""

import json
from pathlib import Path

import pytest

from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Document
from linnet.fetcher.command.supervisor import Supervisor


class PanicError(BaseException):
    """As a panic of a library in Rust arrives: it is no Exception."""


@pytest.mark.parametrize("error", [PanicError("bad host"), ValueError("odd"), SystemExit(3), KeyboardInterrupt()])
def test_what_no_library_should_raise_ends_the_attempt(tmp_path: Path, error: BaseException) -> None:
    """It is reported at once, and the kubelet starts the container again: nothing waits for the deadline."""

    def work() -> Document:
        raise error

    supervisor = Supervisor(Log(), tmp_path / "log", 60, "the fetch", "wait")
    assert supervisor.run(work) == 1
    outcome = json.loads((tmp_path / "log").read_text())
    assert outcome["reason"] == "Internal"
    assert type(error).__name__ in outcome["message"]


def test_a_secret_is_struck_before_a_message_is_cut(tmp_path: Path) -> None:
    """However long the message is: its beginning and its end are told, and no piece of the secret."""
    for length in range(480, 510):
        text = "x" * length + "canary-secret-0123" + "y" * 2000 + " what to do"

        def work(text: str = text) -> Document:
            raise ValueError(text)

        Supervisor(Log.knowing(["canary-secret-0123"]), tmp_path / "log", 60, "the fetch", "wait").run(work)
        message = json.loads((tmp_path / "log").read_text())["message"]
        assert "can" not in message.replace("cannot", "")
        assert message.endswith("what to do")
