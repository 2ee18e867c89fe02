"""What `linnet fetch` was told by its command line, the credentials' files and its environment, each read once."""

import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from linnet.api.parts.uri import SUPPORTED, one_of
from linnet.fetcher.command.arguments import TERMINATION_LOG, Parser, parsed
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.command.units import seconds, size
from linnet.fetcher.credentials import Credentials, of_account, of_secret


@dataclass(frozen=True)
class Order:
    """What to bring where, in seconds and bytes. `digest` is empty and `limit` None where nobody said."""

    uri: str
    to: Path
    digest: str
    include: tuple[str, ...]
    deadline: float
    attempts: int
    pause: float
    limit: int | None
    max_unpacked: int
    pvc_root: Path
    credentials: Credentials


def parse(argv: list[str], environ: Mapping[str, str]) -> Order:
    """Read the command line and what it names. Raises Failure."""
    parser = Parser(prog="linnet fetch", description="bring an artifact into this pod", allow_abbrev=False)
    parser.add_argument("--uri", required=True, help=one_of(f"{scheme}://" for scheme in SUPPORTED))
    parser.add_argument("--to", type=Path, default=Path("/mnt/models"), help="the folder that the server reads")
    parser.add_argument("--digest", type=parsed(_digest), default="", help="expected: sha256:…")
    parser.add_argument("--include", action="append", default=[], metavar="GLOB", help="only these; repeatable")
    parser.add_argument("--deadline", type=parsed(seconds), default=3600.0, help="such as 1h")
    parser.add_argument("--termination-log", type=Path, default=TERMINATION_LOG)
    parser.add_argument("--attempts", type=int, default=6, help="in a row without progress")
    parser.add_argument("--pause", type=parsed(seconds), default=0.5, help="after the first failed attempt; doubles")
    parser.add_argument("--size-limit", type=parsed(size), default=None, help="spec.pod.storage.size, such as 20Gi")
    parser.add_argument("--max-unpacked", type=parsed(size), default=2**40, help="what an archive may unpack to")
    parser.add_argument("--pvc-root", type=Path, default=Path("/mnt/pvc"), help="where the claim is mounted")
    parser.add_argument("--credentials", type=Path, help="the folder where the credentials Secret is mounted")
    parser.add_argument("--identity", action="store_true", help="use the identity of this pod's ServiceAccount")
    parser.add_argument("--allowed-prefix", default="", help="the URIs that this identity may be used for")
    options = parser.parse_args(argv)
    return Order(
        uri=options.uri,
        to=options.to,
        digest=options.digest,
        include=tuple(options.include),
        deadline=options.deadline,
        attempts=options.attempts,
        pause=options.pause,
        limit=options.size_limit,
        max_unpacked=options.max_unpacked,
        pvc_root=options.pvc_root,
        credentials=_credentials(options, environ),
    )


def _credentials(options: Namespace, environ: Mapping[str, str]) -> Credentials:
    if options.credentials is not None and options.identity:
        raise Failure(Reason.INVALID_ARGUMENTS, "linnet fetch: either --credentials or --identity, not both")
    if options.identity:
        return of_account(environ, options.allowed_prefix)
    return of_secret(options.credentials) if options.credentials is not None else Credentials()


def _digest(text: str) -> str:
    if text and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise ValueError(f"{text!r} is no digest such as sha256:<64 hexadecimal digits>")
    return text
