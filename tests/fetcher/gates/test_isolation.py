"""A pod waits until its own label says that its egress is denied, and not for ever."""

import threading
from pathlib import Path

from linnet.fetcher.command.log import Log
from linnet.fetcher.gates.isolation import awaited, isolate


class Clock:
    """A clock that goes on only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_it_ends_with_the_label(tmp_path: Path) -> None:
    """The kubelet writes the file anew when the operator has labeled the pod."""
    label, clock = tmp_path / "loaded", Clock()
    label.write_text("")

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > 2:
            label.write_text("true")

    said = awaited(label, 60, Log(), clock, sleep)
    assert said["outcome"] == "Isolated"
    assert "warning" not in said


def test_a_pod_serves_though_the_operator_is_down(tmp_path: Path) -> None:
    """After a minute the model is loaded all the same, and the log says why nobody was denied anything."""
    clock = Clock()
    said = awaited(tmp_path / "missing", 60, Log(), clock, clock.sleep)
    assert said == {"outcome": "Isolated", "warning": "egress was not denied in time"}
    assert 60 <= clock.now < 61


def test_the_command(tmp_path: Path) -> None:
    """It is done as soon as the label is there, and a wrong command line is told as such."""
    label = tmp_path / "loaded"
    arguments = ["--label", str(label), "--deadline", "30s", "--termination-log", str(tmp_path / "log")]
    threading.Timer(0.2, label.write_text, ["true"]).start()
    assert isolate(arguments) == 0
    assert '"outcome":"Isolated"' in (tmp_path / "log").read_text()
    assert isolate(["--termination-log", str(tmp_path / "log")]) == 2
