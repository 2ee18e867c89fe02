"""How a pod proves itself to the store: a Secret is files in the containers that need it, and never a variable.

The kubelet writes a container's variables into its arguments, where those say `$(NAME)`; and a cloud's webhook gives
the identity of a pod's account to every container that is not named to be skipped.
"""

from typing import Final

from linnet.api.kinds.model import Credentials, Source
from linnet.api.parts.uri import ALLOWED_PREFIX, CREDENTIALS, SCHEMES, scheme_of
from linnet.core.plan import Manifest

MOUNTED: Final = "/mnt/credentials"
_VOLUME: Final = "credentials"


def keys_for(source: Source) -> tuple[str, ...]:
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


def arguments(credentials: Credentials | None) -> list[str]:
    """How `linnet fetch` is told whom to be."""
    if credentials is None:
        return []
    return ["--credentials", MOUNTED] if credentials.secret_name is not None else ["--identity"]
