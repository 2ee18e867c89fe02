"""Long-running processes: started detached, recorded by id and start time, stopped by that record.

A process id alone can be anybody's by the time it is read again; with the kernel's start time it cannot.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hack.cluster.steps import tail

MARK = "LINNET_CLUSTER_FOLDER"
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A started process; `started` is its start time in clock ticks since boot, `log` its output."""

    name: str
    pid: int
    started: int
    log: str


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process, None where there is none or it is a zombie.

    Field 22 of /proc/<pid>/stat; the command's name, field 2, may hold blanks and parentheses.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def spawn(
    name: str,
    command: Sequence[str | Path],
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Process:
    """Start a process in its own session and record it in `folder`/run; its output goes to `folder`/logs.

    It is marked as well, since its starter can be killed before the record is written.
    """
    log = folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd=cwd or folder,
            env={**(os.environ if env is None else env), MARK: str(folder)},
        )
    process = Process(name, child.pid, start_time(child.pid) or 0, str(log))
    place = record(folder, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(asdict(process)))
    return process


def record(folder: Path, name: str) -> Path:
    return folder / "run" / f"{name}.json"


def forget(process: Process, folder: Path) -> None:
    """Let a process that was stopped no longer count among those that have to live."""
    record(folder, process.name).unlink(missing_ok=True)


def recorded(folder: Path) -> list[Process]:
    """What was ever started in a folder, dead or alive, oldest first."""
    found = []
    for path in (folder / "run").glob("*.json"):
        try:
            found.append(Process(**json.loads(path.read_text())))
        except (ValueError, TypeError):  # a run killed while it wrote the record
            continue
    return sorted(found, key=lambda process: process.started)


def marked(folder: Path) -> list[Process]:
    """Living processes that were started in a folder, recorded or not."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            ours = mark in path.read_bytes().split(b"\0")
            name = path.with_name("comm").read_text().strip() if ours else ""
        except OSError:
            continue
        pid = int(path.parts[2])
        if ours:
            found.append(Process(name, pid, start_time(pid) or 0, ""))
    return found


def alive(process: Process) -> bool:
    return process.started != 0 and start_time(process.pid) == process.started


def obituary(process: Process) -> str | None:
    """The end of a dead process's log, None while it lives."""
    if alive(process):
        return None
    log = Path(process.log)
    said = tail(log.read_text(errors="replace")) if log.exists() else ""
    return f"{process.name} has died; {log} ends with:\n{said}"


def stop(processes: Sequence[Process], within: float = STOP_SECONDS) -> None:
    """Ask all to end, then force the ones that do not; returns when all are gone."""
    signal_all(processes, signal.SIGTERM)
    end = time.monotonic() + within
    while any(map(alive, processes)) and time.monotonic() < end:
        reap()
        time.sleep(0.02)
    signal_all(processes, signal.SIGKILL)
    while any(map(alive, processes)):
        reap()
        time.sleep(0.01)


def signal_all(processes: Sequence[Process], number: signal.Signals) -> None:
    for process in processes:
        if alive(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def reap() -> None:
    """Collect children of this very process that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
