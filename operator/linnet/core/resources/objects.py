"""The children as decisions see them: slim frozen views of Kubernetes JSON, parsed defensively."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from linnet.api.parts.base import DIGEST
from linnet.api.parts.conditions import SKEW, time_or_none
from linnet.foreign.text import printable

SENTENCE: Final = 1024
"""The most characters of what Kubernetes' controllers say in a status, where strangers' names and words stand, too."""
WORD: Final = 128
SETTLING: Final = timedelta(seconds=30)
"""Watches of different kinds run apart: an absence is believed only after so long."""
_ENDED: Final = frozenset({"Succeeded", "Failed"})
"""Phases of a pod whose containers never run again."""
AUTOSCALER_FIELDS: Final = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics")
_TOLD: Final = ("command", "args", "workingDir", "envFrom", "lifecycle")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
PROGRAM_FIELDS: Final = (*_TOLD, *_PROBES, "env", "volumeMounts")
"""Fields of a container that say what it does, besides its image."""
FETCHER: Final = "fetch"
"""The name of the container that brings the artifact, in each pod of ours."""
STUCK: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"}
)
"""Reasons of a waiting container that somebody must mend."""


@dataclass(frozen=True)
class Parent:
    """An object of ours: its spec and status as JSON, which a plan parses."""

    name: str
    namespace: str
    uid: str
    generation: int
    annotations: Mapping[str, str]
    deleting: bool
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    resource_version: str = ""
    created: datetime | None = None
    owner: str | None = None
    """The uid of its controller."""


@dataclass(frozen=True)
class Meta:
    """What every object has. `owner` is the uid of its controller."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: str | None
    created: datetime | None
    deleting: bool
    grace: int | None = None
    """Seconds that a deletion under way leaves it."""
    namespace: str = ""
    ends: datetime | None = None
    """When a deletion under way should have ended it; a pod's grace is over by then."""
    finalizers: tuple[str, ...] = ()

    def hangs(self, now: datetime) -> bool:
        """Whether it is there long after its deletion: a finalizer keeps it, or a node that does not answer."""
        return self.ends is not None and now - self.ends > SETTLING


@dataclass(frozen=True)
class Workload:
    """An apps/v1 Deployment: one revision."""

    meta: Meta
    replicas: int
    ready: int
    updated: int
    current: int
    """Pods that exist, ready or not."""
    digest: str | None = None
    """The artifact that its pods are told to fetch; None if that can't be read."""


@dataclass(frozen=True)
class ServiceView:
    """A Service: whom it selects."""

    meta: Meta
    selector: Mapping[str, str]


@dataclass(frozen=True)
class AutoscalerView:
    """A HorizontalPodAutoscaler: of its spec the fields that Linnet writes."""

    meta: Meta
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """What a container was told to run; `told` is its command, arguments, hooks and commands of probes, as JSON."""

    image: str
    told: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """Each with all that its entry says, as JSON."""
    mounts: Mapping[str, str] = field(default_factory=dict)
    """By its path each mount, and the volume that it is of, as JSON."""


@dataclass(frozen=True)
class ContainerState:
    """One container of a pod. `waiting` and `terminated` are reasons; `message` is the termination message."""

    name: str
    ready: bool
    started: bool
    restarts: int
    waiting: str | None
    waiting_message: str
    terminated: str | None
    exit_code: int | None
    message: str
    last_terminated: str | None
    image_id: str = ""
    """What the runtime says that it runs: an image's name with a digest, or the bare digest of its configuration."""


@dataclass(frozen=True)
class Pod:
    """A pod of ours. `ip` is None until it has one."""

    meta: Meta
    phase: str
    ip: str | None
    ready: bool
    containers: tuple[ContainerState, ...]
    init_containers: tuple[ContainerState, ...]
    unschedulable: str | None
    """The scheduler's message, if it found no node."""
    programs: Mapping[str, Program] = field(default_factory=dict)
    """What each container was told to run, by its name; known of pods that a Job made."""

    def container(self, name: str) -> ContainerState | None:
        return next((c for c in (*self.init_containers, *self.containers) if c.name == name), None)

    def lives(self, now: datetime) -> bool:
        """Whether it may serve, or hold its node's room: not after its containers have ended for good, as those of a
        pod that was evicted, nor once it hangs in deletion.
        """
        return self.phase not in _ENDED and not self.meta.hangs(now)


@dataclass(frozen=True)
class JobView:
    """A batch/v1 Job. `failed` is the Failed condition's message."""

    meta: Meta
    suspended: bool
    active: int
    complete: bool
    failed: str | None
    started: datetime | None
    finished: datetime | None
    programs: Mapping[str, Program] = field(default_factory=dict)
    """What each container of its pods is to run, by its name."""

    def settled(self, now: datetime) -> bool:
        """Whether it has ended, so long ago that its pods would have been seen by now."""
        return self.finished is not None and not -SKEW <= now - self.finished < SETTLING


@dataclass(frozen=True)
class CronJobView:
    """A batch/v1 CronJob."""

    meta: Meta
    schedule: str
    time_zone: str | None
    suspended: bool
    last_schedule: datetime | None
    generation: int
    """Counts the changes of its spec, whoever made them."""


def meta(obj: Mapping[str, Any]) -> Meta:
    m = obj.get("metadata") or {}
    owner = next((o.get("uid") for o in m.get("ownerReferences") or () if o.get("controller")), None)
    return Meta(
        name=m.get("name", ""),
        uid=m.get("uid", ""),
        labels=m.get("labels") or {},
        annotations=m.get("annotations") or {},
        owner=owner,
        created=_time(m.get("creationTimestamp")),
        deleting=bool(m.get("deletionTimestamp")),
        grace=m.get("deletionGracePeriodSeconds"),
        namespace=m.get("namespace", ""),
        ends=_time(m.get("deletionTimestamp")),
        finalizers=tuple(m.get("finalizers") or ()),
    )


def workload(obj: Mapping[str, Any]) -> Workload:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return Workload(
        meta(obj),
        replicas=spec.get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        current=status.get("replicas", 0),
        digest=_fetched(spec),
    )


def _fetched(spec: Mapping[str, Any]) -> str | None:
    pod = (spec.get("template") or {}).get("spec") or {}
    told = [c.get("args") or [] for c in pod.get("initContainers") or () if c.get("name") == FETCHER]
    words = [str(word) for word in told[0]] if told else []
    after = words[words.index("--digest") + 1 :] if "--digest" in words else []
    return after[0] if after and re.fullmatch(DIGEST, after[0]) else None


def service(obj: Mapping[str, Any]) -> ServiceView:
    return ServiceView(meta(obj), (obj.get("spec") or {}).get("selector") or {})


def autoscaler(obj: Mapping[str, Any]) -> AutoscalerView:
    given = obj.get("spec") or {}
    return AutoscalerView(meta(obj), {key: given.get(key) for key in AUTOSCALER_FIELDS})


def pod(obj: Mapping[str, Any]) -> Pod:
    status = obj.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    unschedulable = printable(scheduled.get("message", ""), SENTENCE)
    return Pod(
        meta(obj),
        phase=status.get("phase", "Pending"),
        ip=status.get("podIP"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        containers=tuple(_container(c) for c in status.get("containerStatuses") or ()),
        init_containers=tuple(_container(c) for c in status.get("initContainerStatuses") or ()),
        unschedulable=unschedulable if scheduled.get("reason") == "Unschedulable" else None,
        programs=_programs(obj.get("spec") or {}),
    )


def _programs(spec: Mapping[str, Any]) -> dict[str, Program]:
    volumes = {v.get("name"): v for v in spec.get("volumes") or ()}
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return {str(c.get("name")): _program(c, volumes) for c in containers}


def _program(container: Mapping[str, Any], volumes: Mapping[Any, Any]) -> Program:
    told = [container.get(part) for part in _TOLD]
    # Meshes have their agent ask in the kubelet's place: of a probe, what it runs inside the container alone counts.
    told += [(container.get(probe) or {}).get("exec") for probe in _PROBES]
    mounts = container.get("volumeMounts") or ()
    return Program(
        str(container.get("image", "")),
        _json(told),
        variables={str(v.get("name")): _json(v) for v in container.get("env") or ()},
        mounts={str(m.get("mountPath")): _json([m, volumes.get(m.get("name"))]) for m in mounts},
    )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _container(status: Mapping[str, Any]) -> ContainerState:
    state = status.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        name=status.get("name", ""),
        ready=bool(status.get("ready")),
        started=bool(status.get("started")),
        restarts=status.get("restartCount", 0),
        waiting=_word(waiting.get("reason")),
        waiting_message=printable(waiting.get("message", ""), SENTENCE),
        terminated=_word(terminated.get("reason")),
        exit_code=terminated.get("exitCode"),
        message=terminated.get("message") or last.get("message") or "",
        last_terminated=_word(last.get("reason")),
        image_id=status.get("imageID") or "",
    )


def _word(reason: Any) -> str | None:
    return printable(reason, WORD) if reason is not None else None


def job(obj: Mapping[str, Any]) -> JobView:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or () if c.get("status") == "True"}
    failed = conditions.get("Failed")
    return JobView(
        meta(obj),
        suspended=bool(spec.get("suspend")),
        active=status.get("active", 0),
        complete="Complete" in conditions or "SuccessCriteriaMet" in conditions,
        failed=printable(failed.get("message") or failed.get("reason", ""), SENTENCE) if failed else None,
        started=_time(status.get("startTime")),
        finished=_time(status.get("completionTime")) or _time((failed or {}).get("lastTransitionTime")),
        programs=_programs((spec.get("template") or {}).get("spec") or {}),
    )


def cron_job(obj: Mapping[str, Any]) -> CronJobView:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return CronJobView(
        meta(obj),
        schedule=spec.get("schedule", ""),
        time_zone=spec.get("timeZone"),
        suspended=bool(spec.get("suspend")),
        last_schedule=_time(status.get("lastScheduleTime")),
        generation=(obj.get("metadata") or {}).get("generation", 1),
    )


def _time(text: str | None) -> datetime | None:
    return time_or_none(text)
