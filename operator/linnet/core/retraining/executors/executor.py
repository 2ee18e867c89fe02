"""What carries a run out: the interface of a training executor, and the table of those that there are.

An executor is a module of this folder, named in `EXECUTORS` by its field of `spec.training`.
docs/how-to/write-a-trigger-or-executor.md says what to write.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.core.plan import Manifest
from linnet.core.resources.metadata import Owner
from linnet.core.resources.objects import JobView, Pod
from linnet.core.retraining.executors.job import JOB
from linnet.core.retraining.executors.outcome import Failure
from linnet.core.serving.pods import Image


class Executor(Protocol):
    """How a run is carried out. Every run is a batch/v1 Job: so Kubernetes keeps its time, and one gate admits it."""

    def job_spec(self, owner: Owner, spec: RetrainPolicySpec, trigger: str, image: Image) -> Manifest:
        """The Job's `spec`, but for `suspend`; `trigger` is the name in records of what asked for the run.

        `image` is Linnet's own, and says how every image is pulled.
        """

    def claim(self, pods: Sequence[Pod]) -> str | None:
        """What a finished run says that it made, as JSON; None if its pods can't tell (any more). Newest pod first."""

    def failure(self, job: JobView, pods: Sequence[Pod]) -> Failure:
        """Why a run failed, as a sentence for whoever wrote the training code."""

    def trouble(self, pods: Sequence[Pod]) -> str:
        """Why a run does not get on, in words that stay the same while it lasts; empty if it does."""


EXECUTORS: Final[Mapping[str, Executor]] = {"job": JOB}
"""A field of `spec.training` → what carries the run out."""


def of(spec: RetrainPolicySpec | None) -> Executor:
    """The executor that the policy names; without a readable spec, that of the runs which there may be."""
    return next((EXECUTORS[f] for f in EXECUTORS if spec is not None and getattr(spec.training, f, None)), JOB)
