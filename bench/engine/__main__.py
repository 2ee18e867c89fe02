"""`python -m bench.engine` measures how fast and how small the engine is, on a bare API server with fake controllers.

Prints a table and writes build/bench/engine.json. The figures to beat stand in the documentation.
"""

import argparse
import asyncio
import json
import math
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time

import aiohttp
from bench.engine.controllers import NAMESPACE, Api, FakeControllers, Json
from bench.engine.fleet import EVERYTHING, POLICY, all_ready, create_validated, deployment, each, path, until
from bench.engine.process import Operator, looks, mean_look, quiet, total, writes
from bench.results import REPO, keep

KINDS = ("Model", "ModelVersion", "Deployment")


async def burst(api: Api, operator: Operator, names: list[str], features: Json) -> Json:
    """Has 20 writers apply Deployments; measures from each answer to its apps/v1 Deployment, and counts requests."""
    controllers = FakeControllers(api, gateway=bool(features))
    controllers.start()
    await quiet(operator)
    print(f"{len(names)} Deployments by 20 writers", file=sys.stderr, flush=True)
    before, applied, begun, cpu = await operator.metrics(), {}, time.monotonic(), operator.cpu()

    async def apply(name: str) -> None:
        applied[name] = time.monotonic()
        await api.send("POST", path("deployments"), deployment(name, features))

    await each(names, apply)
    written = time.monotonic() - begun

    async def made() -> bool:
        return len(controllers.made) >= len(names)

    await until(made, "apps/v1 Deployments")
    took = sorted(controllers.made[n] - applied[n] for n in names)
    last = max(controllers.made.values()) - begun
    await until(lambda: all_ready(api, "deployments", len(names)), "deployments to be ready")
    ready = time.monotonic() - begun
    await quiet(operator)
    after = await operator.metrics()
    controllers.stop()
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
    """Starts a new operator process, and waits until every Deployment was looked at and the queue is empty."""
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
    """Counts the writes of so many seconds in which nothing happens."""
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
            os.kill(server["pids"]["kube-controller-manager"], signal.SIGKILL)  # fake controllers take its part
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
            await create_validated(api, names)
            results: Json = {"burst": await burst(api, operator, names, features)}
            more = [f"m{n}" for n in range(burst_size, fleet)]
            if more:
                await create_validated(api, more)
                results["growth"] = await burst(api, operator, more, features)
            operator.stop()
            operator, results["restart"] = await restart(server["kubeconfig"], fleet)
            results["rest"] = await rest(operator, resting)
        finally:
            operator.stop()
    return results


def define_routes(kubectl: list[str]) -> None:
    """Applies the Gateway API's definitions."""
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
    print(table(results))
    print(f"\n{keep('engine-everything' if features else 'engine', results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
