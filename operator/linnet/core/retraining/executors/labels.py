"""The labels by which a run's objects are found again, whatever executes it."""

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.labels import COMPONENT, MODEL, RETRAIN_POLICY, TRIGGER
from linnet.core.resources.metadata import Owner


def run_labels(owner: Owner, spec: RetrainPolicySpec, trigger: str) -> dict[str, str]:
    """The labels of a run's CronJob, Job and pods."""
    return {RETRAIN_POLICY: owner.name, MODEL: spec.model.name, COMPONENT: "training", TRIGGER: trigger}
