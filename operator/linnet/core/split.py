"""Who gets requests: one revision alone, or two of them, and how."""

from dataclasses import dataclass

from linnet.api.kinds.deployment import RevisionStatus
from linnet.api.parts.strategy import HeaderMatch


@dataclass(frozen=True)
class Split:
    """`main` gets what `other` does not: `weight` percent of the requests, copies of `mirror` percent, and a cohort.

    `shared`: both serve, so that traffic which is split by pods goes to the pods of both.
    """

    main: RevisionStatus
    other: RevisionStatus | None = None
    weight: int = 0
    mirror: int | None = None
    headers: tuple[HeaderMatch, ...] = ()
    shared: bool = False
