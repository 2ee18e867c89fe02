"""Objects that hang in deletion: a finalizer of somebody's keeps them, or a node that does not answer.

None of them holds up more than itself where that is safe. What waits for one, or serves without it, says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from linnet.core.resources.objects import SETTLING, Meta, Pod

_TOLD: Final = 2
_CLEAR: Final = '{"metadata":{"finalizers":null}}'


@dataclass(frozen=True)
class Ending:
    """A child that is being deleted."""

    kind: str
    meta: Meta


def hanging(pods: Iterable[Pod], others: Iterable[Ending], now: datetime) -> tuple[Ending, ...]:
    """The ones that are there long after their deletion: what makes pods comes first, since the rest hangs on it."""
    found = (*others, *(Ending("Pod", p.meta) for p in pods))
    return tuple(sorted((e for e in found if e.meta.hangs(now)), key=_rank))


def _rank(ending: Ending) -> tuple[bool, str, str]:
    return ending.kind not in {"Deployment", "ReplicaSet", "Job", "CronJob"}, ending.kind, ending.meta.name


def told(found: Iterable[Ending], namespace: str) -> str:
    """A sentence for each of the first of them, with what keeps it and the way out; empty if there is none."""
    every = tuple(found)
    sentences = [sentence(each, namespace) for each in every[:_TOLD]]
    more = len(every) - len(sentences)
    return " ".join([*sentences, *([f"So do {more} more objects."] if more > 0 else [])])


def sentence(ending: Ending, namespace: str) -> str:
    """What keeps it, and what to type."""
    name, kind = ending.meta.name, _word(ending.kind)
    if ending.meta.finalizers:
        names = ", ".join(ending.meta.finalizers)
        return (
            f"{ending.kind} {name} hangs in deletion, kept by finalizer {names}: whoever set it takes it away, or, if "
            f"that is gone, type: kubectl patch {kind} {name} -n {namespace} --type merge -p '{_CLEAR}'."
        )
    if ending.kind == "Pod":
        return (
            f"Pod {name} hangs in deletion: its node does not say that it has ended. If that node is off for good, "
            f"type: kubectl delete {kind} {name} -n {namespace} --force --grace-period=0."
        )
    return f"{ending.kind} {name} hangs in deletion."


def next_to_hang(pods: Iterable[Pod], others: Iterable[Ending], now: datetime) -> timedelta | None:
    """In what time the first of those that are ending now would hang; None if none is."""
    ends = (m.ends for m in (*(p.meta for p in pods), *(e.meta for e in others)) if m.ends is not None)
    waits = (at + SETTLING - now for at in ends)
    return min((w + timedelta(seconds=1) for w in waits if w >= timedelta(0)), default=None)


def _word(kind: str) -> str:
    """The kind as kubectl takes it: `deployment` alone might be meant as Linnet's own."""
    return "deployment.apps" if kind == "Deployment" else kind.lower()
