"""What an artifact's URI may say, and which URIs a set of credentials may be used for. Pure."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from linnet.fetcher.command.outcome import Failure, Reason

SUPPORTED = ("s3", "http", "https", "pvc")
LATER = ("gs", "az", "hf", "oci")
LONGEST = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True)
class Artifact:
    """A checked URI. `parts` are the path's segments, percent-decoded for http only (S3 keys are literal)."""

    scheme: str
    authority: str
    parts: tuple[str, ...]
    full: str  # with the query, which may be a signature: never shown
    folder: bool  # it ends with a slash

    @classmethod
    def parse(cls, text: str) -> Self:
        scheme = _scheme(text)
        if scheme in ("http", "https"):
            return cls._web(scheme, text)
        authority, _, path = text.partition("://")[2].partition("/")
        if "@" in authority or ":" in authority:
            raise _invalid(text, "there may be no user or port in it")
        return cls._checked(scheme, authority, path.split("/"), text)

    @classmethod
    def _web(cls, scheme: str, text: str) -> Self:
        address = _split(text)
        port = address.port or DEFAULT_PORTS[scheme]
        authority = f"{address.hostname or ''}:{port}" if address.hostname else ""
        return cls._checked(scheme, authority, address.path[1:].split("/"), text)

    @classmethod
    def _checked(cls, scheme: str, authority: str, raw: list[str], text: str) -> Self:
        if not authority:
            raise _invalid(text, "the part after :// is missing")
        decoded = raw if scheme in ("s3", "pvc") else [_decoded(part) for part in raw]
        folder = decoded[-1] == ""
        parts = tuple(decoded[:-1] if folder else decoded)
        if any(_is_unsafe(part) for part in parts):
            raise _invalid(text, "its path has an empty, a '.' or a '..' segment, or an encoded slash")
        return cls(scheme, authority, parts, text, folder)

    @property
    def shown(self) -> str:
        return shown(self.full)

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    @property
    def at_root(self) -> "Artifact":
        """The same server's root."""
        return Artifact(self.scheme, self.authority, (), self.full.partition("?")[0], folder=True)

    def within(self, prefix: "Artifact") -> bool:
        """Whether this is `prefix` or lies below it: whole segments count, so `/models-2` is not in `/models`."""
        return (self.scheme, self.authority) == (prefix.scheme, prefix.authority) and self.parts[
            : len(prefix.parts)
        ] == prefix.parts


def check_credentials(artifact: Artifact, *, used: bool, allowed_prefix: str) -> None:
    """Refuse to use somebody's credentials for a URI that their owner did not name.

    Raises Failure(CredentialsNotAllowed). Naming a Secret in a Model must not gain anything by itself.
    """
    if not used:
        return
    if not allowed_prefix:
        raise _refused(artifact, "has no key allowedPrefix; add it, such as s3://bucket/models/, or name another")
    try:
        prefix = Artifact.parse(allowed_prefix)
    except Failure as failure:
        raise _refused(artifact, f"has an allowedPrefix that is no URI to compare with: {failure}") from failure
    if not artifact.within(prefix):
        raise _refused(artifact, f"allows {prefix.shown} only; use a URI below it, or other credentials")


def shown(uri: str) -> str:
    """The URI without what may be secret in it: user, password, query and fragment."""
    head, _, rest = uri.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    return f"{head}://{authority.rpartition('@')[2]}{slash}{path}"[:500]


def _scheme(text: str) -> str:
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in LATER:
        raise Failure(
            Reason.NOT_YET_SUPPORTED,
            f"{shown(text)}: {scheme}:// is not supported yet; copy the artifact to s3://, https:// or pvc://",
        )
    if scheme not in SUPPORTED:
        raise _invalid(text, f"it must begin with one of {', '.join(s + '://' for s in SUPPORTED)}")
    if len(text) > LONGEST or _FORBIDDEN.search(text):
        raise _invalid(text, f"it may have no spaces, control characters or backslashes, and {LONGEST} characters")
    return scheme


def _split(text: str) -> SplitResult:
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError as error:
        raise _invalid(text, "its host or port can't be read") from error
    if address.username is not None or address.password is not None:
        raise _invalid(text, "a user or password belongs in the credentials Secret, not in the URI")
    return address


def _decoded(part: str) -> str:
    """Decoded until nothing changes: some servers decode twice, and `%252e%252e` must not become `..` there."""
    for _ in range(4):
        further = unquote(part)
        if further == part:
            break
        part = further
    return part


def _is_unsafe(part: str) -> bool:
    # Some servers take `..;x` for `..`.
    return part == "" or part.partition(";")[0] in (".", "..") or "/" in part or bool(re.search(r"[\x00-\x1f\\]", part))


def _invalid(text: str, why: str) -> Failure:
    return Failure(Reason.INVALID_URI, f"{shown(text) if '://' in text else 'the URI'} can't be used: {why}")


def _refused(artifact: Artifact, why: str) -> Failure:
    return Failure(Reason.CREDENTIALS_NOT_ALLOWED, f"{artifact.shown}: its credentials Secret {why}")
