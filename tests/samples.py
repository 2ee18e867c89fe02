"""The smallest valid object of each kind, and a way to change one field of it."""

import copy
from typing import Any

Object = dict[str, Any]
API_VERSION = "linnet.dev/v1alpha1"
DIGEST = "sha256:" + "0" * 64
OTHER_DIGEST = "sha256:" + "1" * 64


def model(name: str = "tumor-risk", namespace: str = "default") -> Object:
    return _object("Model", name, namespace, {"format": {"name": "sklearn"}, "source": {"uri": "s3://models/risk/1"}})


def deployment(name: str = "tumor-risk", namespace: str = "default") -> Object:
    return _object("Deployment", name, namespace, {"model": {"name": "tumor-risk"}})


def model_version(number: int = 1, model_name: str = "tumor-risk", namespace: str = "default") -> Object:
    spec = {
        "model": {"name": model_name},
        "version": number,
        "format": {"name": "sklearn"},
        "source": {"uri": "s3://models/risk/1", "digest": DIGEST},
        "runtime": {"name": "mlserver", "image": "mlserver:1", "ports": {"http": 8080}, "readyPath": "/ready"},
        "origin": {"type": "Import"},
    }
    return _object("ModelVersion", f"{model_name}-v{number}", namespace, spec)


def rollout_policy(name: str = "gentle", namespace: str = "default") -> Object:
    return _object("RolloutPolicy", name, namespace, {})


def retrain_policy(name: str = "tumor-risk", namespace: str = "default") -> Object:
    spec = {"model": {"name": "tumor-risk"}, "training": {"job": {"image": "trainer:1"}}}
    return _object("RetrainPolicy", name, namespace, spec)


def _object(kind: str, name: str, namespace: str, spec: Object) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def changed(item: Object, path: str, value: Any) -> Object:
    """A copy with the field at the dotted path set; the objects on the way are made.

    >>> changed({"spec": {}}, "spec.pod.env", [])
    {'spec': {'pod': {'env': []}}}
    """
    out = copy.deepcopy(item)
    node = out
    *way, last = path.split(".")
    for key in way:
        node = node.setdefault(key, {})
    node[last] = value
    return out
