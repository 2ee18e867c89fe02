"""The model server's container, the same for a validation and for serving."""

from typing import Final

from linnet.api.parts.pod import ServingPodSettings
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.plan import Manifest
from linnet.core.serving.pods import container_security, env, server_mounts

SERVER: Final = "server"
_DEFAULT_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}}


def server_container(runtime: FrozenRuntime, settings: ServingPodSettings, extra_args: list[str]) -> Manifest:
    """The container without probes. A read-only root suits every server of the catalogue; a custom one is unknown.

    When its image is pulled is the tenant's choice: the platform's policy is for Linnet's own image.
    """
    policy = settings.image_pull_policy
    resources = settings.resources.wire() if settings.resources else _DEFAULT_RESOURCES
    return {
        "name": SERVER,
        "image": runtime.image,
        **({"imagePullPolicy": policy} if policy is not None else {}),
        "args": [*(runtime.args or ()), *extra_args],
        "env": env(runtime.env, settings.env),
        "ports": ports(runtime),
        "resources": resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(read_only_root=runtime.name != "custom"),
        "volumeMounts": server_mounts(settings),
    }


def ports(runtime: FrozenRuntime) -> list[Manifest]:
    named = {"http": runtime.ports.http, "grpc": runtime.ports.grpc, "metrics": runtime.ports.metrics}
    distinct = {port: name for name, port in reversed(named.items()) if port is not None}
    return [{"name": name, "containerPort": port} for port, name in reversed(distinct.items())]


def metrics_port(runtime: FrozenRuntime) -> int:
    return runtime.ports.metrics or runtime.ports.http


def probes(runtime: FrozenRuntime, ready_seconds: int) -> Manifest:
    """Loading may take `ready_seconds`; then readiness every 2 s, and liveness only where the server has a path."""
    ready = {"httpGet": {"path": runtime.ready_path, "port": runtime.ports.http}}
    out: Manifest = {
        "startupProbe": {**ready, "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": max(1, ready_seconds)},
        "readinessProbe": {**ready, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3},
    }
    if runtime.live_path is not None:
        live = {"httpGet": {"path": runtime.live_path, "port": runtime.ports.http}}
        out["livenessProbe"] = {**live, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3}
    return out
