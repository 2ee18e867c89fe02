"""What a training Job's pods say: why it can't start, why it failed, and the message that it left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from linnet.core.registry.validation import report
from linnet.core.resources.objects import STUCK, ContainerState, JobView, Pod
from linnet.foreign.text import printable

TRAIN: Final = "train"
CONSENT: Final = "consent"
"""The init container that looks for it; it exits with 2 where it is missing."""
ALLOW_TRAINING: Final = "allowTraining"
"""A key that a credentials Secret must hold before training code, which could keep it, gets to see it."""
_PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_LAST_WORDS: Final = 300


@dataclass(frozen=True)
class Failure:
    """How a run failed. `whole`: a pod was seen that says how it ended; without one it may only be late."""

    message: str
    whole: bool


def claim(pods: Sequence[Pod]) -> str | None:
    """The termination message of the newest pod that succeeded; None if there is no such pod."""
    for pod in pods:
        train = pod.container(TRAIN)
        if train is not None and train.exit_code == 0:
            return train.message
    return None


def failure(job: JobView, pods: Sequence[Pod]) -> Failure:
    """Why a run failed: the Job's reason, and how its newest pod ended."""
    refused = next((c for c in (p.container(CONSENT) for p in pods) if c is not None and c.exit_code), None)
    if refused is not None and (said := report.read(refused)) is not None:
        return Failure(said.message, whole=True)
    ended = next((c for c in (p.container(TRAIN) for p in pods) if c is not None and c.exit_code), None)
    words = (job.failed or "the Job failed").rstrip(". ")
    return Failure(f"{words}; {_end(ended)}" if ended is not None else words, ended is not None)


def trouble(pods: Sequence[Pod]) -> str:
    """Why the newest pod does not get on, in words that stay the same while it lasts; empty if it does."""
    if not pods:
        return ""
    pod, train = pods[0], _latest(pods[0])
    if pod.unschedulable is not None:
        return f"no node takes pod {pod.meta.name}: {_without_count(pod.unschedulable)}"
    if train is not None and train.waiting in _PULLING:  # the kubelet alternates between the two
        look = f"kubectl describe pod {pod.meta.name} -n {pod.meta.namespace}"
        return f"the image can't be pulled; why, says {look}"
    if train is not None and train.waiting in STUCK:
        return f"container {train.name} can't start: {train.waiting_message or train.waiting}"
    if train is not None and train.exit_code:
        return f"a pod failed ({_end(train)}); it is tried again"
    return ""


def _latest(pod: Pod) -> ContainerState | None:
    """The container that the pod is at: the training's own, as soon as a Secret's owner is known to agree."""
    consent = pod.container(CONSENT)
    return consent if consent is not None and consent.exit_code is None else pod.container(TRAIN)


def _end(train: ContainerState) -> str:
    if train.terminated == "OOMKilled":
        return "it was killed for memory (OOMKilled): raise spec.training.job.pod.resources.limits.memory"
    lines = train.message.strip().splitlines()
    words = f": {printable(lines[-1], _LAST_WORDS)}" if lines else ""
    return f"container {TRAIN} ended with exit code {train.exit_code}{words}"


def _without_count(message: str) -> str:
    """`0/3 nodes are available: 3 Insufficient cpu. preemption: …` → `3 Insufficient cpu`."""
    causes = message.split("nodes are available: ", 1)[-1]
    return causes.split(". preemption:", 1)[0].rstrip(". ")[:_LAST_WORDS]
