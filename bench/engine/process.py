"""The operator's process under measurement: its metrics, and what the kernel says of it."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from bench.results import REPO

REQUESTS = "linnet_api_requests_total"


@dataclass
class Operator:
    """A running operator with the port of its metrics and the file of its log."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(cls, kubeconfig: Path, **environment: str) -> "Operator":
        log = Path(tempfile.mkstemp(prefix="linnet-bench-", suffix=".log")[1])
        own = {"KUBECONFIG": str(kubeconfig), "LINNET_LEADER_ELECTION": "false", "LINNET_HTTP_PORT": "0"}
        command = [sys.executable, "-m", "linnet", "operator"]
        process = subprocess.Popen(command, env={**os.environ, **own, **environment}, stderr=log.open("wb"), cwd=REPO)
        while not (found := re.search(r'"http_port":(\d+)', log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        return cls(process, int(found[1]), log)

    async def metrics(self) -> dict[str, float]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def memory(self, field_: str) -> float:
        """The process's VmRSS or VmHWM, in MB."""
        return memory_of(self.process.pid, field_)

    def cpu(self) -> float:
        """The seconds of CPU that the process has used so far."""
        return cpu_of(self.process.pid)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def memory_of(pid: int, field_: str) -> float:
    """A process's VmRSS or VmHWM, in MB."""
    found = re.search(rf"{field_}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def cpu_of(pid: int) -> float:
    """The seconds of CPU that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def total(metrics: dict[str, float], name: str, *parts: str) -> float:
    """The sum of the series of this name whose labels hold all of the parts."""
    wanted = (v for k, v in metrics.items() if k.split("{")[0] == name and all(p in k for p in parts))
    return sum(wanted)


def writes(metrics: dict[str, float]) -> float:
    """Requests that change something: a dry run writes nothing."""
    reads = ('verb="get"', 'verb="dry-run"')
    return total(metrics, REQUESTS) - sum(total(metrics, REQUESTS, verb) for verb in reads)


def proofs(metrics: dict[str, float]) -> float:
    """Requests by which the admission policies are tried: some in five minutes, for all objects of a namespace."""
    return sum(total(metrics, REQUESTS, part) for part in ('verb="dry-run"', 'resource="validatingadmissionpolic'))


def looks(metrics: dict[str, float], kind: str) -> float:
    return total(metrics, "linnet_reconcile_total", f'kind="{kind}"')


def mean_look(more: dict[str, float]) -> float:
    """The mean seconds of one reconcile of a Deployment, of what came between two readings."""
    took, count = (total(more, f"linnet_reconcile_seconds_{part}", 'kind="Deployment"') for part in ("sum", "count"))
    return took / max(1.0, count)


async def quiet(operator: Operator) -> None:
    """Waits until the operator has written nothing for two seconds."""
    while True:
        before = writes(await operator.metrics())
        await asyncio.sleep(2)
        if writes(await operator.metrics()) == before:
            return
