"""Where artifacts lie: one table of URI schemes, and all that Linnet knows of each. Standard library only.

Whatever reads a URI asks this table: the API for its pattern, the operator for what it refuses as not yet supported
and for the keys that a pod gets, the fetcher for its source, and everybody who tells a URI to people for `shown`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

LONGEST: Final = 2048
"""Characters: a longer URI is not read."""
_LONGEST_SHOWN: Final = 500
ANY_QUERY: Final = "?*"
"""The end of a prefix below which addresses may have a query."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_UNSPEAKABLE: Final = r"\x00-\x20\x7f-\x9f\\\x60"
"""Blanks, control characters, backslashes, backticks: what a shell, a terminal or another server reads otherwise."""
_FORBIDDEN: Final = re.compile(rf"[{_UNSPEAKABLE}]|\$\(")
_BUCKET: Final = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_CLAIM: Final = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}")
_HOST: Final = re.compile(r"([\w.~%-]+|\[[0-9A-Fa-f:.%]+\])(:[0-9]{1,5})?")
"""A host or bucket that can be told: a password with a slash in it makes the authority something else."""
_NO_BUCKET: Final = (
    "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, such as s3://models/path, "
    "and no user, port or query"
)
_NO_CLAIM: Final = "the first part is the claim's name: lower-case letters, digits, dots and hyphens, no user or port"
_LONGEST_HOST: Final = 253
_LONGEST_LABEL: Final = 63
"""What a name has at most where it is looked up (RFC 1035, 2.3.4)."""
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
"""What separates the labels of a host: the full stop, and those of scripts that have their own."""


class UriError(ValueError):
    """The URI can't be used; the message says why and repeats nothing of it."""


class NotYetSupportedError(UriError):
    """The scheme is reserved for a release to come."""


class Scheme(StrEnum):
    """What a URI may begin with."""

    S3 = "s3"
    GS = "gs"
    AZ = "az"
    HTTP = "http"
    HTTPS = "https"
    HF = "hf"
    OCI = "oci"
    PVC = "pvc"


@dataclass(frozen=True)
class Credential:
    """One thing that a source takes from the credentials Secret.

    key: how it is called in the Secret. is_secret: it is struck from everything that the fetcher prints.
    """

    key: str
    is_secret: bool = True


Grammar = Callable[[str], tuple[str, Sequence[str]]]
"""A URI's authority and the segments of its path, decoded as the store does. Raises UriError."""


@dataclass(frozen=True)
class Rules:
    """What holds for one scheme.

    form: how a person writes such a URI. grammar: how it is read, None while the scheme is only reserved.
    credentials: what its source takes from a Secret.
    """

    form: str
    grammar: Grammar | None = None
    credentials: tuple[Credential, ...] = ()

    @property
    def is_supported(self) -> bool:
        return self.grammar is not None


@dataclass(frozen=True)
class Location:
    """A URI that was read and checked.

    parts: the segments of the path, percent-decoded for http and https only, since keys of S3 are literal. full: the
    URI as it was given, with its query, which may be a signature. is_folder: it ends with a slash.
    """

    scheme: Scheme
    authority: str
    parts: tuple[str, ...]
    full: str = field(repr=False)
    is_folder: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI. Raises UriError, or NotYetSupportedError for a scheme that is only reserved."""
        scheme = _supported(text)
        if len(text) > LONGEST or _FORBIDDEN.search(text):
            raise UriError(
                f"it may have no blanks, control characters, backslashes, backticks or $(, and {LONGEST} characters"
            )
        grammar = SCHEMES[scheme].grammar
        assert grammar is not None
        authority, segments = grammar(text)
        if not authority:
            raise UriError("the part after :// is missing")
        is_folder = segments[-1] == ""
        parts = tuple(segments[:-1] if is_folder else segments)
        if any(_is_unsafe(part) for part in parts):
            raise UriError("its path has an empty, a '.' or a '..' segment, or an encoded slash")
        return cls(scheme, authority, parts, text, is_folder)

    @property
    def told(self) -> str:
        return told(self.full)

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    @property
    def at_root(self) -> "Location":
        """The root of the same server or bucket."""
        return Location(self.scheme, self.authority, (), f"{self.scheme}://{self.authority}/", is_folder=True)

    def within(self, prefix: "Location") -> bool:
        """Whether this is `prefix` or lies below it: whole segments count, so `/models-2` is not in `/models`.

        A query names something else than the path does, such as `get?file=../../x`: only a prefix that ends with
        `?*` is one of addresses with a query, too.
        """
        same = (self.scheme, self.authority) == (prefix.scheme, prefix.authority)
        plain = "?" not in self.full or prefix.full.endswith(ANY_QUERY)
        return same and plain and self.parts[: len(prefix.parts)] == prefix.parts


def shown(uri: str) -> str:
    """The URI as it is told to people in a sentence: what `told` leaves of it, cut to 500 characters."""
    return told(uri)[:_LONGEST_SHOWN]


def told(uri: str) -> str:
    """The URI without user, password, query and fragment: `https://user:password@host/a?signature` is `https://host/a`.

    Where the authority is no host, nothing after the scheme is told, since it may be half of a password. It is not
    cut: the fetcher strikes secrets first, and a secret that was cut would not be found.
    """
    scheme, mark, rest = uri.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return "the URI"
    authority, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    host = authority.rpartition("@")[2]
    if not _HOST.fullmatch(host):
        return f"{scheme}://…"
    return f"{scheme}://{host}{slash}{path}"


def secrets_of(uri: str) -> frozenset[str]:
    """What may be secret in a URI: user, password, query and fragment, whole and in parts, encoded and decoded."""
    rest = uri.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    is_host = _HOST.fullmatch(authority.rpartition("@")[2])
    user = (authority if is_host else rest).rpartition("@")[0]
    query = re.split(r"[?#]", rest, maxsplit=1)[1:]
    values = [part for text in query for part in re.split(r"[&;#=]", text)]
    found = {user, *user.split(":", 1), *re.split(r"[:/?#]", user), *query, *values}
    return frozenset((found | {unquote(part) for part in found}) - {""})


def one_of(words: Iterable[str], conjunction: str = "or") -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def scheme_of(uri: str) -> Scheme | None:
    """The scheme that a URI begins with, in whatever case it is written; None if it is none of the table's."""
    name, mark, _ = uri.partition("://")
    return Scheme(name.lower()) if mark and name.lower() in SCHEMES else None


def claim_of(uri: str) -> str | None:
    """The PersistentVolumeClaim that a `pvc://claim/path` lies on; None for every other scheme."""
    if scheme_of(uri) is not Scheme.PVC:
        return None
    return uri.partition("://")[2].partition("/")[0]


def _supported(text: str) -> Scheme:
    scheme = scheme_of(text)
    if scheme is None:
        raise UriError(f"it must begin with {one_of(f'{scheme}://' for scheme in SUPPORTED)}")
    if not SCHEMES[scheme].is_supported:
        raise NotYetSupportedError(f"{scheme}:// is not supported yet")
    return scheme


def _bucket(text: str) -> tuple[str, Sequence[str]]:
    """`s3://bucket/a%20b` is the bucket and the key `a%20b`: nothing is decoded.

    The S3 library makes a host's name of the bucket: `127.0.0.1?` would be another server.
    """
    return _literal(text, _BUCKET, _NO_BUCKET)


def _claim(text: str) -> tuple[str, Sequence[str]]:
    """`pvc://claim/a%20b` is the claim and the file `a%20b`: nothing is decoded."""
    return _literal(text, _CLAIM, _NO_CLAIM)


def _literal(text: str, name: str, advice: str) -> tuple[str, Sequence[str]]:
    authority, _, path = text.partition("://")[2].partition("/")
    if authority and not re.fullmatch(name, authority):
        raise UriError(advice)
    return authority, path.split("/")


def _web(text: str) -> tuple[str, Sequence[str]]:
    """`https://Host/a%20b?q` is `host:443` and `a b`: a path is compared as the server reads it."""
    address = _split(text)
    port = address.port or _DEFAULT_PORTS[address.scheme]
    authority = f"{_looked_up(address.hostname)}:{port}" if address.hostname else ""
    return authority, [_decoded(part) for part in address.path[1:].split("/")]


def _looked_up(host: str) -> str:
    """A host in lower case as it is looked up: `bücher.example` is `xn--bcher-kva.example`.

    Python's codec `idna` would make `strasse` of `straße`, which is another host by today's standard (RFC 5891). Its
    `punycode` takes time by the square of a label's length, so that what no name server knows is refused first.
    """
    labels = _DOTS.split(host)
    if len(host) > _LONGEST_HOST or len(max(labels, key=len)) > _LONGEST_LABEL:
        raise UriError(f"its host may have {_LONGEST_HOST} characters, and {_LONGEST_LABEL} between two dots")
    return ".".join(each if each.isascii() else f"xn--{each.encode('punycode').decode()}" for each in labels)


def _split(text: str) -> SplitResult:
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError as error:
        raise UriError("its host or port can't be read") from error
    if address.username is not None or address.password is not None:
        raise UriError("a user or password belongs in the credentials Secret, not in the URI")
    return address


def _decoded(part: str) -> str:
    """Decode until nothing changes: some servers decode twice, and `%252e%252e` must not become `..` there."""
    for _ in range(4):
        further = unquote(part)
        if further == part:
            break
        part = further
    return part


def _is_unsafe(part: str) -> bool:
    # Some servers take `..;x` for `..`.
    return part == "" or part.partition(";")[0] in (".", "..") or "/" in part or bool(re.search(r"[\x00-\x1f\\]", part))


_S3: Final = (
    Credential("AWS_ACCESS_KEY_ID"),
    Credential("AWS_SECRET_ACCESS_KEY"),
    Credential("AWS_SESSION_TOKEN"),
    Credential("AWS_REGION", is_secret=False),
    Credential("AWS_ENDPOINT_URL", is_secret=False),
    Credential("AWS_ALLOW_HTTP", is_secret=False),
)
_WEB: Final = (Credential("authorization"),)
ALLOWED_PREFIX: Final = "allowedPrefix"
"""The key by which a credentials Secret says which URIs it may be used for."""

SCHEMES: Final[Mapping[Scheme, Rules]] = {
    Scheme.S3: Rules("s3://bucket/path", _bucket, _S3),
    Scheme.GS: Rules("gs://bucket/path"),
    Scheme.AZ: Rules("az://container/path"),
    Scheme.HTTP: Rules("http://host/path", _web, _WEB),
    Scheme.HTTPS: Rules("https://host/path", _web, _WEB),
    Scheme.HF: Rules("hf://organization/model"),
    Scheme.OCI: Rules("oci://registry/repository"),
    Scheme.PVC: Rules("pvc://claim/path", _claim),
}
SUPPORTED: Final = tuple(scheme for scheme, rules in SCHEMES.items() if rules.is_supported)
RESERVED: Final = tuple(scheme for scheme, rules in SCHEMES.items() if not rules.is_supported)
CREDENTIALS: Final = tuple(dict.fromkeys(each for rules in SCHEMES.values() for each in rules.credentials))
"""What any source takes from a Secret, each once."""
PATTERN: Final = rf"^({'|'.join(SCHEMES)})://[^{_UNSPEAKABLE}?#/@]+(/[^{_UNSPEAKABLE}?#]*)?(\?[^{_UNSPEAKABLE}#]*)?$"
"""What the API takes: no user or password before the first slash, no fragment. Python and RE2 read it alike."""
ADVICE: Final = (
    f"write {', '.join(SCHEMES[s].form for s in (Scheme.S3, Scheme.HTTPS))} or {SCHEMES[Scheme.PVC].form}, without "
    "blanks, control characters, backslashes or backticks; a user or password belongs in the credentials Secret"
)
"""What to write instead of a URI that the pattern refuses."""


@dataclass(frozen=True)
class Rule:
    """What the API asks of a URI: that it holds a match of `pattern`, or none; `advice` is what to write instead."""

    pattern: str
    advice: str
    wanted: bool = True

    @property
    def cel(self) -> str:
        return f"{'' if self.wanted else '!'}self.matches(r'{self.pattern}')"

    def admits(self, text: str) -> bool:
        return bool(re.search(self.pattern, text)) is self.wanted


def _named(schemes: Iterable[Scheme], name: str) -> str:
    """The pattern of a URI whose first part is such a name, if it is of these schemes."""
    others = "|".join(scheme for scheme in SCHEMES if scheme not in schemes)
    return f"^({'|'.join(schemes)})://{name}(/|$)|^({others})://"


GLOB: Final = r"^([^\x00-\x1f\x7f-\x9f\x60$]|\$+[^\x00-\x1f\x7f-\x9f\x60$(])+\$*$|^\$+$"
GLOB_ADVICE: Final = "write a pattern such as *.joblib, without control characters, backticks or $("
_SIGNATURES: Final = (
    "X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature|Signature|sig"
    "|token|access_token|api[_-]?key|password|secret|jwt"
)
RULES: Final = (
    Rule(PATTERN, ADVICE),
    Rule(
        r"\$\(",
        "it may hold no $(, which Kubernetes would take for a variable; name the artifact otherwise",
        wanted=False,
    ),
    Rule(_named((Scheme.S3, Scheme.GS), _BUCKET), _NO_BUCKET),
    Rule(_named((Scheme.PVC,), _CLAIM), _NO_CLAIM),
    Rule(
        rf"[?&;](?i:{_SIGNATURES})=",
        "whoever may read this object would read the signature or key in its query, and it expires while pods still "
        "start; put the authorization into the Secret of credentials",
        wanted=False,
    ),
)
"""What the API asks of every URI of a spec."""


def check(text: object) -> str:
    """The text, if the API takes it as a URI. Raises UriError, which says what to write."""
    if not isinstance(text, str) or re.search(rf"[{_UNSPEAKABLE}]", text):  # Python's $ would pass over a last newline
        raise UriError(ADVICE)
    broken = next((rule for rule in RULES if not rule.admits(text)), None)
    if broken is not None:
        raise UriError(broken.advice)
    return text
