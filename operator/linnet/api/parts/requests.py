"""What an object remembers of the requests that it was asked: enough that none is obeyed twice."""

from typing import Annotated, Final

from pydantic import Field

from linnet.api.parts.base import StatusWire, Time, Word

MAX_ANSWERED: Final = 16
MEMORY: Final = frozenset({"about", "until", "before"})
"""Fields of an entry that say which other requests it speaks for; no log has them."""


class AnsweredRequest(StatusWire):
    """One request that the operator has obeyed, or refused since a later one had overtaken it."""

    uid: Annotated[str, Field(max_length=64)]
    """The Request's uid."""
    name: Annotated[str, Field(max_length=253)] = ""
    """The Request's name."""
    verb: Annotated[str, Field(max_length=32)]
    """The verb that was asked for."""
    user: Annotated[str, Field(max_length=256)] = ""
    """The person who asked, proven at admission."""
    outcome: Word
    """What became of it: Accepted or Refused."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What follows, or why it was refused."""
    time: Time | None = None
    """When it was answered."""
    about: Annotated[str, Field(max_length=80)] = ""
    """The version that it named: `v7`, a digest, or `-` for whatever was under way."""
    until: Time | None = None
    """When the newest was made that asked the same with it: what was made by then is answered with it."""
    before: Time | None = None
    """What was made by then, and is not remembered, is not obeyed: it may have been, and its answer lost."""


AnsweredRequests = Annotated[
    list[AnsweredRequest],
    Field(
        max_length=MAX_ANSWERED,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"]},
    ),
]
"""The newest last."""
