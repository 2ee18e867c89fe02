"""What must hold whatever goes wrong: the same end as without faults, and nothing made twice."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from integration.faults import Fate, InProcess, Proxy, Refusal
from integration.harness import World

pytestmark = pytest.mark.integration
Json = dict[str, Any]
OWN = ("Model", "ModelVersion", "Deployment")
CHILDREN = (("Deployment", "apps/v1"), ("Service", "v1"), ("PodDisruptionBudget", "policy/v1"))
VOLATILE = {
    *("resourceVersion", "uid", "creationTimestamp", "managedFields", "clusterIP", "clusterIPs"),
    "attempt",  # written with the status that says that the Job was made: a death in between leaves it out
    *("lastTransitionTime", "time", "id", "lastChange", "validatedAt", "decisions"),
}


def serve(world: World) -> None:
    """What a person applies in each of these tests."""
    world.model("iris", "s3://models/iris/1")
    world.deployment("iris", "iris", replicas=2)


def served(world: World) -> Json:
    """The end of it, without what differs between two runs without faults."""
    world.ready("Deployment", "iris", within=60)
    world.ready("Model", "iris", within=60)
    world.until(lambda: not world.list("Job", "batch/v1"), "the validation Job to be removed")
    own = {f"{kind} {o['metadata']['name']}": masked(o["status"]) for kind in OWN for o in world.list(kind)}
    children = {
        f"{kind} {o['metadata']['name']}": masked(o["spec"]) for kind, v in CHILDREN for o in world.list(kind, v)
    }
    return {**own, **children}


def masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: masked(v) for k, v in value.items() if k not in VOLATILE}
    return [masked(v) for v in value] if isinstance(value, list) else value


def creations(writes: list[tuple[str, str]]) -> Counter[str]:
    """How often each collection was written to by POST; Events may repeat."""
    return Counter(path.rsplit("/", 1)[-1] for method, path in writes if method == "POST" and "/events" not in path)


@pytest.fixture(scope="module")
def faultless(api: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Counter[str], int]:
    """The end, the creations and the number of writes without faults."""
    from integration import harness

    folder = tmp_path_factory.mktemp("faultless")
    with harness.world(api) as world, Proxy(api).running() as proxy:
        with InProcess(proxy.kubeconfig(folder), world.namespace):
            serve(world)
            end = served(world)
        return end, creations(proxy.writes), len(proxy.writes)


@pytest.mark.parametrize("fate", [Fate.IS_LOST, Fate.IS_NOT_ANSWERED])
def test_killed_at_every_write(
    quiet_world: World, tmp_path: Path, faultless: tuple[Json, Counter[str], int], fate: Fate
) -> None:
    """An operator that dies before, or right after, each of its writes ends where one ends that never dies."""
    end, made, _ = faultless
    writes: list[tuple[str, str]] = []
    serve(quiet_world)
    deaths = sum(itertools.takewhile(bool, (killed(quiet_world, tmp_path, fate, n, writes) for n in range(100))))
    assert deaths >= 5
    assert served(quiet_world) == end
    assert creations(writes) == made


def killed(world: World, folder: Path, fate: Fate, number: int, writes: list[tuple[str, str]]) -> bool:
    """Whether this operator died, at its first or second write in turns, before everything was done."""
    proxy = Proxy(world.api, writes=writes)
    proxy.judge = lambda count, *_: fate if count == 1 + number % 2 else Fate.PASSES
    with proxy.running():
        operator = InProcess(proxy.kubeconfig(folder), world.namespace)
        world.until(lambda: proxy.cut or settled(world), "its death, or the end", within=60)
        died = proxy.cut
        proxy.cut = True
        operator.abandon()
    return died


def settled(world: World) -> bool:
    ready = all(world.condition(k, "iris")["status"] == "True" for k in ("Model", "Deployment"))
    return ready and not world.list("Job", "batch/v1")


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(409, "Conflict"),
        Refusal(429, "TooManyRequests", retry_after=1),
        Refusal(500, "InternalError"),
        Refusal(503, "ServiceUnavailable"),
    ],
    ids=lambda r: str(r.code),
)
def test_every_third_write_refused(
    quiet_world: World, tmp_path: Path, faultless: tuple[Json, Counter[str], int], refusal: Refusal
) -> None:
    """Conflicts, overload and errors of the API server cost time, and nothing else."""
    with Proxy(quiet_world.api).running() as proxy:
        proxy.judge = lambda number, *_: refusal if number % 3 == 0 else Fate.PASSES
        with InProcess(proxy.kubeconfig(tmp_path), quiet_world.namespace):
            serve(quiet_world)
            assert served(quiet_world) == faultless[0]
            assert creations(proxy.writes) == faultless[1]


@pytest.mark.parametrize("fault", ["drop_watches", "expire_watches"])
def test_what_happens_while_watches_are_down_is_seen(quiet_world: World, tmp_path: Path, fault: str) -> None:
    """After a broken watch, or 410 Gone, a child that was deleted meanwhile is made again."""
    with (
        Proxy(quiet_world.api).running() as proxy,
        InProcess(proxy.kubeconfig(tmp_path), quiet_world.namespace),
    ):
        serve(quiet_world)
        served(quiet_world)
        proxy.freeze_watches()
        quiet_world.delete("Service", "iris", "v1")
        getattr(proxy, fault)()
        quiet_world.until(lambda: quiet_world.get("Service", "iris", "v1"), "the Service to be made again")
