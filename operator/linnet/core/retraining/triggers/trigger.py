"""What asks for a run: the interface of a trigger, and the table of those that there are.

A trigger is a module of this folder, named in `TRIGGERS`.
docs/how-to/write-a-trigger-or-executor.md says what to write.
"""

from typing import Final, Protocol

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.parts.conditions import Condition
from linnet.core.retraining.context import RetrainContext
from linnet.core.retraining.triggers.request import REQUEST
from linnet.core.retraining.triggers.schedule import SCHEDULE


class Trigger(Protocol):
    """A reason to train again. It is pure: it returns the context with the actions and the runs that it adds."""

    def admit(self, context: RetrainContext) -> RetrainContext:
        """Start or refuse each run that is due, once, by the checks of `admission`."""

    def sync(self, context: RetrainContext) -> RetrainContext:
        """Write what must stand in the cluster for the trigger to fire, and only what differs."""

    def ready(self, spec: RetrainPolicySpec) -> Condition | None:
        """The policy's condition Ready, if this trigger has anything to say; None if the policy does not have it."""


TRIGGERS: Final[tuple[Trigger, ...]] = (REQUEST, SCHEDULE)
"""In the order in which they get a run, where only one may start."""
