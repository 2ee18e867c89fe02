"""Processes are recorded so that only they are ever ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from hack.cluster import steps
from hack.cluster.machine import processes

LISTEN = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def started(folder: Path, name: str, code: str) -> processes.Process:
    process = processes.spawn(name, [sys.executable, "-c", code], folder)
    log = Path(process.log)
    steps.wait(name, lambda: "up" in log.read_text(), within=20)
    return process


def test_a_process_is_recorded_and_stopped(tmp_path: Path) -> None:
    """What was started is found again by its record, and is gone after stop."""
    process = started(tmp_path, "one", LISTEN)
    assert processes.recorded(tmp_path) == [process]
    assert processes.alive(process)
    processes.stop([process])
    assert not processes.alive(process)


def test_a_process_that_ignores_the_request_is_forced(tmp_path: Path) -> None:
    """SIGTERM is a request; after the grace the process is killed."""
    process = started(tmp_path, "stubborn", STUBBORN)
    processes.stop([process], within=0.2)
    assert not processes.alive(process)


def test_a_reused_id_is_not_ours(tmp_path: Path) -> None:
    """A record whose process id now belongs to a process with another start time ends nobody."""
    process = started(tmp_path, "one", LISTEN)
    record = tmp_path / "run" / "one.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"started": process.started - 1}))
    (stale,) = processes.recorded(tmp_path)
    processes.stop([stale])
    try:
        assert processes.alive(process)
    finally:
        processes.stop([process], within=0)


def test_a_started_process_leads_its_own_session(tmp_path: Path) -> None:
    """The cluster survives the terminal, or the make, that started it."""
    process = started(tmp_path, "one", LISTEN)
    try:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    finally:
        processes.stop([process], within=0)


def test_a_zombie_counts_as_dead() -> None:
    """A child that has ended but was not collected does not keep anybody waiting."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.start_time(child.pid) is None
    child.wait()


def test_a_name_with_parentheses_does_not_confuse(tmp_path: Path) -> None:
    """The start time is read right although a command's name may hold blanks and parentheses."""
    program = tmp_path / "a) 1 2 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    try:
        own = processes.start_time(os.getpid())
        found = processes.start_time(child.pid)
        assert own is not None
        assert found is not None
        assert found >= own
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_the_obituary_quotes_the_log(tmp_path: Path) -> None:
    """Who waits for a process that has died reads why at once."""
    process = processes.spawn("short", [sys.executable, "-c", "raise SystemExit('no such flag')"], tmp_path)
    steps.wait("end", lambda: not processes.alive(process), within=20)
    assert "no such flag" in (processes.obituary(process) or "")


def test_a_broken_record_is_passed_over(tmp_path: Path) -> None:
    """A run that was killed while it wrote a record does not stop the next one from cleaning up."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "half.json").write_text('{"name": "ha')
    assert processes.recorded(tmp_path) == []


def test_a_process_without_a_record_is_found_by_its_mark(tmp_path: Path) -> None:
    """A starter that is killed before it writes the record leaves nothing that cannot be found."""
    process = started(tmp_path, "one", LISTEN)
    (tmp_path / "run" / "one.json").unlink()
    (found,) = processes.marked(tmp_path)
    processes.stop([found], within=0)
    assert not processes.alive(process)
