"""What a verdict on the canary's pods stands on, as a decision keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from linnet.core.analysis.checks import Slice
from linnet.core.analysis.codec import Inline, NotKept
from linnet.core.analysis.pod_health.silence import Stall

POD_HEALTH: Final = "PodHealth"
"""The signal, so to speak, of the built-in check."""


@dataclass(frozen=True)
class PodBasis:
    """What the canary's pods are judged by.

    `killed`: the canary's pods that were killed for memory; `restarts`: of its servers, together.
    `stable_restarted`: whether stable's did since the rollout began. `stall` is None unless the canary is silent.
    `waited`: seconds that pods which are not ready have had, None where nothing waits for them; `limit` is that of
    deadlines.`deadline`. `victim`, `last_words` and `trouble` shape the message only.
    """

    signal: ClassVar[str] = POD_HEALTH
    slice: ClassVar[Slice | None] = None

    interval: float
    killed: int = 0
    restarts: int = 0
    stable_restarted: bool = False
    stall: Annotated[Stall | None, Inline()] = None
    ready: int = 0
    wanted: int = 0
    waited: float | None = None
    deadline: str = "ready"
    limit: float = 0.0
    victim: NotKept[str] = "a pod"
    last_words: NotKept[str] = ""
    trouble: NotKept[str | None] = None
