"""`make test`: set up everything, then every check and every test; at the end what took longest.

Tests on the embedded cluster wait for pods most of their time. Beside them run those that need no pods, at a lower
priority, so that real model servers answer as they do on a machine of their own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.append(str(Path(__file__).resolve().parents[1]))

from hack.cluster.steps import GENTLY

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / "build" / "test"
CLUSTER = (sys.executable, "hack/cluster/cluster.py")
LIFECYCLE = "tests/cluster/test_lifecycle.py"
BREATH = 60.0
"""Seconds between two words of what is under way."""
SLOWEST = 20
STARTED = time.monotonic()
UNDER_WAY: set[int] = set()
"""The sessions of the steps that run now."""
INTERRUPTED = threading.Event()


@dataclass(frozen=True)
class Step:
    """One command; tests that fail let their lane go on, anything else ends it."""

    name: str
    command: Sequence[str]
    tests: bool = False

    @property
    def slug(self) -> str:
        return self.name.replace(" ", "-")


@dataclass(frozen=True)
class Done:
    """How it went; `cpu` are the seconds of the command and of what it waited for."""

    step: Step
    code: int
    seconds: float
    cpu: float

    @property
    def ends_its_lane(self) -> bool:
        return self.code != 0 and not self.step.tests


def tests(name: str, *words: str) -> Step:
    """A run of pytest, whose report stands beside its log."""
    report = LOGS / f"{name.replace(' ', '-')}.xml"
    return Step(name, (str(BIN / "pytest"), *words, "--junitxml", str(report)), tests=True)


FIRST = (Step("static checks", ("make", "--no-print-directory", "lint")),)
ON_THE_CLUSTER = (
    Step("parts of the cluster", (*CLUSTER, "build")),
    Step("images", (*CLUSTER, "images")),
    Step("cluster", (*CLUSTER, "up")),
    Step("images in the cluster", (*CLUSTER, "images")),
    Step("gateway", (*CLUSTER, "gateway")),
    tests("tests on the cluster", "tests", "-m", "e2e", "--ignore", LIFECYCLE, "-n", "2", "--dist", "loadscope"),
    tests("tests of up and down", LIFECYCLE),
)
BESIDE = (
    tests("tests in memory", "tests", "-m", "not (integration or e2e)", "-n", "2", "--dist", "worksteal"),
    Step("chart", (sys.executable, "hack/chart.py")),
    tests("tests on control planes", "tests", "-m", "integration", "-n", "4", "--dist", "loadscope"),
)


class Terminal:
    """One voice: what a step said is printed whole when it ends, and meanwhile where it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        threading.Thread(target=self._breathe, daemon=True).start()

    def begin(self, step: Step) -> None:
        with self._lock:
            self._running[step.name] = time.monotonic()
            say(f"==> {step.name}: {' '.join(step.command)}")

    def end(self, done: Done) -> None:
        with self._lock:
            del self._running[done.step.name]
            sys.stdout.write(log(done.step).read_text(errors="replace"))
            how = f"failed with exit code {done.code} after" if done.code else "done in"
            in_all = time.monotonic() - STARTED
            say(f"==> {done.step.name}: {how} {done.seconds:.0f} s ({in_all:.0f} s in all)")

    def _breathe(self) -> None:
        while True:
            time.sleep(BREATH)
            with self._lock:
                now = time.monotonic()
                say("... " + ", ".join(f"{name} for {now - since:.0f} s" for name, since in self._running.items()))


def say(line: str) -> None:
    print(line, flush=True)


def log(step: Step) -> Path:
    return LOGS / f"{step.slug}.log"


def play(lane: Sequence[Step], terminal: Terminal, *, gently: bool = False) -> list[Done]:
    """Runs the steps one after the other, up to the first that ends the lane."""
    played: list[Done] = []
    for step in lane:
        played.append(run(step, terminal, gently=gently))
        if played[-1].ends_its_lane or INTERRUPTED.is_set():
            break
    return played


def run(step: Step, terminal: Terminal, *, gently: bool) -> Done:
    """Each step leads a session, so that an interrupt can end it whole, and a gentle one yields to every other."""
    terminal.begin(step)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    words = (*GENTLY, *step.command) if gently else step.command
    began = time.monotonic()
    with log(step).open("wb") as said:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True)
        UNDER_WAY.add(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        UNDER_WAY.discard(process.pid)
    process.returncode = os.waitstatus_to_exitcode(status)
    done = Done(step, process.returncode, time.monotonic() - began, usage.ru_utime + usage.ru_stime)
    terminal.end(done)
    return done


def end(*_: object) -> None:
    """An interrupt ends the steps that run, in their own sessions, and begins no other."""
    INTERRUPTED.set()
    for session in tuple(UNDER_WAY):
        os.killpg(session, signal.SIGINT)


def slowest_tests() -> list[tuple[float, str]]:
    """Seconds, with setup and teardown, and the test, the slowest first."""
    found = (case for report in LOGS.glob("*.xml") for case in ET.parse(report).iter("testcase"))
    timed = ((float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in found)
    return sorted(timed, reverse=True)[:SLOWEST]


def summary(played: Sequence[Done]) -> Iterator[str]:
    yield "==> what took longest"
    for seconds, name in slowest_tests():
        yield f"{seconds:7.1f} s  {name}"
    for done in played:
        failed = f", failed with exit code {done.code}" if done.code else ""
        yield f"{done.seconds:7.1f} s  {done.step.name}, {done.cpu:.0f} s of CPU{failed}"


def main() -> int:
    """The exit code of the first step that failed, once all that need not wait for it have ended."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for report in LOGS.glob("*.xml"):
        report.unlink()
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, end)
    terminal = Terminal()
    played = play(FIRST, terminal)
    if not played[-1].code and not INTERRUPTED.is_set():
        with ThreadPoolExecutor() as lanes:
            cluster = lanes.submit(play, ON_THE_CLUSTER, terminal)
            beside = lanes.submit(play, BESIDE, terminal, gently=True)
            played += [*beside.result(), *cluster.result()]
    for line in summary(played):
        say(line)
    return next((done.code for done in played if done.code), 0)


if __name__ == "__main__":
    sys.exit(main())
