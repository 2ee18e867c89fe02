"""A person's request: one annotation, `linnet.dev/request: <verb> <version|digest> <id> <username>`.

An admission policy proves the username and the verb; the operator answers in `status.lastRequest`.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from linnet.api.names import Verb
from linnet.api.parts.base import StatusWire, Time, Word


@dataclass(frozen=True)
class Request:
    """A request as it was written. `target`: a version (`7`, `v7`), a digest, or `-` for whatever is under way."""

    verb: Verb
    target: str
    id: str
    user: str


class LastRequest(StatusWire):
    """The answer to the last request of a person."""

    id: Annotated[str, Field(max_length=64)]
    """The request's id, as the person chose it."""
    verb: Annotated[str, Field(max_length=32)]
    """The verb that was asked for."""
    target: Annotated[str, Field(max_length=128)] = ""
    """The version or digest that the request was about."""
    user: Annotated[str, Field(max_length=256)] = ""
    """The person who asked, proven at admission."""
    outcome: Word
    """Whether the operator did what was asked: Accepted or Refused."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why the operator refused, or what follows."""
    time: Time | None = None
    """When the request was answered."""


class BadRequestError(ValueError):
    """The annotation is not of the form `<verb> <version|digest|-> <id> <username>`."""


def parse_request(annotation: str) -> Request:
    """Parses the annotation; the username is the rest of the line. BadRequestError names what is wrong."""
    parts = annotation.split(" ", 3)
    if len(parts) < 4 or not all(parts):  # noqa: PLR2004
        raise BadRequestError(f"{annotation!r} is not '<verb> <version|digest|-> <id> <username>'")
    try:
        verb = Verb(parts[0])
    except ValueError:
        raise BadRequestError(f"{parts[0]!r} is no request; known are {', '.join(Verb)}") from None
    return Request(verb, parts[1], parts[2][:64], parts[3][:256])


def pending(annotation: str | None, last: LastRequest | None) -> Request | None:
    """The request that still waits for its answer; None if there is none, or if it can't be read."""
    if not annotation:
        return None
    try:
        request = parse_request(annotation)
    except BadRequestError:
        return None
    return None if last is not None and last.id == request.id else request
