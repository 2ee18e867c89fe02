"""`python -m bench.engine.policies` measures what the admission policies cost: the same work with them and without.

Two control planes, one of which has the policies, take turns, so that whatever else the machine does meets both alike.
Prints a table of ratios and writes build/bench/policies.json.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.engine.api import Json
from bench.engine.burst import burst
from bench.engine.controllers import READY_AFTER_SECONDS
from bench.engine.plane import Plane, plane
from bench.engine.process import Operator, memory_of
from bench.results import keep, load

WARM_UP = 20
"""Objects of a round that is not counted: an API server compiles rules when they are first needed."""
MEASURED: Mapping[str, tuple[str, str]] = {
    "p50_seconds": ("apply → apps/v1 Deployment, p50", "{:.2f} s"),
    "p99_seconds": ("the same, p99", "{:.2f} s"),
    "ready_p99_seconds": (f"apply → Ready, p99, {READY_AFTER_SECONDS:g} s of it the pod's", "{:.2f} s"),
    "server_cpu_ms_per_object": ("API server's CPU an object", "{:.0f} ms"),
    "cpu_ms_per_object": ("operator's CPU an object", "{:.0f} ms"),
    "requests_per_object": ("requests an object, apply → Ready", "{:.1f}"),
    "server_peak_mb": ("API server's memory, peak", "{:.0f} MB"),
    "peak_mb": ("operator's memory, peak", "{:.0f} MB"),
}
"""Key → what it is, and how it is written."""


@dataclass
class Side:
    """A control plane and its operator, with what each round found."""

    place: Plane
    operator: Operator
    rounds: list[Json] = field(default_factory=list)

    async def play(self, names: list[str]) -> None:
        found = await burst(self.place, self.operator, names, {})
        memory = {"peak_mb": self.operator.memory("VmHWM"), "server_peak_mb": memory_of(self.place.pid, "VmHWM")}
        self.rounds.append({**found, **memory})


async def measure(rounds: int, objects: int) -> Json:
    """The rounds of both sides; a first, small one of each is left out."""
    at_start = load()
    async with AsyncExitStack() as stack:
        without, with_ = [await _side(stack, policies=policies) for policies in (False, True)]
        for number in range(rounds + 1):
            count = objects if number else WARM_UP
            for side in (without, with_) if number % 2 else (with_, without):
                print(f"round {number} of {rounds}", "with" if side is with_ else "without", file=sys.stderr)
                await side.play([f"r{number}-{n}" for n in range(count)])
        proofs = with_.rounds[0]["proofs"]
        return {"load": at_start, "proofs": proofs, "without": without.rounds[1:], "with": with_.rounds[1:]}


async def _side(stack: AsyncExitStack, *, policies: bool) -> Side:
    place = await stack.enter_async_context(plane(policies=policies))
    operator = place.operator()
    stack.callback(operator.stop)
    return Side(place, operator)


def ratios(with_: Sequence[Json], without: Sequence[Json], key: str) -> list[float]:
    """What was found with the policies by what was found without, round by round.

    >>> ratios([{"a": 3.0}, {"a": 2.0}], [{"a": 2.0}, {"a": 2.0}], "a")
    [1.5, 1.0]
    """
    return [one[key] / other[key] for one, other in zip(with_, without, strict=True)]


def table(results: Json) -> str:
    return "\n".join(_lines(results))


def _lines(results: Json) -> Iterator[str]:
    with_, without = results["with"], results["without"]
    objects = with_[0]["objects"]
    yield f"{len(with_)} rounds of {objects} Deployments by 20 writers, with and without the admission policies in turn"
    yield f"{os.cpu_count()} cores, load average at the start {results['load']:.1f}"
    width = max(len(name) for name, _ in MEASURED.values())
    yield f"{'medians':{width}}  {'without':>9}  {'with':>9}  {'ratio':>6}  of rounds"
    for key, (name, form) in MEASURED.items():
        found = [form.format(median(r[key] for r in side)) for side in (without, with_)]
        each = ratios(with_, without, key)
        yield f"{name:{width}}  {found[0]:>9}  {found[1]:>9}  {median(each):6.2f}  {min(each):.2f}-{max(each):.2f}"
    yield f"requests that prove the policies, in five minutes, for all objects of a namespace: {results['proofs']:.0f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.engine.policies", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="rounds of each")
    parser.add_argument("--objects", type=int, default=100, help="Deployments of a round")
    given = parser.parse_args(argv)
    results = asyncio.run(measure(given.rounds, given.objects))
    print(table(results))
    print(f"\n{keep('policies', results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
