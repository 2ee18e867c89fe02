"""Helpers of the tests that use the running cluster: commands, kubectl, and pods made from the example's image."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
SCRIPT = REPO / "hack" / "cluster" / "cluster.py"
HARDENED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
RESTRICTED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
Object = dict[str, Any]


def cluster(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the cluster's; its exit code is the caller's business."""
    return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)


def answer(*words: str) -> Any:
    """The JSON that a command of the cluster's prints last; it must succeed."""
    done = cluster(*words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Namespace:
    """One namespace of the running cluster, and the image that its pods run."""

    name: str
    image: str
    environment: Object

    def kubectl(self, *words: str, stdin: Object | None = None, ok: bool = True) -> str:
        binary = Path(self.environment["bin"]) / "kubectl"
        command = [binary, "--kubeconfig", self.environment["kubeconfig"], "--namespace", self.name, *words]
        text = json.dumps(stdin) if stdin else None
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + ("" if ok else done.stderr)

    def apply(self, *objects: Object) -> None:
        for each in objects:
            self.kubectl("apply", "-f", "-", stdin=each)

    def python(self, pod: str, code: str, *arguments: str) -> str:
        """What some Python prints in a pod."""
        return self.kubectl("exec", pod, "--", "python", "-c", code, *arguments)


def pod(name: str, image: str, command: list[str], **spec: Any) -> Object:
    """A pod that the restricted profile admits."""
    container = {"name": "main", "image": image, "command": command, "securityContext": HARDENED}
    container |= spec.pop("container", {})
    body = {"securityContext": RESTRICTED, "terminationGracePeriodSeconds": 0, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": body}


def web(name: str, image: str) -> Object:
    """A pod that answers HTTP on 8080 and says so when it is ready."""
    ready = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    command = ["python", "-u", "-m", "http.server", "8080", "--directory", "/etc/ssl"]
    return pod(name, image, command, container={"readinessProbe": ready})


def service(name: str, app: str) -> Object:
    """A Service with another name than its pod's: a pod finds its own name in /etc/hosts, without DNS."""
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
