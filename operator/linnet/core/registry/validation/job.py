"""The validation Job: the fetcher, the real server as a sidecar, and a prober that reports what it saw.

The server loads the model as where it will serve: with its egress denied.
"""

import hashlib
from datetime import timedelta
from typing import Final

from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.labels import COMPONENT, MODEL, MODEL_VERSION, VERSION
from linnet.api.parts.base import format_duration
from linnet.core.plan import Manifest
from linnet.core.registry.validation.placement import Place
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.serving import isolation
from linnet.core.serving.credentials import by_account, with_identity
from linnet.core.serving.pods import (
    FETCH,
    Image,
    container_security,
    containers,
    fetch_container,
    pod_spec,
    spread,
    volumes,
)
from linnet.core.serving.server import server_container

PROBE: Final = "probe"
CONTRACT_DIR: Final = "/mnt/contract"
_LONGEST: Final = 52
"""Characters of a Job's name before `-check-<attempt>`."""
TERMINAL_EXIT: Final = 2
"""The fetcher's and the prober's exit code for what trying again won't mend."""
_SLACK: Final = timedelta(minutes=1)


def job_name(version: str, attempt: int) -> str:
    """`<version>-check-<attempt>`, in at most 63 characters: a long version's name ends in a hash of what is cut.

    >>> job_name("x" * 50 + "-v1", 1) == job_name("x" * 50 + "-v2", 1)
    False
    """
    if len(version) > _LONGEST:
        version = f"{version[: _LONGEST - 9]}-{hashlib.sha256(version.encode()).hexdigest()[:8]}"
    return f"{version}-check-{attempt}"


def job(owner: Owner, spec: ModelVersionSpec, digest: str | None, image: Image, attempt: int, place: Place) -> Manifest:
    """The Job of one attempt: it tries failures of the network again; exit code 2 ends it at once."""
    labels = {
        MODEL_VERSION: owner.name,
        MODEL: spec.model.name,
        VERSION: str(spec.version),
        COMPONENT: "validation",
    }
    meta = metadata(owner, job_name(owner.name, attempt), labels)
    users = {FETCH} if by_account(spec.source.credentials) else set()
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 2,
            "activeDeadlineSeconds": _seconds(_longest(spec, place)),
            "ttlSecondsAfterFinished": 3600,
            "podFailurePolicy": {"rules": [_fail_at_once(c) for c in ((FETCH, PROBE) if place.loads else (FETCH,))]},
            "template": {
                **with_identity({"labels": meta["labels"]}, _pod(owner.name, spec, digest, image, place), users),
            },
        },
    }


def _seconds(duration: timedelta) -> int:
    """Whole seconds, within what a Job takes."""
    return min(int(duration.total_seconds()), 2**31 - 1)


def _longest(spec: ModelVersionSpec, place: Place) -> timedelta:
    return place.limits.fetch + isolation.LONGEST + _loading(spec, place) + _SLACK


def _loading(spec: ModelVersionSpec, place: Place) -> timedelta:
    """How long the server may take until it is ready: what its catalogue entry needs, or the place allows."""
    return max(spec.runtime.startup or timedelta(0), place.limits.ready)


def _fail_at_once(container: str) -> Manifest:
    codes = {"containerName": container, "operator": "In", "values": [TERMINAL_EXIT]}
    return {"action": "FailJob", "onExitCodes": codes}


def _pod(name: str, spec: ModelVersionSpec, digest: str | None, image: Image, place: Place) -> Manifest:
    settings, limits = place.settings, place.limits
    credentials = spec.source.credentials
    account = credentials.service_account_name if credentials else None
    deadline = format_duration(limits.fetch)
    fetch = fetch_container(
        spec.source, digest, settings, image.name, image.pull_policy, deadline, place.allowed_prefix
    )
    isolate = [isolation.container(image)] if place.isolated else []
    server = {**server_container(spec.runtime, settings, [*place.arguments]), "restartPolicy": "Always"}
    contract = [{"name": "contract", "configMap": {"name": spec.contract.config_map_name}}] if spec.contract else []
    return {
        **pod_spec(settings, account),
        **spread(settings, {MODEL_VERSION: name}),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        **(
            containers([fetch, *isolate, server], [_probe(spec, image, place)])
            if place.loads
            else containers([], [fetch])
        ),
        "volumes": [*volumes(settings, spec.source), *contract, *([isolation.volume()] if place.isolated else [])],
    }


def _probe(spec: ModelVersionSpec, image: Image, place: Place) -> Manifest:
    arguments = ["probe", "--url", f"http://127.0.0.1:{spec.runtime.ports.http}"]
    arguments += ["--ready-path", spec.runtime.ready_path, "--model-name", spec.model.name]
    arguments += ["--deadline", format_duration(_loading(spec, place))]
    mounts: list[Manifest] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 (a mount point inside the pod)
    if spec.contract:
        arguments += ["--contract", CONTRACT_DIR]
        mounts.append({"name": "contract", "mountPath": CONTRACT_DIR, "readOnly": True})
    return {
        "name": PROBE,
        "image": image.name,
        "imagePullPolicy": image.pull_policy,
        "args": arguments,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }
