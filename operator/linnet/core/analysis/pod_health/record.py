"""What a verdict on the canary's pods was worked out from, and how a record keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.core.analysis.forms import number, real
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Silence

PODS: Final = "PodHealth"
"""The signal, so to speak, of the built-in check."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Pods:
    """`killed`: the canary's pods that were killed for memory; `restarts`: of its servers, together.

    `stable_restarted`: whether stable's did since the rollout began. `waited`: seconds that pods which are not ready
    have had, None where nothing waits for them; `limit` is that of deadlines.`deadline`.
    `victim`, `last_words` and `trouble` shape the message only, and are not kept.
    """

    interval: float
    killed: int = 0
    restarts: int = 0
    stable_restarted: bool = False
    silence: Silence = NO_SILENCE
    ready: int = 0
    wanted: int = 0
    waited: float | None = None
    deadline: str = "ready"
    limit: float = 0.0
    victim: str = "a pod"
    last_words: str = ""
    trouble: str | None = None


def form(basis: Pods) -> Json:
    """As JSON."""
    return {
        "signal": PODS,
        "killed": basis.killed,
        "restarts": basis.restarts,
        "stableRestarted": basis.stable_restarted,
        "ready": basis.ready,
        "wanted": basis.wanted,
        "waited": real(basis.waited),
        "deadline": basis.deadline,
        "limit": real(basis.limit),
        "interval": real(basis.interval),
        **(_silence(basis.silence) if basis.silence.ages else {}),
    }


def _silence(silence: Silence) -> Json:
    """What a verdict looks at: how long requests wait, and what stable did meanwhile."""
    return {
        "waiting": silence.waiting,
        "waits": [real(age) for age in silence.ages],
        "looks": silence.looks,
        "stableAnswers": real(silence.stable_n),
        "stableSeconds": real(silence.stable_seconds),
    }


def read(_: Mapping[str, Any], kept: Mapping[str, Any]) -> Pods:
    """The inverse, of a recorded check's evidence."""
    return Pods(
        interval=float(kept["interval"]),
        killed=int(kept["killed"]),
        restarts=int(kept["restarts"]),
        stable_restarted=bool(kept["stableRestarted"]),
        silence=_read_silence(kept) if "waits" in kept else NO_SILENCE,
        ready=int(kept["ready"]),
        wanted=int(kept["wanted"]),
        waited=number(kept.get("waited")),
        deadline=str(kept["deadline"]),
        limit=float(kept["limit"]),
    )


def _read_silence(kept: Mapping[str, Any]) -> Silence:
    """At 0 o'clock: the waits began as long before."""
    return Silence(
        at=0.0,
        waits=tuple(-float(age) for age in kept["waits"]),
        waiting=int(kept["waiting"]),
        looks=int(kept["looks"]),
        stable_n=float(kept["stableAnswers"]),
        stable_seconds=float(kept["stableSeconds"]),
    )
