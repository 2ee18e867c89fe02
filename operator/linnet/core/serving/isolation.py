"""A model is loaded only after its pod's egress is denied: what the pod is made of for that, and who denies it.

A NetworkPolicy selects one label. The label follows the pod: it comes once the artifact is fetched, and goes while that
is fetched anew, as after a reboot of the node. The kubelet shows it as a file, for which an init container waits after
the fetcher and before the server. Policies add up, so that a namespace allows what its models need by one of its own.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from linnet.api.labels import LOADED, OWNER_LABELS
from linnet.api.parts.base import format_duration
from linnet.core.plan import Action, Apply, Manifest, Patch
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.resources.objects import Pod
from linnet.core.serving.pods import FETCH, Image, container_security

ISOLATE: Final = "isolate"
API_VERSION: Final = "networking.k8s.io/v1"
KIND: Final = "NetworkPolicy"
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


def policy_name(owner: Owner) -> str:
    return f"{owner.name}-loaded"


def policy(owner: Owner) -> Manifest:
    """Pods of this owner that have their artifact open no connection; answers to others' are no egress."""
    own = {OWNER_LABELS[owner.kind]: owner.name}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(owner, policy_name(owner), own),
        "spec": {"podSelector": {"matchLabels": {**own, LOADED: "true"}}, "policyTypes": ["Egress"]},
    }


def actions(owner: Owner, pods: Sequence[Pod], *, deny: bool, denied: bool) -> Iterator[Action]:
    """The policy, and the pods whose label is not as it should be; no label at all where the platform allows egress.

    `denied`: the policy is there. Before that no pod gets the label, which would say what is not so.
    """
    if deny and not denied:
        yield Apply(policy(owner))
    for pod in pods:
        carried = LOADED in pod.meta.labels
        wanted = deny and _loaded(pod, carried=carried)
        if not pod.meta.deleting and carried != wanted and (carried or denied):
            yield _label(pod, None if carried else "true")


def _loaded(pod: Pod, *, carried: bool) -> bool:
    """Fetched is as good as loaded: nothing else of the pod needs a connection. Unknown stays what it was."""
    fetch = pod.container(FETCH)
    fetched = fetch is not None and fetch.exit_code == 0
    return pod.ready or fetched or (carried and (fetch is None or fetch.exit_code is not None))


def _label(pod: Pod, value: str | None) -> Patch:
    return Patch("v1", "Pod", pod.meta.name, pod.meta.uid, {"metadata": {"labels": {LOADED: value}}}, optional=True)
