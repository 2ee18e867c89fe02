"""What proves a pod to the store: files of the credentials Secret, or the identity of the pod's account. Never both.

Nothing is read from the environment but what a cloud injects for that identity. The kubelet writes variables into the
arguments of the very container that has them, so that a secret in one of them would be as good as told.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from linnet.api.parts.uri import ALLOWED_PREFIX, CREDENTIALS, secrets_of
from linnet.fetcher.command.outcome import Failure, Reason

PREFIX_OF_THE_LIBRARY = "AWS_"  # the S3 library reads such variables by itself
TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")


@dataclass(frozen=True)
class Credentials:
    """How the store is asked. values: what the Secret holds, or the identity's variables. owner: whose they are.

    `owner` is empty for somebody anonymous. `allowed_prefix` is where they may be used, as their owner wrote it.
    """

    owner: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed_prefix: str = ""

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be told to anybody."""
        found = {self.values.get(each.key, "") for each in CREDENTIALS if each.is_secret}
        found |= {word for value in tuple(found) for word in value.split()}
        found |= {_token(self.values[name]) for name in TOKEN_FILES if name in self.values}
        return frozenset(found).union(*(secrets_of(value) for value in (*self.values.values(), self.allowed_prefix)))


def of_secret(folder: Path) -> Credentials:
    """The credentials of a mounted Secret: a file for each key that it has. Raises Failure for what is no text."""
    keys = (ALLOWED_PREFIX, *(each.key for each in CREDENTIALS))
    values = {key: _read(folder / key) for key in keys if (folder / key).is_file()}
    return Credentials("Secret", values, values.pop(ALLOWED_PREFIX, ""))


def of_account(environ: Mapping[str, str], allowed_prefix: str) -> Credentials:
    """The credentials of the pod's ServiceAccount: the variables that the cloud's webhook injected."""
    values = {name: value for name, value in environ.items() if name.startswith(PREFIX_OF_THE_LIBRARY)}
    return Credentials("ServiceAccount", values, allowed_prefix.strip())


def forget(environ: MutableMapping[str, str]) -> None:
    """Take from the environment what the S3 library would read: an identity that nobody named is not used."""
    for name in [name for name in environ if name.startswith(PREFIX_OF_THE_LIBRARY)]:
        del environ[name]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Failure(
            Reason.UNAUTHORIZED, f"the key {path.name} of its credentials Secret can't be read: {why}"
        ) from error


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # whoever uses it says so
        return ""
