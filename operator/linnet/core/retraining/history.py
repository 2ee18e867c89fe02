"""The record of a policy's runs: what status remembers of them, newest first, and never more than twenty.

Cooldown and budget are decided from it, so that a refusal must not push out the run that it is counted against.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicyStatus, Run
from linnet.api.parts.conditions import past_or_none, timestamp
from linnet.foreign.text import printable

LIMIT: Final = 20
_NEWEST: Final = 4
"""So many stay whatever they are: a person who looks finds the last refusals."""
REMEMBERED: Final = LIMIT - _NEWEST
"""So many admitted runs are remembered whatever is refused meanwhile: no budget can be larger."""
_MESSAGE: Final = 1024


ENDED: Final = frozenset({"Succeeded", "Failed", "Refused", "ClaimRefused"})


@dataclass(frozen=True)
class History:
    """The runs that status remembers. `last_run` is when one was last admitted, and outlives the record of it."""

    runs: tuple[Run, ...] = ()
    last_run: datetime | None = None
    last_version: int | None = None

    @property
    def running(self) -> tuple[Run, ...]:
        """The runs that have not ended; a later release's outcome is none that this one may take for an end."""
        return tuple(r for r in self.runs if r.outcome not in ENDED)

    def find(self, job: str) -> Run | None:
        return next((r for r in self.runs if r.job == job), None)

    def with_started(self, job: str, trigger: str, message: str, at: datetime) -> "History":
        """The history with a run more, which was admitted at that time."""
        run = _run(job, trigger, "Running", message, at)
        last = max(self.last_run, at) if self.last_run is not None else at
        return replace(self, runs=_bounded((run, *self.runs)), last_run=last)

    def with_refused(self, job: str, trigger: str, message: str, at: datetime) -> "History":
        """The history with a refused run more."""
        run = _run(job, trigger, "Refused", message, at)
        return replace(self, runs=_bounded((run, *self.runs)))

    def with_run(self, run: Run) -> "History":
        """The history with this run in the place of the one of the same Job."""
        run = run.model_copy(update={"message": printable(run.message, _MESSAGE)})
        last = run.version if run.version is not None else self.last_version
        return replace(self, runs=tuple(run if r.job == run.job else r for r in self.runs), last_version=last)

    def started_within(self, window: timedelta, now: datetime) -> tuple[datetime, ...]:
        """When the runs of the window began, oldest first, each taken to its minute.

        Cron keeps minutes, and a Job of 03:00 is admitted some seconds later: with a budget of one run a day,
        the run of 03:00:02 must not stand in the way of 03:00:01 on the next.
        """
        starts = (past_or_none(r.started_at, now) for r in self.runs if r.outcome != "Refused")
        return tuple(sorted(minute(at) for at in starts if at is not None and minute(at) > now - window))


def of_status(status: RetrainPolicyStatus, now: datetime) -> History:
    """The history that a status holds; a last run that is still to come holds up none."""
    last = past_or_none(status.last_run_time, now)
    return History(tuple(status.runs or ()), last, status.last_version)


def _run(job: str, trigger: str, outcome: str, message: str, at: datetime) -> Run:
    return Run(
        job=job, trigger=trigger[:63], outcome=outcome, message=printable(message, _MESSAGE), started_at=timestamp(at)
    )


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _bounded(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Drop one run too many: the oldest refused beyond the newest few, else the oldest that has ended."""
    if len(runs) <= LIMIT:
        return runs
    older = runs[_NEWEST:]
    refused = [r for r in older if r.outcome == "Refused"]
    ended = [r for r in older if r.outcome in ENDED]
    victim = (refused or ended or list(older))[-1]
    return tuple(r for r in runs if r is not victim)
