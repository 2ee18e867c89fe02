"""A lost lease is normal: who loses it stands by, judges nothing, and may lead again; no process ends for it."""

import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration.faults import Proxy, Refusal
from integration.harness import SHORT_LEASE, Operator, World, until
from linnet.adapters.cluster import resources

pytestmark = pytest.mark.integration
Json = dict[str, Any]
QUICK_LEASE = {"LINNET_LEASE_SECONDS": "4", "LINNET_LEASE_RENEW_SECONDS": "3"}
TERMS = 20
SAME = 6
"""Looks in a row, half a second apart."""
GROWTH = 1.15
"""Of resident memory, from when everything was used a few times: what a term leaves behind would be more."""


def give(world: World, holder: str | None) -> None:
    """Somebody writes the Lease. Where the leader writes it at the same moment, once more."""

    def written() -> bool:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 4}
        body = {"spec": spec}
        headers = {"Content-Type": "application/merge-patch+json"}
        return bool(world.api.http.patch(world.lease, json=body, headers=headers).is_success)

    until(written, "the Lease to be written")


def serve(world: World, name: str = "iris") -> None:
    world.model(name, f"s3://models/{name}/1")
    world.deployment(name, name)


def steps_back(operator: Operator) -> list[Json]:
    return [line for line in operator.lines() if "stepping back" in line["message"]]


def in_good_order(*operators: Operator) -> None:
    """Each process is the one that was begun, is healthy and ready, and has told of nothing but warnings."""
    for operator in operators:
        assert operator.process.poll() is None
        assert operator.healthy()
        until(operator.ready, f"{operator.name} to be ready")
        assert operator.tracebacks() == []
        assert [line for line in operator.lines() if line["level"] == "error" and line["logger"] != "kopf"] == []


def test_a_lease_that_is_stolen_is_given_up_at_once(quiet_world: World) -> None:
    """One line of level warning; then the process stands by, and leads again when the lease is free."""
    operator = quiet_world.start_operator()
    until(operator.leads, "it to lead")
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    give(quiet_world, "somebody-else")
    until(lambda: not operator.leads(), "it to stand by")
    assert [line["level"] for line in steps_back(operator)] == ["warning"]
    assert "somebody-else holds the lease" in steps_back(operator)[0]["message"]
    writes = operator.writes()
    serve(quiet_world, "rose")
    assert quiet_world.status("Model", "rose") == {}
    assert operator.writes() == writes
    in_good_order(operator)
    give(quiet_world, None)
    until(operator.leads, "it to lead again")
    quiet_world.ready("Deployment", "rose")
    in_good_order(operator)


def test_whatever_somebody_writes_into_the_lease_somebody_leads(quiet_world: World) -> None:
    """Times that no clock shows, and then no spec at all: the leader goes on, and a standby still takes over."""
    former = quiet_world.start_operator(**QUICK_LEASE)
    until(former.leads, "the first to lead")
    standby = quiet_world.start_operator(**QUICK_LEASE)
    for spec in ({"renewTime": "0000-01-01T00:00:00.000000Z", "acquireTime": "0000-01-01T00:00:00.000000Z"}, None):
        headers = {"Content-Type": "application/merge-patch+json"}
        written = quiet_world.api.http.patch(quiet_world.lease, json={"spec": spec}, headers=headers)
        wrong = written.raise_for_status().json()["metadata"]["resourceVersion"]
        until(partial(is_written_since, quiet_world, wrong), "somebody to write it")
    until(lambda: former.leads() != standby.leads(), "one to lead")
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    in_good_order(former, standby)


def is_written_since(world: World, version: str) -> bool:
    lease = world.api.http.get(world.lease).raise_for_status().json()
    return bool(lease["metadata"]["resourceVersion"] != version)


def test_a_leader_that_stood_still_steps_back(quiet_world: World) -> None:
    """A process that was stopped for longer than its lease must not write beside its successor; it stays as standby."""
    former = quiet_world.start_operator(**SHORT_LEASE)
    until(former.leads, "the first to lead")
    standby = quiet_world.start_operator(**SHORT_LEASE)
    former.process.send_signal(signal.SIGSTOP)
    until(standby.leads, "the standby to lead")
    former.process.send_signal(signal.SIGCONT)
    until(lambda: not former.leads(), "the first to stand by")
    assert standby.leads()
    assert len(steps_back(former)) == 1
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    in_good_order(former, standby)
    standby.kill()
    until(former.leads, "the first to lead again")


def test_an_api_server_that_is_away_for_longer_than_the_lease_ends_nobody(quiet_world: World, tmp_path: Path) -> None:
    """Both replicas stay, healthy and ready to take over; when it is back one of them leads, and rollouts go on."""
    with Proxy(quiet_world.api).running() as proxy:
        environment = {**QUICK_LEASE, "KUBECONFIG": str(proxy.kubeconfig(tmp_path))}
        replicas = [quiet_world.start_operator(**environment) for _ in range(2)]
        until(lambda: any(r.leads() for r in replicas), "one to lead")
        for number in range(2):
            proxy.cut = True
            until(lambda: not any(r.leads() for r in replicas), "the leader to step back")
            in_good_order(*replicas)
            proxy.cut = False
            serve(quiet_world, f"iris{number}")
            quiet_world.ready("Deployment", f"iris{number}")
            assert len([r for r in replicas if r.leads()]) == 1
        in_good_order(*replicas)
        assert sum(len(steps_back(r)) for r in replicas) == 2


@pytest.mark.parametrize(
    "refusal",
    [Refusal(401, "Unauthorized"), Refusal(403, "Forbidden"), Refusal(404, "NotFound"), Refusal(500, "InternalError")],
    ids=lambda r: str(r.code),
)
def test_an_api_server_that_refuses_everything_for_a_while_ends_nobody(
    quiet_world: World, tmp_path: Path, refusal: Refusal
) -> None:
    """As while its keys are exchanged, or its rules are read again: the process stays, and leads when it is over."""
    with Proxy(quiet_world.api).running() as proxy:
        operator = quiet_world.start_operator(**QUICK_LEASE, KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
        until(operator.leads, "it to lead")
        proxy.drop_watches()
        proxy.answers = refusal
        until(lambda: not operator.leads(), "it to step back")
        assert operator.healthy()
        proxy.answers = None
        serve(quiet_world)
        quiet_world.ready("Deployment", "iris")
        assert operator.leads()
        assert operator.process.poll() is None
        assert operator.healthy()
        assert operator.tracebacks() == []


@pytest.mark.parametrize("wait", ["86400", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_an_api_server_that_asks_to_wait_for_a_day_is_asked_again(
    quiet_world: World, tmp_path: Path, wait: str
) -> None:
    """It was busy for a moment: no watch is deaf afterwards, and none ended the term."""
    with Proxy(quiet_world.api).running() as proxy:
        operator = quiet_world.start_operator(KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
        until(operator.leads, "it to lead")
        proxy.answers = Refusal(429, "TooManyRequests", wait)
        refused = proxy.refused
        proxy.drop_watches()
        until(lambda: proxy.refused > refused + len(resources.CHILDREN), "its watches to be refused")
        proxy.answers = None
        serve(quiet_world)
        quiet_world.ready("Deployment", "iris", within=60)
        assert operator.leads()
        assert operator.tracebacks() == []
        assert [line for line in operator.lines() if "beginning again" in line["message"]] == []


def test_terms_leave_nothing_behind(quiet_world: World) -> None:
    """Twenty terms in one process: its threads, its open files and its memory stay as they were."""
    operator = quiet_world.start_operator(**QUICK_LEASE)
    serve(quiet_world)
    quiet_world.ready("Deployment", "iris")
    held: list[Json] = []
    for number in range(TERMS):
        give(quiet_world, "somebody-else")
        until(lambda: not operator.leads(), "it to stand by")
        give(quiet_world, None)
        until(operator.leads, "it to lead")
        until(operator.ready, "the cache to be filled")
        if number in {TERMS // 2, TERMS - 1}:
            held.append(settled(operator.process.pid))
    before, after = held
    assert after["threads"] <= before["threads"]
    assert after["files"] <= before["files"] + 2
    assert after["memory"] <= GROWTH * before["memory"]
    assert len(steps_back(operator)) == TERMS
    in_good_order(operator)


def settled(pid: int) -> Json:
    """What the process holds once that stays the same: its watches are open, those of the former term closed."""
    seen: list[Json] = []

    def same() -> bool:
        seen.append(holds(pid))
        return len({(s["files"], s["threads"]) for s in seen[-SAME:]}) == 1 and len(seen) >= SAME

    until(same, "what the process holds to stay the same", every=0.5)
    return seen[-1]


def holds(pid: int) -> Json:
    """What the process holds: threads, open files, and kilobytes of resident memory."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = 0
    with suppress(FileNotFoundError):
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"threads": int(status["Threads"]), "files": files, "memory": int(status["VmRSS"].split()[0])}
