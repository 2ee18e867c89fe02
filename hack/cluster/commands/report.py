"""What the cluster tells about itself: where to reach it, and how its processes fare."""

import json
import shlex
from typing import Any

from hack.cluster import layout
from hack.cluster.machine import cleanup, processes
from hack.cluster.plane import addons
from hack.cluster.steps import ClusterError


def environment() -> dict[str, Any]:
    """How to reach the running cluster; raises ClusterError where none was started."""
    if not layout.KUBECONFIG.exists() or not addons.S3_KEYS.exists():
        raise ClusterError("the embedded cluster is not up: make cluster")
    keys = json.loads(addons.S3_KEYS.read_text())
    return {
        "kubeconfig": str(layout.KUBECONFIG),
        "bin": str(layout.bin_dir()),
        "s3": {
            "endpoint": addons.S3_URL,
            "bucket": addons.S3_BUCKET,
            "region": "us-east-1",
            "access_key": keys["access"],
            "secret_key": keys["secret"],
        },
    }


def shell(about: dict[str, Any]) -> str:
    """The environment as lines for a shell's `eval`; with it kubectl finds this checkout's `kubectl linnet`."""
    s3 = about["s3"]
    values = {
        "KUBECONFIG": about["kubeconfig"],
        "AWS_ENDPOINT_URL": s3["endpoint"],
        "AWS_REGION": s3["region"],
        "AWS_ACCESS_KEY_ID": s3["access_key"],
        "AWS_SECRET_ACCESS_KEY": s3["secret_key"],
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    plugin = shlex.quote(str(layout.REPO / ".venv" / "bin"))  # last, so that it hides no other Python
    return "\n".join([*lines, f"export PATH={shlex.quote(about['bin'])}:$PATH:{plugin}"])


def status() -> str:
    """One line for each process that was started, dead or alive, with its log."""
    lines = [
        f"{'alive' if processes.alive(p) else 'DEAD ':5} {p.pid:>8}  {p.name:<24} {p.log}"
        for p in cleanup.host_processes()
    ]
    return "\n".join(lines) or "the embedded cluster is not up"
