"""How fast and how small the engine is, on a bare API server whose controllers are played: `python -m bench.engine`.

Prints a table and writes build/bench/engine.json. The figures to beat stand in the documentation.
"""

import argparse
import asyncio
import json
import math
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from bench.played import NAMESPACE, Api, Json, Played

REPO = Path(__file__).resolve().parents[1]
GROUP = "linnet.dev/v1alpha1"
DIGEST = f"sha256:{'0' * 64}"
RUNTIME = {
    "name": "custom",
    "image": "server:1",
    "ports": {"http": 8080},
    "protocol": "v2",
    "readyPath": "/ready",
    "metrics": {"path": "/metrics", "requests": [{"name": "requests_total"}], "errors": [{"name": "errors_total"}]},
}
KINDS = ("Model", "ModelVersion", "Deployment")


@dataclass
class Operator:
    """The operator's process and what it says of itself."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(cls, kubeconfig: str) -> "Operator":
        log = Path(tempfile.mkstemp(prefix="linnet-bench-", suffix=".log")[1])
        own = {"KUBECONFIG": kubeconfig, "LINNET_LEADER_ELECTION": "false", "LINNET_HTTP_PORT": "0"}
        command = [sys.executable, "-m", "linnet", "operator"]
        process = subprocess.Popen(command, env={**os.environ, **own}, stderr=log.open("wb"), cwd=REPO)
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
        """VmRSS or VmHWM in MB."""
        found = re.search(rf"{field_}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def total(metrics: dict[str, float], name: str, *parts: str) -> float:
    """The sum of the series of this name whose labels hold all of the parts."""
    wanted = (v for k, v in metrics.items() if k.split("{")[0] == name and all(p in k for p in parts))
    return sum(wanted)


def writes(metrics: dict[str, float]) -> float:
    return total(metrics, "linnet_api_requests_total") - total(metrics, "linnet_api_requests_total", 'verb="get"')


def looks(metrics: dict[str, float], kind: str) -> float:
    return total(metrics, "linnet_reconcile_total", f'kind="{kind}"')


def mean_look(before: dict[str, float], after: dict[str, float]) -> float:
    """Seconds of one reconcile of a Deployment."""
    name = "linnet_reconcile_seconds"
    took, count = (
        total(after, f"{name}_{part}", 'kind="Deployment"') - total(before, f"{name}_{part}", 'kind="Deployment"')
        for part in ("sum", "count")
    )
    return took / max(1.0, count)


def model(name: str) -> Json:
    spec = {"format": {"name": "custom"}, "source": {"uri": f"s3://models/{name}"}, "runtime": RUNTIME}
    return {"apiVersion": GROUP, "kind": "Model", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


EVERYTHING: Json = {
    "policy": {"name": "shared"},
    "autoscaling": {"min": 1, "max": 3, "metrics": [{"type": "External", "name": "queue", "target": 10}]},
    "traffic": {"type": "Gateway", "parentRefs": [{"name": "public"}]},
}
"""A shared policy, an autoscaler and a route for each object, instead of `replicas`."""
POLICY: Json = {
    "apiVersion": GROUP,
    "kind": "RolloutPolicy",
    "metadata": {"name": "shared", "namespace": NAMESPACE},
    "spec": {"strategy": {"steps": [{"setWeight": 5}, {"analyse": {"for": "2m"}}, {"setWeight": 80}]}},
}


def deployment(name: str, features: Json) -> Json:
    spec = {"model": {"name": name}, **(features or {"replicas": 1})}
    return {"apiVersion": GROUP, "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def path(plural: str, name: str = "") -> str:
    return f"/apis/{GROUP}/namespaces/{NAMESPACE}/{plural}/{name}".rstrip("/")


async def each(items: Iterable[str], work: Callable[[str], Awaitable[Any]], writers: int = 20) -> None:
    """`work` for every item, by so many writers at once."""
    waiting = list(items)[::-1]

    async def write() -> None:
        while waiting:
            await work(waiting.pop())

    await asyncio.gather(*(write() for _ in range(writers)))


async def until(holds: Callable[[], Awaitable[bool]], what: str, within: float = 300) -> float:
    """Seconds until it holds."""
    begun = time.monotonic()
    while not await holds():
        assert time.monotonic() < begun + within, f"waited {within:g} s for {what}"
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def validated(api: Api, names: list[str]) -> None:
    """Models whose version 1 was validated: the operator makes the versions, the bench says that they loaded."""
    print(f"{len(names)} Models with a validated version", file=sys.stderr, flush=True)
    await each(names, lambda n: api.send("POST", path("models"), model(n)))

    async def validate(name: str) -> None:
        async def there() -> bool:
            with suppress(AssertionError):
                found.update(await api.send("GET", path("modelversions", f"{name}-v1")))
            return bool((found.get("status") or {}).get("attempt"))

        found: Json = {}
        await until(there, f"{name}-v1")
        ready = {"type": "Ready", "status": "True", "reason": "Validated", "message": "played"}
        stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
        status = {"digest": DIGEST, "attempt": 1, "observedGeneration": 1, "conditions": [{**ready, **stamp}]}
        patch = {"status": status}
        await api.send("PATCH", path("modelversions", f"{name}-v1/status"), patch, "application/merge-patch+json")

    await each(names, validate)
    await until(lambda: all_ready(api, "models", len(names)), "models to be ready")


async def all_ready(api: Api, plural: str, count: int) -> bool:
    items = (await api.send("GET", path(plural)))["items"]
    ready = [c for i in items for c in (i.get("status") or {}).get("conditions") or () if c["type"] == "Ready"]
    return bool(sum(c["status"] == "True" for c in ready) >= count)


async def quiet(operator: Operator) -> None:
    """Until the operator has written nothing for two seconds."""
    while True:
        before = writes(await operator.metrics())
        await asyncio.sleep(2)
        if writes(await operator.metrics()) == before:
            return


async def burst(api: Api, operator: Operator, names: list[str], features: Json) -> Json:
    """Deployments by 20 writers: from each apply's answer to its apps/v1 Deployment, and the requests it took."""
    played = Played(api, gateway=bool(features))
    played.start()
    await quiet(operator)
    print(f"{len(names)} Deployments by 20 writers", file=sys.stderr, flush=True)
    before, applied, begun, cpu = await operator.metrics(), {}, time.monotonic(), operator.cpu()

    async def apply(name: str) -> None:
        applied[name] = time.monotonic()
        await api.send("POST", path("deployments"), deployment(name, features))

    await each(names, apply)
    written = time.monotonic() - begun

    async def made() -> bool:
        return len(played.made) >= len(names)

    await until(made, "apps/v1 Deployments")
    took = sorted(played.made[n] - applied[n] for n in names)
    last = max(played.made.values()) - begun
    await until(lambda: all_ready(api, "deployments", len(names)), "deployments to be ready")
    ready = time.monotonic() - begun
    await quiet(operator)
    after = await operator.metrics()
    played.stop()
    requests = total(after, "linnet_api_requests_total") - total(before, "linnet_api_requests_total")
    return {
        "objects": len(names),
        "written_seconds": written,
        "p50_seconds": took[len(took) // 2],
        "p99_seconds": took[math.ceil(0.99 * len(took)) - 1],
        "objects_per_second": len(names) / last,
        "all_ready_seconds": ready,
        "requests_per_object": requests / len(names),
        "looks_per_object": {k: looks(after, k) / len(names) - looks(before, k) / len(names) for k in KINDS},
        "seconds_per_look": mean_look(before, after),
        "cpu_ms_per_object": 1000 * (operator.cpu() - cpu) / len(names),
        "requests": {
            k: after[k] - before.get(k, 0) for k in after if "api_requests_total{" in k and after[k] > before.get(k, 0)
        },
    }


async def restart(kubeconfig: str, count: int) -> tuple[Operator, Json]:
    """A new operator process: until every Deployment was looked at and the queue is empty."""
    begun = time.monotonic()
    operator = Operator.start(kubeconfig)

    async def reconciled() -> bool:
        metrics = await operator.metrics()
        done = total(metrics, "linnet_reconcile_total", 'kind="Deployment"', 'outcome="done"')
        return done >= count and total(metrics, "linnet_queue_depth") == 0

    await until(reconciled, "all to be reconciled")
    return operator, {
        "objects": count,
        "seconds": time.monotonic() - begun,
        "cached": total(await operator.metrics(), "linnet_cache_objects"),
        "rss_mb": operator.memory("VmRSS"),
        "peak_mb": operator.memory("VmHWM"),
        "cpu_seconds": operator.cpu(),
        "writes": writes(await operator.metrics()),
    }


async def rest(operator: Operator, seconds: float) -> Json:
    """Writes while nothing happens."""
    await quiet(operator)
    before, cpu = writes(await operator.metrics()), operator.cpu()
    await asyncio.sleep(seconds)
    return {
        "seconds": seconds,
        "writes": writes(await operator.metrics()) - before,
        "cpu_seconds": operator.cpu() - cpu,
        "rss_mb": operator.memory("VmRSS"),
    }


async def measure(burst_size: int, fleet: int, resting: float, features: Json) -> Json:
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as folder:
        command = [sys.executable, str(REPO / "hack/cluster/cluster.py"), "control-plane"]
        up = subprocess.run([*command, "up", "--dir", folder], stdout=subprocess.PIPE, check=True)
        try:
            server = json.loads(up.stdout)
            os.kill(server["pids"]["kube-controller-manager"], signal.SIGKILL)  # its part is played
            return await _measure(server, burst_size, fleet, resting, features)
        finally:
            subprocess.run([*command, "down", "--dir", folder], check=True)


async def _measure(server: Json, burst_size: int, fleet: int, resting: float, features: Json) -> Json:
    kubectl = [f"{server['bin']}/kubectl", "--kubeconfig", server["kubeconfig"]]
    subprocess.run([*kubectl, "apply", "-f", str(REPO / "crds")], check=True, stdout=subprocess.DEVNULL)
    if features:
        define_routes(kubectl)
    subprocess.run(
        [*kubectl, "wait", "--for=condition=Established", "crd", "--all"], check=True, stdout=subprocess.DEVNULL
    )
    subprocess.run([*kubectl, "create", "namespace", NAMESPACE], check=True, stdout=subprocess.DEVNULL)
    account = ["create", "serviceaccount", "default", "-n", NAMESPACE]
    subprocess.run([*kubectl, *account], check=True, stdout=subprocess.DEVNULL)
    trust = ssl.create_default_context(cafile=server["ca"])
    headers = {"Authorization": f"Bearer {server['token']}"}
    connector = aiohttp.TCPConnector(limit=200, ssl=trust)
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**24) as session:
        api = Api(session, server["url"])
        if features:
            await api.send("POST", path("rolloutpolicies"), POLICY)
        operator = Operator.start(server["kubeconfig"])
        try:
            names = [f"m{n}" for n in range(burst_size)]
            await validated(api, names)
            results: Json = {"burst": await burst(api, operator, names, features)}
            more = [f"m{n}" for n in range(burst_size, fleet)]
            if more:
                await validated(api, more)
                results["growth"] = await burst(api, operator, more, features)
            operator.stop()
            operator, results["restart"] = await restart(server["kubeconfig"], fleet)
            results["rest"] = await rest(operator, resting)
        finally:
            operator.stop()
    return results


def define_routes(kubectl: list[str]) -> None:
    """The Gateway API's definitions."""
    command = [sys.executable, str(REPO / "hack/cluster/cluster.py"), "gateway", "--definitions"]
    folder = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    subprocess.run([*kubectl, "apply", "--server-side", "-f", folder], check=True, stdout=subprocess.DEVNULL)


def table(results: Json) -> str:
    burst_, start, rest_ = results["burst"], results["restart"], results["rest"]
    rows = [
        (
            f"apply → apps/v1 Deployment, {burst_['objects']} objects, 20 writers, p50",
            f"{burst_['p50_seconds']:.2f} s",
            "",
        ),
        ("the same, p99", f"{burst_['p99_seconds']:.2f} s", "< 3 s"),
        ("objects a second", f"{burst_['objects_per_second']:.0f}", ""),
        ("requests an object, apply → ready", f"{burst_['requests_per_object']:.1f}", "≤ 10"),
        ("operator's CPU an object", f"{burst_['cpu_ms_per_object']:.0f} ms", ""),
        (f"operator start → {start['objects']} Deployments reconciled", f"{start['seconds']:.1f} s", ""),
        ("resident memory then", f"{start['rss_mb']:.0f} MB", "< 150 MB"),
        (f"writes in {rest_['seconds']:g} s at rest", f"{rest_['writes']:.0f}", "0"),
        ("resident memory at rest", f"{rest_['rss_mb']:.0f} MB", "< 150 MB"),
    ]
    width = max(len(r[0]) for r in rows)
    return "\n".join(f"{what:{width}}  {value:>9}  {goal}" for what, value, goal in rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--burst", type=int, default=300, help="Deployments applied by 20 writers")
    parser.add_argument("--fleet", type=int, default=1000, help="Deployments when the operator is restarted")
    parser.add_argument("--rest", type=float, default=60, help="seconds at rest")
    parser.add_argument(
        "--everything", action="store_true", help="each with a shared policy, an autoscaler and a gateway's route"
    )
    given = parser.parse_args(argv)
    features = EVERYTHING if given.everything else {}
    results = asyncio.run(measure(given.burst, given.fleet, given.rest, features))
    out = REPO / "build" / "bench" / ("engine-everything.json" if features else "engine.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    print(f"\n{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
