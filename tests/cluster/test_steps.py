"""Long commands are heard as they speak, gentle ones wait for everybody else, and none outlives its listener."""

from pathlib import Path

import pytest
from hack.cluster import steps
from hack.cluster.commands import lifecycle
from hack.cluster.images import base, buildah
from hack.cluster.machine import processes


def test_both_streams_are_heard_and_kept(tmp_path: Path) -> None:
    """Progress is told from the same lines that the log keeps."""
    heard: list[str] = []
    steps.follow(["sh", "-c", "echo one; echo two >&2"], heard.append, log=tmp_path / "logs" / "x.log")
    assert heard == ["one", "two"]
    assert (tmp_path / "logs" / "x.log").read_text() == "one\ntwo\n"


def test_a_failed_long_command_says_its_last_words(tmp_path: Path) -> None:
    """The words of this run, though the log has those of former ones, too."""
    log = tmp_path / "x.log"
    log.write_text("all was well\n")
    with pytest.raises(steps.ClusterError, match=r"ended with 3:\nno such module$"):
        steps.follow(["sh", "-c", "echo no such module >&2; exit 3"], log=log)
    assert log.read_text() == "all was well\nno such module\n"


def test_a_gentle_command_and_what_it_starts_have_the_lowest_priority(tmp_path: Path) -> None:
    """What else goes on does not notice it; where the kernel groups by session, its session comes last, too."""
    heard: list[str] = []
    script = "sh -c nice; test ! -e /proc/self/autogroup || cat /proc/self/autogroup"
    steps.follow(["sh", "-c", script], heard.append, log=tmp_path / "x.log", gently=True)
    assert heard[0] == "19"
    assert all(line.endswith("nice 19") for line in heard[1:])


class Enough(Exception):  # noqa: N818 - nothing is wrong
    """Somebody has heard enough."""


@pytest.mark.parametrize("gently", [False, True])
def test_a_command_ends_with_its_listener(tmp_path: Path, gently: bool) -> None:
    """An interrupted demo leaves no build behind, nor what a gentle build has started."""
    pids: list[int] = []

    def heard(line: str) -> None:
        pids.extend(map(int, line.split()))
        raise Enough

    script = "sleep 600 & echo $$ $!; wait" if gently else "echo $$; exec sleep 600"
    with pytest.raises(Enough):
        steps.follow(["sh", "-c", script], heard, log=tmp_path / "x.log", gently=gently)
    assert pids
    steps.wait("their end", lambda: not any(map(processes.start_time, pids)), within=10)


def test_what_fails_beside_something_else_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for the end of a build to read that an image can't be made."""

    def fail() -> None:
        raise steps.ClusterError("no package sources")

    with pytest.raises(steps.ClusterError):
        lifecycle.told(fail)
    assert "failed: no package sources" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("[1/2] STEP 5/5: RUN --mount=type=secret,id=ca pip install", "stage 1 of 2, step 5 of 5"),
        ("STEP 5/5: RUN pip install", None),
        ("[2/2] STEP 1/6: FROM localhost/linnet-base:1", None),
        ("RUN", None),
    ],
)
def test_long_steps_of_an_image_are_told(line: str, step: str | None) -> None:
    """Running a program takes its time; a copied file does not."""
    assert buildah.long_step(line) == step


def test_steps_of_the_base_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What mmdebstrap begins is told, and what it remarks is left to the log."""
    for line in ("I: running apt-get update...", "I: chroot architecture amd64 is equal", "I: success in 1 seconds"):
        base.heard(line)
    assert capsys.readouterr().err.partition("] ")[2] == "base image: running apt-get update\n"
