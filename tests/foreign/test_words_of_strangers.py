"""Wherever a stranger's words enter the operator, what is written or shown of them is printable and short."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client.exceptions import ApiException

from foreign.hostile import HOSTILE
from linnet.adapters.cluster import errors
from linnet.adapters.outbound.scrape import Scraper
from linnet.adapters.telemetry.journal import Journal
from linnet.adapters.telemetry.logs import JsonFormatter
from linnet.adapters.telemetry.metrics import Metrics
from linnet.api.kinds.deployment import DeploymentStatus
from linnet.api.kinds.model import Lineage, ModelSpec
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.api.parts.conditions import Reason, condition
from linnet.core.parse import Invalid, parse_spec
from linnet.core.plan import Emit, Ref
from linnet.core.registry.validation import outcome, report
from linnet.core.resources import objects, routes
from linnet.core.resources.objects import Parent
from linnet.core.retraining import claim
from linnet.core.retraining.executors import outcome as training
from linnet.core.webhooks import NotYet, Refused, of_transition, reply
from linnet.fetcher.command.log import Log
from linnet.fetcher.command.outcome import Failure
from linnet.fetcher.command.outcome import Reason as FetchReason
from linnet.fetcher.command.supervisor import Supervisor

Json = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST = 4096
"""No sentence of ours is longer, whatever was said."""
WHOLE = HOSTILE.replace("\ud800", "")
"""The same without half a character, which no field of a type takes."""
FLOOD = f"{HOSTILE} " * 5_000


def pod(**states: Any) -> objects.Pod:
    """A pod whose container `server`, `train`, `fetch` or `probe` is in such a state."""
    statuses = [{"name": name, **state} for name, state in states.items()]
    owner = {"kind": "Job", "uid": "job", "controller": True}
    meta = {"name": "p", "ownerReferences": [owner]}
    return objects.pod({"metadata": meta, "spec": RUN, "status": {"containerStatuses": statuses}})


RUN: Json = {"containers": [{"name": name, "image": "linnet:test"} for name in ("fetch", "probe")]}


def ended(message: str, code: int = 1) -> Json:
    return {"state": {"terminated": {"reason": f"Error{HOSTILE}", "exitCode": code, "message": message}}}


def waiting() -> Json:
    return {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": FLOOD}}, "restartCount": 3}


def unschedulable() -> objects.Pod:
    told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": FLOOD}
    owner = {"kind": "Job", "uid": "job", "controller": True}
    return objects.pod(
        {"metadata": {"name": "p", "ownerReferences": [owner]}, "spec": RUN, "status": {"conditions": [told]}}
    )


def job(**conditions: str) -> objects.JobView:
    told = [{"type": type_, "status": "True", "message": m} for type_, m in conditions.items()]
    meta, template = {"name": "j", "uid": "job"}, {"spec": RUN}
    return objects.job({"metadata": meta, "spec": {"template": template}, "status": {"conditions": told}})


def validation(*pods: objects.Pod) -> Iterator[str]:
    found = outcome.outcome(job(Failed=FLOOD), pods, "linnet:test", NOW)
    yield from (found.waiting, *(found.failed or ()))


def reported(data: Mapping[str, Any]) -> str:
    return json.dumps(data)


def route() -> Json:
    told = {"type": "Accepted", "status": "False", "reason": HOSTILE, "message": FLOOD}
    parents = [{"parentRef": {"name": "edge"}, "conditions": [told]}]
    spec = {"parentRefs": [{"name": "edge"}], "rules": []}
    return {"metadata": {"name": "r", "generation": 1}, "spec": spec, "status": {"parents": parents}}


def refused_claim(message: str) -> str:
    found = claim.read(message)
    assert isinstance(found, claim.Refusal)
    return found.message


def invalid(data: Json) -> str:
    found = parse_spec(ModelSpec, data)
    assert isinstance(found, Invalid)
    return f"{found.path} {found.message}"


def translated(cause: Exception) -> str:
    with pytest.raises(errors.KubeError) as raised, errors.translated("get models"):
        raise cause
    return f"{raised.value} {getattr(raised.value, 'field', '')}"


def answered(code: int) -> ApiException:
    causes = [{"field": f"spec.{HOSTILE}"}]
    body = {"kind": "Status", "message": FLOOD, "details": {"causes": causes}}
    found = ApiException(status=code, reason=HOSTILE, body=json.dumps(body))
    found.headers = {}
    return found


ENTRIES: dict[str, Callable[[], object]] = {
    "a server's last words": lambda: [*validation(pod(server={"restartCount": 3, **ended(FLOOD)}))],
    "last words beside a report": lambda: [*validation(pod(server=ended(FLOOD), fetch=ended(FLOOD)))],
    "a fetcher's message": lambda: [*validation(pod(fetch=ended(reported({"outcome": "Failed", "message": FLOOD}))))],
    "a fetcher's reason": lambda: report.read(
        pod(fetch=ended(reported({"outcome": HOSTILE, "reason": FLOOD}))).containers[0]
    ),
    "a container that can't start": lambda: [*validation(pod(server=waiting()))],
    "a pod that no node takes": lambda: [*validation(unschedulable())],
    "a Job's condition": lambda: [*validation()],
    "a training container's end": lambda: training.failure(job(Failed=FLOOD), [pod(train=ended(FLOOD))]),
    "a training container that can't start": lambda: training.trouble([pod(train=waiting())]),
    "a training pod that no node takes": lambda: training.trouble([unschedulable()]),
    "a claim that is no JSON": lambda: refused_claim(HOSTILE),
    "a claim's fields": lambda: refused_claim(json.dumps({"uri": HOSTILE, HOSTILE: 1, "digest": HOSTILE})),
    "a claim's metrics": lambda: refused_claim(
        json.dumps({"uri": "s3://mucket/1", "digest": f"sha256:{'0' * 64}", "metrics": {HOSTILE: "x"}})
    ),
    "a spec's unknown field": lambda: invalid({"format": {"name": "sklearn"}, HOSTILE: 1}),
    "a spec's value": lambda: invalid({"format": {"name": HOSTILE}, "source": {"uri": HOSTILE}}),
    "a route's condition": lambda: routes.view("HTTPRoute", route()).problem,
    "a refusal by the API server": lambda: [translated(answered(code)) for code in (400, 403, 404, 409, 410, 422, 500)],
    "an answer that is none": lambda: translated(aiohttp.ClientPayloadError(FLOOD)),
    "a hook's reason": lambda: reply(403, json.dumps({"reason": FLOOD}).encode()),
    "a hook's other answer": lambda: reply(409, json.dumps({"reason": FLOOD}).encode()),
    "a condition": lambda: condition("Ready", False, Reason.VERSION_FAILED, FLOOD),
    "a status": lambda: DeploymentStatus.model_validate(
        {"conditions": [{"type": "Ready", "status": "False", "reason": "Forbidden", "message": WHOLE}]}
    ).wire(),
    "a record's lineage": lambda: ModelVersionStatus(
        lineage=Lineage(code=WHOLE, parameters={"depth": WHOLE}), metrics={"auc": Decimal(1)}
    ).wire(),
    "an Event that is sent": lambda: of_transition(
        Ref("Deployment", "ml", "risk"),
        Parent("risk", "ml", "u", 1, {}, False, {}, {}),
        Emit("Normal", "X", HOSTILE),
        NOW,
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_enters_can_be_shown(entry: str) -> None:
    """Fields that somebody else fills hold escape sequences, directions, halves of characters, and pages of them."""
    told = [*strings(ENTRIES[entry]())]
    assert told
    for text in told:
        assert text.isprintable(), text
        assert len(text) <= LONGEST


def strings(value: object) -> Iterator[str]:
    """Every string in a value, whatever it is made of; Python's way of writing a value would escape them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for part in pair for text in strings(part))
    elif isinstance(value, list | tuple | set):
        yield from (text for part in value for text in strings(part))
    elif hasattr(value, "__dict__"):
        yield from strings(vars(value))


def test_the_words_are_still_there() -> None:
    """A person must read why: what a terminal can't obey is kept."""
    assert "hidden reversed line" in " ".join(validation(pod(server={"restartCount": 3, **ended(HOSTILE)})))
    said = reply(403, json.dumps({"reason": HOSTILE}).encode())
    assert said == Refused("hidden reversed line line\ufffd \ufffd")
    assert isinstance(reply(409, json.dumps({"reason": HOSTILE}).encode()), NotYet)


def test_an_event_holds_a_line() -> None:
    """`kubectl get events` prints a note as it is."""
    journal = Journal(None, "linnet-0", lambda: NOW, lambda *_: None)  # type: ignore[arg-type]
    parent = Parent("risk", "ml", "u", 1, {}, False, {}, {})
    event = journal._event(Ref("Deployment", "ml", "risk"), parent, Emit("Warning", "RolledBack", HOSTILE * 90))
    assert event["note"].isprintable()
    assert len(event["note"].encode()) <= 1024


def test_a_line_of_the_log_is_clean_when_it_is_decoded() -> None:
    """`jq -r .message` prints it, and a store of logs shows it on a page."""
    error = ValueError(HOSTILE)
    record = logging.LogRecord("linnet", logging.ERROR, "f", 1, "it said %s", (HOSTILE,), (ValueError, error, None))
    record.fields = {"reason": HOSTILE, "about": [{"name": HOSTILE}]}
    line = json.loads(JsonFormatter().format(record))
    for text in strings(line):
        assert text.replace("\n", "").isprintable()
    assert "hidden" in line["message"]


async def test_a_pod_that_answers_no_http_is_told_in_words() -> None:
    """The client's error repeats what the server sent."""

    async def answers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x1b[2J\x1b]0;t\x07 200\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    scraper = Scraper()
    try:
        port = server.sockets[0].getsockname()[1]
        said = (await scraper.scrape([target(port)])).errors["uid"]
        assert said.isprintable()
    finally:
        scraper.close()
        server.close()


def target(port: int) -> Any:
    from linnet.core.analysis.metrics.selectors import MetricRules
    from linnet.core.observed import ScrapeTarget

    return ScrapeTarget(uid="uid", ip="127.0.0.1", port=port, path="/metrics", rules=MetricRules())


def test_what_the_fetcher_leaves_behind_is_printable(
    tmp_path: Any, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kubectl logs` prints the log as it is, and the kubelet the termination message."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, write_through=True))
    log, left = Log(), tmp_path / "termination-log"

    def work() -> Json:
        log.say(f"fetching {HOSTILE}")
        raise Failure(FetchReason.NOT_FOUND, f"the server answered 404 {HOSTILE}")

    assert Supervisor(log, left, 30.0, "the fetch", "wait").run(work) == 2
    printed, message = out.getvalue().decode(), left.read_text()
    assert all(line.isprintable() for line in printed.splitlines())
    assert json.loads(message)["message"].isprintable()
    assert message.isprintable()


def test_metrics_name_no_words_of_strangers() -> None:
    """What /metrics shows of an error is its class."""
    metrics = Metrics()
    metrics.failed("Deployment", errors.from_api(answered(422)))
    assert all(line.isprintable() for line in metrics.exposition().decode().splitlines())
