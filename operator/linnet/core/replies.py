"""What an endpoint's answer to a hook's question means: yes, no, or not yet. Whatever is not clear is not yet.

Only the receiver itself can refuse: a proxy's 403 has no reason in it, a 404 is a wrong path, a 401 a wrong token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_TEXT: Final = 200
ACCEPTED: Final = 202
FORBIDDEN: Final = 403


@dataclass(frozen=True)
class Call:
    """One question of one hook. The same question stays the same while the body's numbers move on.

    `of` is the Deployment's uid; `body` a CloudEvent as JSON.
    """

    of: str
    rollout: str
    hook: str
    endpoint: str
    body: str = field(compare=False)


@dataclass(frozen=True)
class Confirmed:
    """The receiver said yes."""


@dataclass(frozen=True)
class Refused:
    """The receiver said no."""

    reason: str


@dataclass(frozen=True)
class NotYet:
    """Neither; `unreachable` where nothing came that could be an answer."""

    problem: str
    unreachable: bool = False


Reply = Confirmed | Refused | NotYet


def reply(status: int, body: bytes) -> Reply:
    """Of the HTTP status and the body.

    >>> reply(200, b""), reply(403, b'{"reason": "change freeze"}')
    (Confirmed(), Refused(reason='change freeze'))
    """
    said = reason(body)
    if 200 <= status < 300 and status != ACCEPTED:  # noqa: PLR2004
        return Confirmed()
    if status == FORBIDDEN and said:
        return Refused(said)
    if status == ACCEPTED:
        return NotYet(said or "it has accepted the question, and not answered it")
    if 300 <= status < 400:  # noqa: PLR2004
        return NotYet(f"it answered {status}: redirects are not followed")
    return NotYet(f"it answered {status}: {said}" if said else f"it answered {status}")


def reason(body: bytes) -> str:
    """`reason` of a JSON object, as one short line; empty if there is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    said = data.get("reason") if isinstance(data, Mapping) else None
    return printable(said) if isinstance(said, str) else ""


def printable(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"{line[: MAX_TEXT - 1]}…" if len(line) > MAX_TEXT else line
