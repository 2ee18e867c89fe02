"""The story's episodes as they should go, in order, and as they went. Pure.

Another episode is another entry here, its manifests in docs/examples/demo, and a method of demo/story.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """What an episode should come to."""

    name: str
    version: int
    outcome: str
    reason: str = ""
    title: str = ""
    gateway: bool = False
    """Whether it needs a gateway: another cluster may have none."""


STORY = (
    Expected("v1 serves", 1, "Serving", title="The first version serves"),
    Expected("v2 is promoted", 2, "Promoted", title="A better one takes over"),
    Expected("v3 is rolled back on errors", 3, "RolledBack", "errors", "A real bug: the imputer got lost"),
    Expected("v3 is refused when applied again", 3, "Refused", "Quarantined", "The same artifact comes back"),
    Expected("v4 is rolled back on latency", 4, "RolledBack", "latency", "Right, but too slow"),
    Expected("v5 is trained in the cluster and promoted", 5, "Promoted", title="Trained again, in the cluster"),
    Expected("v6 is promoted from 5 %", 6, "Promoted", title="Five percent, behind a gateway", gateway=True),
    Expected("v7 is rolled back at 5 %", 7, "RolledBack", "errors", "The bug again, behind a gateway", gateway=True),
    Expected("v8 is rolled back on its answers", 8, "RolledBack", "answers", "Right code, wrong scores", gateway=True),
)


def possible(*, gateway: bool) -> tuple[Expected, ...]:
    """The episodes that a cluster with or without a gateway allows."""
    return tuple(expected for expected in STORY if gateway or not expected.gateway)


@dataclass(frozen=True)
class Act:
    """What the story itself saw of an episode: its time, and how it ended."""

    expected: Expected
    began: float
    ended: float
    outcome: str
    reason: str = ""
    message: str = ""
