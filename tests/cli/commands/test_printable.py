"""What strangers write into the cluster moves nobody's terminal and ends nobody's command."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from cli import rollouts
from cli.hostile import deep, hostile
from cli.person import Object, Person
from foreign.hostile import HOSTILE
from linnet.cli.views.screen import Screen, clipped
from samples import deployment, model_version, retrain_policy

ROLLOUTS = (rollouts.canary, rollouts.rolled_back, rollouts.waiting_for_hook, rollouts.promoted, rollouts.sharing)
COMMANDS = (
    ("get",),
    ("get", "tumor-risk"),
    ("explain", "tumor-risk"),
    ("explain", "mv/tumor-risk-v2"),
    ("history", "tumor-risk"),
    ("simulate", "--replay", "mv/tumor-risk-v2"),
)
PLAIN = frozenset("\n")
OBEYED = (b"\x1b]", b"\x1b[2J", b"\x1b[8m", b"\x9b31m", "\u202e".encode())


@cache
def spoiled(index: int) -> str:
    """The objects of a rollout as JSON, since a test may change what it gets."""
    return json.dumps([hostile(obj) for obj in rollouts.objects(ROLLOUTS[index]())])


def objects(index: int) -> list[Object]:
    return list(json.loads(spoiled(index)))


def printable(text: str) -> bool:
    return all(c.isprintable() or c in PLAIN for c in text)


@pytest.mark.rollouts
@pytest.mark.parametrize("index", range(len(ROLLOUTS)), ids=[r.__name__ for r in ROLLOUTS])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_prints_what_a_terminal_obeys(person: Person, words: tuple[str, ...], index: int) -> None:
    """Every string that the API leaves open, and a pod's last words, hold escape sequences: lines come, and no more."""
    said = person.sees(*objects(index)).types(*words)
    assert printable(said.out + said.err)
    assert "Traceback" not in said.err
    assert (said.out + said.err).strip()


@pytest.mark.rollouts
def test_the_words_themselves_are_shown(person: Person) -> None:
    """What is left of them is what a person must read: why a version failed."""
    assert "hidden" in person.sees(*objects(1)).types("explain", "tumor-risk").out


@pytest.mark.rollouts
@pytest.mark.parametrize("index", range(len(ROLLOUTS)), ids=[r.__name__ for r in ROLLOUTS])
def test_a_report_shows_them_as_words(person: Person, index: int) -> None:
    """A page has no terminal, and directions and invisible characters all the same."""
    file = person.folder / "report.html"
    assert person.sees(*objects(index)).types("report", "-o", str(file)).code == 0
    assert printable(file.read_text())


@pytest.mark.rollouts
def test_watching_goes_on(person: Person) -> None:
    """A terminal that is redrawn gets the cursor's movements of the command itself, and none of a model's."""
    path = f"{Path(__file__).parents[1]}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "FAKE_KUBECTL": str(person.sees(*objects(1)).folder), "TERM": "xterm"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "linnet.cli", "get", "--watch"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while b"v2" not in shown:
            shown += os.read(ours, 4096)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    os.close(ours)
    assert [found for found in OBEYED if found in shown] == []


@pytest.mark.parametrize("line", ["\x1b", "a\x1b]0;t\x07b", "\x1b[31", "\x1b[31mred\x1b[0m\x1b"])
def test_a_lone_escape_ends_no_drawing(line: str) -> None:
    """Whatever comes to the screen, a line is drawn."""
    Screen(io.StringIO(), live=True).draw([line])
    assert len(clipped(line, 3)) >= 1


def test_wide_characters_do_not_make_a_line_wrap() -> None:
    """A wrapped line could not be erased: the tree would wander down the terminal with each change."""
    assert clipped("模型模型", 5) == "模型"
    assert clipped("z\u0301\u0301ab", 2) == "z\u0301\u0301a"


@pytest.mark.parametrize(
    "body",
    [deep(100_000), "[1]", "{"],
    ids=["deep", "list", "half"],
)
def test_what_can_not_be_decoded_is_told(person: Person, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and no traceback, where there is no list at all."""
    monkeypatch.setattr("linnet.cli.cluster.kubectl.outputs", lambda *_: iter([body.encode()] * 3))
    said = person.sees(deployment()).types("get", "-n", "ml")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("what the API server answered can't be read")


def test_the_api_servers_words_are_shown_without_what_is_hidden_in_them(person: Person) -> None:
    """An admission webhook's refusal, and an object's name within it, are somebody's words, too."""
    person.sees(deployment(), model_version(1), retrain_policy()).refused(f"denied: {HOSTILE}")
    said = person.types("pause", "tumor-risk")
    assert said.code == 1
    assert said.err.startswith("denied:")
    assert printable(said.err)


def test_a_manifest_that_is_linted_moves_no_terminal(person: Person, tmp_path: Path) -> None:
    """A continuous integration job prints what a stranger's pull request says."""
    file = tmp_path / "model.yaml"
    spec = {f"y{HOSTILE}": 1, "format": HOSTILE}
    file.write_text(json.dumps({**deployment(), "metadata": {"name": f"x{HOSTILE}"}, "spec": spec}))
    said = person.types("lint", str(file))
    assert said.code == 1
    assert printable(said.out + said.err)
