"""What holds of every trigger and every training executor: one walk over each table."""

from collections.abc import Callable
from typing import Final

import pytest

from builders_retrain import NOW, World, retrain_, standing
from linnet.api.kinds.retrain_policy import RetrainPolicySpec, Training
from linnet.core.parse import parse_spec
from linnet.core.plan import Create, Patch
from linnet.core.resources.metadata import Owner
from linnet.core.retraining.context import RetrainContext, first_context
from linnet.core.retraining.executors.executor import EXECUTORS, of
from linnet.core.retraining.triggers.request import REQUEST
from linnet.core.retraining.triggers.schedule import SCHEDULE
from linnet.core.retraining.triggers.trigger import TRIGGERS, Trigger
from linnet.core.serving.pods import Image

DUE: Final[dict[Trigger, Callable[[], World]]] = {
    REQUEST: lambda: retrain_().asks("run - 1 ann"),
    SCHEDULE: lambda: standing().due(),
}
"""For each trigger a policy of which it wants a run; a new trigger is added here."""


def context_of(world: World) -> RetrainContext:
    return first_context(world.observed(), NOW)


def test_every_trigger_is_walked_over() -> None:
    """The table and the cases of this test are the same."""
    assert set(TRIGGERS) == set(DUE)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda t: type(t).__name__)
class TestEveryTrigger:
    """A trigger starts its run once, waits its turn, and asks for nothing of its own accord."""

    def test_starts_a_run_that_is_due_and_records_it(self, trigger: Trigger) -> None:
        """One Job is made or set free, and one run stands in the history."""
        after = trigger.admit(context_of(DUE[trigger]()))
        assert len([a for a in after.actions if isinstance(a, Create | Patch)]) == 1
        assert [r.outcome for r in after.history.runs] == ["Running"]

    def test_refuses_while_another_run_is_under_way(self, trigger: Trigger) -> None:
        """The one gate for all triggers: one run at a time."""
        context = context_of(DUE[trigger]())
        busy = context.with_history(context.history.with_started("another", "x", "", NOW))
        after = trigger.admit(busy)
        assert not [a for a in after.actions if isinstance(a, Create | Patch)]
        assert [r.job for r in after.history.running] == ["another"]

    def test_without_an_occasion_it_starts_nothing(self, trigger: Trigger) -> None:
        """A policy of which nobody wants a run stays as it is."""
        context = context_of(retrain_())
        assert trigger.admit(context) == context


def test_every_way_to_train_has_an_executor() -> None:
    """Each field of spec.training but where the artifact goes is in the table, and nothing else is."""
    assert set(EXECUTORS) == set(Training.model_fields) - {"output"}


@pytest.mark.parametrize("field", EXECUTORS)
def test_a_policy_runs_on_the_executor_that_it_names(field: str) -> None:
    """The field decides; the Job is complete but for `suspend`, and a pod that has said nothing claims nothing."""
    spec = parse_spec(RetrainPolicySpec, retrain_().observed().policy.spec)
    assert isinstance(spec, RetrainPolicySpec)
    assert getattr(spec.training, field) is not None
    executor = of(spec)
    assert executor is EXECUTORS[field]
    job = executor.job_spec(Owner("RetrainPolicy", "weekly", "ml", "1"), spec, "run", Image("linnet:1", "IfNotPresent"))
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert "suspend" not in job
    assert executor.claim(()) is None
    assert executor.trouble(()) == ""
