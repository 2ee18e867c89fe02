"""A model is loaded only after its pod's egress is denied: what the pod is made of for that.

The kubelet shows the pod's own label as a file, for which an init container waits between the fetcher and the server.
"""

from datetime import timedelta
from typing import Final

from linnet.api.labels import LOADED
from linnet.api.parts.base import format_duration
from linnet.core.plan import Manifest
from linnet.core.serving.pods import Image, container_security

ISOLATE: Final = "isolate"
_FOLDER: Final = "/mnt/labels"
_FILE: Final = "loaded"
LONGEST: Final = timedelta(minutes=1)
"""Then the model is loaded all the same: pods that move while the operator is down must serve."""


def container(image: Image) -> Manifest:
    """The init container that waits for the label."""
    return {
        "name": ISOLATE,
        "image": image.name,
        "imagePullPolicy": image.pull_policy,
        "args": ["isolate", "--label", f"{_FOLDER}/{_FILE}", "--deadline", format_duration(LONGEST)],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "labels", "mountPath": _FOLDER, "readOnly": True}],
    }


def volume() -> Manifest:
    """The label as a file, empty while the pod has none."""
    item = {"path": _FILE, "fieldRef": {"fieldPath": f"metadata.labels['{LOADED}']"}}
    return {"name": "labels", "downwardAPI": {"items": [item]}}
