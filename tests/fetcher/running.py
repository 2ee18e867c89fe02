"""Runs `linnet fetch` and `linnet probe` as kubelet does: an environment, arguments, a termination log.

In this process, because it is ten times as fast, unless a test asks for one of its own.
"""

import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

REPO = Path(__file__).resolve().parents[2]
ENTRIES = {"fetch": "linnet.fetcher.main:fetch", "probe": "linnet.fetcher.probe.main:main"}
PROGRAM = """
import importlib, sys
module, _, name = sys.argv[1].partition(":")
code = getattr(importlib.import_module(module), name)(sys.argv[2:])
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
sys.stderr.write(f"peak {peak}\\n")
sys.exit(code)
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, the outcome of the termination log, and everything that it printed."""

    code: int
    outcome: dict[str, Any]
    raw: bytes
    output: str

    @property
    def reason(self) -> str:
        return str(self.outcome.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.outcome.get("message", ""))

    @property
    def peak(self) -> int:
        """The most resident memory, in bytes."""
        return int(self.output.rpartition("peak ")[2].split()[0]) * 1024


@dataclass
class Running:
    process: "subprocess.Popen[str]"
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> Ended:
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> Ended:
        output, _ = self.process.communicate(timeout=120)
        raw = self.log.read_bytes() if self.log.exists() else b""
        return Ended(self.process.returncode, json.loads(raw) if raw else {}, raw, output)


@dataclass
class Command:
    """`linnet fetch` or `linnet probe`, built fluently; nothing of the caller's environment leaks in."""

    name: str
    folder: Path
    arguments: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] | None = None
    prefix: list[str] = field(default_factory=list)
    is_apart: bool = False

    @property
    def to(self) -> Path:
        return self.folder / "models"

    @property
    def log(self) -> Path:
        return self.folder / "termination-log"

    def given(self, *arguments: str) -> Self:
        self.arguments += arguments
        return self

    def env(self, **variables: str) -> Self:
        self.environ |= variables
        return self

    def secret(self, **keys: str) -> Self:
        """The credentials Secret has these keys, too."""
        self.keys = {**(self.keys or {}), **keys}
        return self

    def apart(self, *prefix: str) -> Self:
        """In a process of its own, started by `prefix` if given."""
        self.is_apart, self.prefix = True, list(prefix)
        return self

    def start(self) -> Running:
        command = [*self.prefix, sys.executable, "-c", PROGRAM, ENTRIES[self.name], *self._prepared()]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO / "operator"), **self.environ}
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder
        )
        return Running(process, self.log)

    def run(self) -> Ended:
        return self.start().end() if self.is_apart else self._run_here()

    def _run_here(self) -> Ended:
        module, _, name = ENTRIES[self.name].partition(":")
        entry = getattr(importlib.import_module(module), name)
        printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        arguments, handler, umask = self._prepared(), signal.getsignal(signal.SIGTERM), os.umask(0o022)
        try:
            with patch.dict(os.environ, self.environ, clear=True), contextlib.redirect_stdout(printed):
                code = entry(arguments)
        finally:
            signal.signal(signal.SIGTERM, handler)
            os.umask(umask)
        raw = self.log.read_bytes()
        return Ended(code, json.loads(raw), raw, printed.buffer.getvalue().decode())

    def _prepared(self) -> list[str]:
        self.log.unlink(missing_ok=True)
        common = ["--termination-log", str(self.log)]
        if self.name == "fetch":
            self.to.mkdir(exist_ok=True)
            common += ["--to", str(self.to), "--pause", "10ms", *self._mounted()]
        return [*common, *self.arguments]

    def _mounted(self) -> list[str]:
        """The Secret as the kubelet mounts it: a file for each key."""
        if self.keys is None:
            return []
        folder = self.folder / "credentials"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for key, value in self.keys.items():
            (folder / key).write_bytes(value.encode())
        return ["--credentials", str(folder)]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a fetched tree by relative path, without the fetcher's own."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in named.items() if not name.startswith(".linnet/")}


def shell_digest(folder: Path) -> str:
    """The documented one-liner, run by a shell."""
    manual = (REPO / "docs/reference/fetcher.md").read_text()
    line = next(line.strip() for line in manual.splitlines() if line.strip().startswith("find . -type f"))
    done = subprocess.run(["sh", "-c", line], cwd=folder, check=True, capture_output=True, text=True)
    return "sha256:" + done.stdout.split()[0]
