"""`python -m bench.cli` measures how soon `kubectl linnet get` answers, against what kubectl takes to list the same.

A bare API server holds the objects; nobody reconciles them. Commands are typed in turns, so that what else the machine
does meets each of them. Prints a table and writes build/bench/cli.json.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import aiohttp
from bench.engine.api import GROUP, MERGE, NAMESPACE, Api, Json, path
from bench.engine.controllers import READY_POD
from bench.engine.fleet import DIGEST, RUNTIME, each
from bench.results import REPO, keep

STAMP = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
READY = {"type": "Ready", "status": "True", "reason": "AsDesired", "message": "version 1 serves", **STAMP}


def deployment(name: str) -> Json:
    spec = {"model": {"name": name}, "replicas": 1}
    return {"apiVersion": GROUP, "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def version(name: str) -> Json:
    spec = {
        "model": {"name": name},
        "version": 1,
        "format": {"name": "custom"},
        "source": {"uri": f"s3://models/{name}"},
        "runtime": RUNTIME,
        "origin": {"type": "Source"},
    }
    labels = {"linnet.dev/model": name, "linnet.dev/version": "1"}
    meta = {"name": f"{name}-v1", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": GROUP, "kind": "ModelVersion", "metadata": meta, "spec": spec}


def pod(name: str) -> Json:
    labels = {"linnet.dev/deployment": name, "linnet.dev/version": "1", "linnet.dev/component": "serving"}
    meta = {"name": f"{name}-v1-0", "namespace": NAMESPACE, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [{"name": "server", "image": "server:1"}]},
    }


async def fill(api: Api, names: list[str]) -> None:
    """Creates a Deployment, a version that serves, and its pod, for each name."""
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"

    async def one(name: str) -> None:
        await api.send("POST", path("modelversions"), version(name))
        status: Json = {"digest": DIGEST, "observedGeneration": 1, "conditions": [READY]}
        await api.send("PATCH", path("modelversions", f"{name}-v1/status"), {"status": status}, MERGE)
        await api.send("POST", path("deployments"), deployment(name))
        stable = {"name": f"{name}-v1-00000000", "version": 1, "digest": DIGEST, "template": "00000000"}
        status = {"observedGeneration": 1, "stable": stable, "conditions": [READY]}
        await api.send("PATCH", path("deployments", f"{name}/status"), {"status": status}, MERGE)
        await api.send("POST", pods, pod(name))
        await api.send("PATCH", f"{pods}/{name}-v1-0/status", {"status": READY_POD}, MERGE)

    await each(names, one)


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """The seconds until the command has printed all. AssertionError with its words where it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("m0"), done.stdout
    return took


def commands(kubectl: str, config: str, archive: Path) -> dict[str, list[str]]:
    """The commands that are compared, by the names under which the table shows them."""
    of = ["-n", NAMESPACE, "--kubeconfig", config]
    package, file = [sys.executable, "-m", "linnet.cli"], [sys.executable, str(archive)]
    return {
        "kubectl get mld": [kubectl, *of, "get", "mld"],
        "kubectl get mld,mv,pods -o json": [kubectl, *of, "get", "mld,mv,pods", "-o", "json"],
        "kubectl linnet get": [*package, "get", *of],
        "kubectl linnet get m0": [*package, "get", "m0", *of],
        "kubectl linnet get, one file": [*file, "get", *of],
        "kubectl linnet get m0, one file": [*file, "get", "m0", *of],
    }


async def fill_server(server: Json, count: int) -> None:
    trust, headers = ssl.create_default_context(cafile=server["ca"]), {"Authorization": f"Bearer {server['token']}"}
    connector = aiohttp.TCPConnector(limit=50, ssl=trust)
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**24) as session:
        await fill(Api(session, server["url"]), [f"m{n}" for n in range(count)])


def measure(count: int, runs: int) -> Json:
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as folder:
        cluster = [sys.executable, str(REPO / "hack/cluster/cluster.py"), "control-plane"]
        up = subprocess.run([*cluster, "up", "--dir", folder], stdout=subprocess.PIPE, check=True)
        try:
            return _measure(json.loads(up.stdout), Path(folder), count, runs)
        finally:
            subprocess.run([*cluster, "down", "--dir", folder], check=True)


def _measure(server: Json, folder: Path, count: int, runs: int) -> Json:
    kubectl = [f"{server['bin']}/kubectl", "--kubeconfig", server["kubeconfig"]]
    for words in (
        ["apply", "-f", str(REPO / "crds")],
        ["wait", "--for=condition=Established", "crd", "--all"],
        ["create", "namespace", NAMESPACE],
        ["wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE],
    ):
        subprocess.run([*kubectl, *words], check=True, stdout=subprocess.DEVNULL)
    print(f"{count} Deployments, versions and pods", file=sys.stderr, flush=True)
    asyncio.run(fill_server(server, count))
    archive = folder / "kubectl-linnet.pyz"
    subprocess.run([sys.executable, str(REPO / "hack/zipapp.py"), str(archive)], check=True, stdout=subprocess.DEVNULL)
    compared = commands(kubectl[0], server["kubeconfig"], archive)
    environment = {**os.environ, "PATH": f"{server['bin']}:{os.environ['PATH']}"}
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    begun = os.getloadavg()[0]
    for run in range(runs + 1):
        for name, command in compared.items():
            took = seconds_of(command, environment)
            if run:  # the first fills caches of discovery and bytecode
                seconds[name].append(took)
    about: Json = {"deployments": count, "runs": runs, "cores": os.cpu_count()}
    return {**about, "load": [begun, os.getloadavg()[0]], "seconds": seconds}


def table(results: Json) -> str:
    seconds = results["seconds"]
    base = median(seconds["kubectl get mld"])
    width = max(len(name) for name in seconds)
    about = (
        f"{results['deployments']:,} Deployments, as many versions and pods; {results['runs']} runs on "
        f"{results['cores']} cores, load {results['load'][0]:.1f} to {results['load'][1]:.1f}"
    )
    rows = [
        f"{name:{width}}  {median(each):6.2f}  {min(each):6.2f}  {max(each):6.2f}  {median(each) / base:5.1f}"
        for name, each in seconds.items()
    ]
    head = f"{'seconds':{width}}  {'median':>6}  {'least':>6}  {'most':>6}  {'ratio':>5}"
    return "\n".join([about, head, *rows])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cli", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="Deployments; as many versions and pods")
    parser.add_argument("--runs", type=int, default=10, help="of each command")
    given = parser.parse_args(argv)
    results = measure(given.count, given.runs)
    print(table(results))
    print(f"\n{keep('cli', results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
