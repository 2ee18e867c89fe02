"""What happened, read from how the cluster's objects change: the story's facts, each with its time. Pure.

One function a kind: (the object before, the object now) → facts. The demo watches the API server, so the times are
those at which a user of the API would have known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from linnet.api.labels import COMPONENT, REVISION, VERSION
from linnet.cli.cluster.objects import Object, condition, is_ready, revision_version


@dataclass(frozen=True)
class Fact:
    """Something that happened at `at` (seconds since the epoch), about a version or none."""

    at: float
    topic: str
    text: str
    version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def facts_of(kind: str, before: Object | None, now: Object | None, at: float) -> list[Fact]:
    """The facts in one change of one object; `now` is None when it was deleted."""
    reader = _READERS.get(kind)
    return [Fact(at, *found) for found in reader(before or {}, now or {})] if reader else []


Found = tuple[str, str, int | None, dict[str, Any]]
"""An entry is its topic, text, version and data."""


def _of_deployment(before: Object, now: Object) -> Iterator[Found]:
    old, new = before.get("status") or {}, now.get("status") or {}
    yield from _of_rollout(old.get("rollout") or {}, new.get("rollout") or {})
    last = new.get("lastRollout") or {}
    if last and last.get("id") != (old.get("lastRollout") or {}).get("id"):
        number = last["to"]["version"]
        yield "ended", f"v{number}: the rollout ended: {last['outcome']}", number, dict(last)
    was, is_ = condition(before, "Ready"), condition(now, "Ready")
    if is_ and (was.get("status"), was.get("reason")) != (is_["status"], is_["reason"]):
        yield "ready", f"Ready={is_['status']} {is_['reason']}: {is_.get('message', '')}", None, is_


def _of_rollout(old: Object, new: Object) -> Iterator[Found]:
    if not new:
        return
    number = new["to"]["version"]
    if new.get("id") != old.get("id"):
        old = {}
        yield "started", f"v{number}: a rollout begins", number, {"id": new.get("id")}
    if new.get("phase") != old.get("phase"):
        yield "phase", f"v{number}: {new.get('phase')}", number, {"phase": new.get("phase")}
    if new.get("effectiveWeight") != old.get("effectiveWeight") and new.get("effectiveWeight") is not None:
        asked, real = new.get("weight"), new["effectiveWeight"]
        text = f"v{number}: weight {asked} %" + (f" is {real} % by pods" if asked != real else "")
        yield "weight", text, number, {"asked": asked, "real": real}
    verdicts, former = _verdicts(new), _verdicts(old)
    if verdicts != former and verdicts:
        text = ", ".join(f"{name} {verdict}" for name, verdict in verdicts.items())
        yield "verdicts", f"v{number}: {text}", number, verdicts
    if new.get("decision") and new.get("decision") != old.get("decision"):
        text = f"v{number}: {new['decision']} by {new.get('by')} ({new.get('reason')}): {new.get('message')}"
        yield "decision", text, number, {k: new.get(k) for k in ("decision", "reason", "message", "by")}


def _verdicts(rollout: Object) -> dict[str, str]:
    return {c["name"]: c["verdict"] for c in rollout.get("checks") or ()}


def _of_version(before: Object, now: Object) -> Iterator[Found]:
    if not now:
        return
    number = now["spec"]["version"]
    if not before:
        yield "version", f"v{number}: recorded, from {now['spec']['source'].get('uri')}", number, {}
    was, is_ = condition(before, "Ready"), condition(now, "Ready")
    if is_ and was.get("reason") != is_["reason"]:
        text = f"v{number}: {is_['reason']}: {is_.get('message', '')}"
        yield "validation", text, number, {"reason": is_["reason"], "status": is_["status"]}
    held = len(((before.get("status") or {}).get("quarantine")) or ())
    entries = (now.get("status") or {}).get("quarantine") or ()
    for entry in entries[held:]:
        yield "quarantine", f"v{number}: quarantined: {entry['reason']}", number, dict(entry)


def _of_service(before: Object, now: Object) -> Iterator[Found]:
    old, new = (obj.get("spec", {}).get("selector") for obj in (before, now))
    name = now.get("metadata", {}).get("name", "")
    if not new or new == old or name.endswith(("-stable", "-canary", "-preview")) or revision_version(name) is not None:
        return
    number = revision_version(new.get(REVISION, ""))
    to = f"v{number} alone" if number else "all serving pods"
    yield "routing", f"Service {name} selects {to}", number, {"alone": number}


def _of_route(before: Object, now: Object) -> Iterator[Found]:
    """A change of weights; the first ones are the way of traffic, not a rollout's."""
    old, new = shares(before), shares(now)
    if not old or not new or old == new:
        return
    alone = next(iter(new)) if len(new) == 1 else None
    yield "routing", f"HTTPRoute {now['metadata']['name']}: {said(new)}", alone, {"alone": alone}


def shares(route: Object) -> dict[int, int]:
    """Version → percent of the requests, by a route's rule for everybody."""
    rules = route.get("spec", {}).get("rules") or [{}]
    found = ((revision_version(b["name"]), b.get("weight", 1)) for b in rules[-1].get("backendRefs") or ())
    return {number: weight for number, weight in found if number is not None and weight}


def said(weights: Mapping[int, int]) -> str:
    """`v5 95 %, v6 5 %`."""
    return ", ".join(f"v{number} {weight} %" for number, weight in sorted(weights.items()))


def _of_pod(before: Object, now: Object) -> Iterator[Found]:
    metadata = (now or before).get("metadata", {})
    number = metadata.get("labels", {}).get(VERSION, "")
    if metadata.get("labels", {}).get(COMPONENT) != "serving" or not number.isdigit():
        return
    name, version = metadata["name"], int(number)
    stages = [
        ("created", not before),
        ("ready", is_ready(now) and not is_ready(before)),
        ("stopping", "deletionTimestamp" in now.get("metadata", {}) and not _stopping(before)),
        ("gone", not now),
    ]
    for stage, holds in stages:
        if holds:
            yield "pod", f"v{version}: pod {name} {stage}", version, {"pod": name, "stage": stage}


def _stopping(pod: Object) -> bool:
    return "deletionTimestamp" in pod.get("metadata", {})


def _of_policy(before: Object, now: Object) -> Iterator[Found]:
    was = {r["job"]: r["outcome"] for r in (before.get("status") or {}).get("runs") or ()}
    for run in (now.get("status") or {}).get("runs") or ():
        if was.get(run["job"]) != run["outcome"]:
            text = f"training {run['job']}: {run['outcome']} {run.get('message', '')}".rstrip()
            yield "run", text, run.get("version"), dict(run)


_READERS: Mapping[str, Callable[[Object, Object], Iterator[Found]]] = {
    "Deployment": _of_deployment,
    "ModelVersion": _of_version,
    "Service": _of_service,
    "HTTPRoute": _of_route,
    "Pod": _of_pod,
    "RetrainPolicy": _of_policy,
}
