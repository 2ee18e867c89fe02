"""`python -m bench.engine` measures how fast and how small the engine is, on a bare API server with fake controllers.

Prints a table and writes build/bench/engine.json. The figures to beat stand in the documentation.
"""

import argparse
import asyncio
import os
import sys
import time

from bench.engine.api import Json, path
from bench.engine.burst import burst
from bench.engine.fleet import EVERYTHING, POLICY, until
from bench.engine.plane import Plane, plane
from bench.engine.process import Operator, quiet, total, writes
from bench.results import keep, load

from bench.engine import lineage


async def restart(place: Plane, count: int) -> tuple[Operator, Json]:
    """Starts a new operator process, and waits until every Deployment was looked at and the queue is empty."""
    begun = time.monotonic()
    operator = place.operator()

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
    """One burst, then as many more as make a fleet, then a restart among them, and rest."""
    names = [f"m{n}" for n in range(max(burst_size, fleet))]
    at_start = load()
    async with plane(gateway=bool(features)) as place:
        if features:
            await place.api.send("POST", path("rolloutpolicies"), POLICY)
        operator = place.operator()
        try:
            results: Json = {"load": at_start, "burst": await burst(place, operator, names[:burst_size], features)}
            if fleet > burst_size:
                results["growth"] = await burst(place, operator, names[burst_size:], features)
            operator.stop()
            operator, results["restart"] = await restart(place, len(names))
            results["rest"] = await rest(operator, resting)
            if not features:
                results["uids"] = await lineage.measure(place.api, [n for n in (100, 1000) if n <= len(names)])
        finally:
            operator.stop()
    return results


def table(results: Json) -> str:
    burst_, start, rest_ = results["burst"], results["restart"], results["rest"]
    rows = [
        (
            f"apply → apps/v1 Deployment, {burst_['objects']} objects, 20 writers, p50",
            f"{burst_['p50_seconds']:.2f} s",
            "",
        ),
        ("the same, p99", f"{burst_['p99_seconds']:.2f} s", "< 3 s"),
        ("apply → Ready, 5 s of it the pod's, p99", f"{burst_['ready_p99_seconds']:.2f} s", ""),
        ("objects a second", f"{burst_['objects_per_second']:.0f}", ""),
        ("requests an object, apply → Ready", f"{burst_['requests_per_object']:.1f}", "≤ 10"),
        ("operator's CPU an object", f"{burst_['cpu_ms_per_object']:.0f} ms", ""),
        ("API server's CPU an object", f"{burst_['server_cpu_ms_per_object']:.0f} ms", ""),
        (f"operator start → {start['objects']} Deployments reconciled", f"{start['seconds']:.1f} s", ""),
        ("resident memory then", f"{start['rss_mb']:.0f} MB", "< 150 MB"),
        ("its peak until then", f"{start['peak_mb']:.0f} MB", ""),
        (f"writes in {rest_['seconds']:g} s at rest", f"{rest_['writes']:.0f}", "0"),
        ("resident memory at rest", f"{rest_['rss_mb']:.0f} MB", "< 150 MB"),
    ]
    width = max(len(r[0]) for r in rows)
    lines = [f"{what:{width}}  {value:>9}  {goal}" for what, value, goal in rows]
    lines += [uids_of(case) for case in results.get("uids", ())]
    return "\n".join([*lines, f"{os.cpu_count()} cores, load average at the start {results['load']:.1f}"])


def uids_of(case: Json) -> str:
    """What a look's CPU is with uids, and by how much more than by labels alone."""
    times = f"{case['with_ms']:.2f} ms, by labels alone {case['without_ms']:.2f} ms: ratio {case['ratio']:.2f}"
    cache = f"cache's bytes {case['cache_ratio']:.2f}"
    return f"a look's CPU with uids, {case['what']}: {times}; {cache} ({case['turns']} turns of {case['looks']})"


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
