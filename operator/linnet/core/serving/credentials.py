"""How a pod proves itself to the store: a Secret is files in the containers that need it, and never a variable.

The kubelet writes a container's variables into its arguments, where those say `$(NAME)`; and a cloud's webhook gives
the identity of a pod's account to every container that is not named to be skipped.
"""

from collections.abc import Collection
from typing import Final

from linnet.api.kinds.model import Artifact, Credentials
from linnet.api.parts.uri import ALLOWED_PREFIX, CREDENTIALS, SCHEMES, scheme_of
from linnet.core.plan import Manifest

MOUNTED: Final = "/mnt/credentials"
_VOLUME: Final = "credentials"
_EKS: Final = "eks.amazonaws.com"
_AZURE: Final = "azure.workload.identity"


def keys_for(source: Artifact) -> tuple[str, ...]:
    """The keys of a credentials Secret that bring this artifact: no others reach the pod."""
    scheme = scheme_of(source.uri or "")
    used = SCHEMES[scheme].credentials if scheme is not None else ()
    return (*(each.key for each in used), ALLOWED_PREFIX)


def keys_for_training() -> tuple[str, ...]:
    """The keys that training code may need: it says itself where it writes."""
    return (*(each.key for each in CREDENTIALS), ALLOWED_PREFIX)


def volumes(credentials: Credentials | None, keys: tuple[str, ...], name: str = _VOLUME) -> list[Manifest]:
    """The Secret's keys as files, from the Secret by name: the operator itself can't read Secrets.

    None of them must be there: the fetcher says which is missing, where the kubelet would only wait.
    """
    if credentials is None or credentials.secret_name is None:
        return []
    items = [{"key": key, "path": key} for key in keys]
    secret = {"name": credentials.secret_name, "items": items, "optional": True}
    return [{"name": name, "projected": {"defaultMode": 0o440, "sources": [{"secret": secret}]}}]


def mounts(credentials: Credentials | None, name: str = _VOLUME) -> list[Manifest]:
    if credentials is None or credentials.secret_name is None:
        return []
    return [{"name": name, "mountPath": MOUNTED, "readOnly": True}]


def arguments(credentials: Credentials | None, allowed_prefix: str) -> list[str]:
    """How `linnet fetch` is told whom to be; `allowed_prefix` is what an account may be used for."""
    if credentials is None:
        return []
    if credentials.secret_name is not None:
        return ["--credentials", MOUNTED]
    return ["--identity", "--allowed-prefix", allowed_prefix]


def by_account(credentials: Credentials | None) -> bool:
    return credentials is not None and credentials.service_account_name is not None


def with_identity(metadata: Manifest, pod: Manifest, users: Collection[str]) -> Manifest:
    """A pod's template in which the clouds' webhooks give the account's identity to these containers only.

    EKS gives it to all that its annotation does not name, whatever `automountServiceAccountToken` says, and so does
    Azure in pods with its label. GKE has no such thing: there the network is what keeps a container from asking.
    """
    names = [each["name"] for each in (*pod.get("initContainers", ()), *pod["containers"])]
    skipped = [name for name in names if name not in users]
    annotations = {f"{_EKS}/skip-containers": ",".join(skipped), f"{_AZURE}/skip-containers": ";".join(skipped)}
    meta = {**metadata, "labels": {**metadata["labels"], **({f"{_AZURE}/use": "true"} if users else {})}}
    return {"metadata": {**meta, **({"annotations": annotations} if skipped else {})}, "spec": pod}
