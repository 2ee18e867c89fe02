"""The pieces that every pod of ours is built from: restricted, without a token, from allow-listed settings.

Serving, validation and training pods share them, so that a rule of security stands in one place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.model import Artifact
from linnet.api.parts.base import format_quantity
from linnet.api.parts.pod import EnvVar, PodSettings, ServingPodSettings
from linnet.api.parts.uri import claim_of
from linnet.core.plan import Manifest
from linnet.core.resources.objects import FETCHER
from linnet.core.serving import credentials
from linnet.core.serving.runtimes import MODEL_DIR

FETCH: Final = FETCHER
PVC_ROOT: Final = "/mnt/pvc"
DEFAULT_STORAGE: Final = "10Gi"


@dataclass(frozen=True)
class Image:
    """Linnet's own image: it holds the fetcher and the prober."""

    name: str
    pull_policy: str


def container_security(*, read_only_root: bool = True) -> Manifest:
    """What PodSecurity's restricted profile asks of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": read_only_root,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_spec(settings: PodSettings, service_account: str | None = None) -> Manifest:
    """The pod's frame: security, scheduling, no token. Containers and volumes are added by the caller.

    fsGroup makes an ephemeral volume writable for the fetcher; 65532 is the user of Linnet's image.
    """
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": settings.service_account_name or service_account,
        "nodeSelector": settings.node_selector,
        "tolerations": [t.wire() for t in settings.tolerations or ()],
        "affinity": settings.affinity.wire() if settings.affinity is not None else None,
        "priorityClassName": settings.priority_class_name,
        "runtimeClassName": settings.runtime_class_name,
        "imagePullSecrets": [s.wire() for s in settings.image_pull_secrets or ()],
    }
    return {key: value for key, value in spec.items() if value or value is False}


def spread(settings: ServingPodSettings, selector: Mapping[str, str]) -> Manifest:
    """The pod's constraints on how it and its like are spread over nodes."""
    like = {"labelSelector": {"matchLabels": dict(selector)}}
    found = [{**each.wire(), **like} for each in settings.topology_spread or ()]
    return {"topologySpreadConstraints": found} if found else {}


def volumes(settings: PodSettings, source: Artifact | None = None) -> list[Manifest]:
    """The artifact's volume, /tmp, and what settings and source add."""
    out = [_model_volume(settings), {"name": "tmp", "emptyDir": {}}]
    if settings.shared_memory is not None:
        size = format_quantity(settings.shared_memory)
        out.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}})
    if source is not None and (claim := claim_of(source.uri or "")):
        out.append({"name": "source", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    if source is not None:
        out += credentials.volumes(source.credentials, credentials.keys_for(source))
    return out


def _model_volume(settings: PodSettings) -> Manifest:
    storage, size = settings.storage, _size(settings)
    if storage is None or storage.class_ is None:
        return {"name": "model", "emptyDir": {"sizeLimit": size}}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage.class_,
        "resources": {"requests": {"storage": size}},
    }
    return {"name": "model", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


def _size(settings: PodSettings) -> str:
    storage = settings.storage
    return format_quantity(storage.size) if storage and storage.size is not None else DEFAULT_STORAGE


def server_mounts(settings: PodSettings) -> list[Manifest]:
    """Mounts of the model server: the artifact read-only, and places to write."""
    out: list[Manifest] = [
        {"name": "model", "mountPath": MODEL_DIR, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a mount point inside the pod)
    ]
    if settings.shared_memory is not None:
        out.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108
    return out


def env(*given: Iterable[EnvVar] | None) -> list[Manifest]:
    """The variables of all that is given, the last of a name: server-side apply refuses a name that is there twice."""
    named = {v.name: v for variables in given for v in variables or ()}
    return [{"name": v.name, "value": v.value} for v in named.values()]


def containers(init: Iterable[Manifest], main: Iterable[Manifest]) -> Manifest:
    """The pod's containers, whose every string the kubelet is to take as it is written."""
    return {"initContainers": [literal(c) for c in init], "containers": [literal(c) for c in main]}


def literal(container: Manifest) -> Manifest:
    """The container with `$` doubled wherever the kubelet expands `$(NAME)`: in command, arguments and variables.

    It would write what the container's variables hold there, and so would a status that repeats an argument. Each
    variable stands once, the last of its name, or server-side apply would refuse the list.
    """
    texts: Manifest = {
        key: [_literal(text) for text in container[key]] for key in ("command", "args") if key in container
    }
    if "env" in container:
        last = {v["name"]: v for v in container["env"]}
        texts["env"] = [{**v, "value": _literal(v["value"])} if "value" in v else v for v in last.values()]
    return {**container, **texts}


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def fetch_container(
    source: Artifact,
    digest: str | None,
    settings: PodSettings,
    image: str,
    pull_policy: str,
    deadline: str,
    allowed_prefix: str = "",
) -> Manifest:
    """The init container that brings the artifact, checks its digest, and reports in its termination message.

    It has no variables: the kubelet would write them into its arguments, and a proxy of `pod.env` would send somebody
    else's credentials elsewhere.
    """
    arguments = ["fetch", "--uri", source.uri or "", "--to", MODEL_DIR, "--deadline", deadline]
    arguments += ["--size-limit", _size(settings)]
    if digest is not None:
        arguments += ["--digest", digest]
    for pattern in source.include or ():
        arguments += ["--include", pattern]
    arguments += credentials.arguments(source.credentials, allowed_prefix)
    mounts: list[Manifest] = [{"name": "model", "mountPath": MODEL_DIR}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    mounts += credentials.mounts(source.credentials)
    if claim := claim_of(source.uri or ""):
        arguments += ["--pvc-root", PVC_ROOT]
        mounts.append({"name": "source", "mountPath": f"{PVC_ROOT}/{claim}", "readOnly": True})
    return {
        "name": "fetch",
        "image": image,
        "imagePullPolicy": pull_policy,
        "args": arguments,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }
