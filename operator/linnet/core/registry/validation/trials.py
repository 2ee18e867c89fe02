"""In whose place a version is tried next: what fails, or never starts, in one follower's place is tried in another's.

Several teams' Deployments may follow a Model, and each gives its pods what it likes. None of them may keep the version
from the others. A place that couldn't be tried, for want of a node, says nothing of the version: its turn comes again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.model_version import ModelVersionStatus, Trial
from linnet.api.parts.conditions import Reason
from linnet.core.registry.validation.placement import Place
from linnet.core.resources.objects import JobView

PATIENCE: Final = timedelta(minutes=15)
"""A pod that does not start keeps its turn for so long, while other places wait; at its next turn twice as long."""
OF_A_PLACE: Final = frozenset({Reason.FETCH_FAILED, Reason.LOAD_FAILED, Reason.CONTRACT_FAILED})
"""Failures that variables, arguments, resources or nodes can cause."""
_MOST: Final = 8


def begun(status: ModelVersionStatus, places: Sequence[Place], attempt: int) -> tuple[Place, ModelVersionStatus]:
    """The place of this attempt, and the status that says so: an attempt that was begun already keeps its place."""
    trials = list(status.trials or ())
    known = present(status, places, attempt)
    place = known or following(status, places) or present(status, places, status.attempt) or places[0]
    former = next((t for t in trials if t.place == place.id), None)
    turns = (former.turns if former else 0) + (known is None)
    made = Trial(place=place.id, deployment=place.deployment, attempt=attempt, turns=turns)
    kept = [*(t for t in trials if t.place != place.id), made][-_MOST:]
    return place, status.model_copy(update={"attempt": attempt, "trials": kept})


def following(status: ModelVersionStatus, places: Sequence[Place]) -> Place | None:
    """The place whose turn comes after this one: one that was never tried, else the one that had the fewest turns.

    None if each has failed, or if there is no other.
    """
    trials = {t.place: t for t in status.trials or ()}
    fresh = next((p for p in places if p.id not in trials), None)
    if fresh is not None and len(trials) < _MOST:
        return fresh
    known = [(p, trials[p.id]) for p in places if p.id in trials]
    waiting = [(p, t) for p, t in known if not t.failed and t.attempt != status.attempt]
    return min(waiting, key=lambda each: each[1].turns, default=(None, None))[0]


def present(status: ModelVersionStatus, places: Sequence[Place], attempt: int | None) -> Place | None:
    """The place of this attempt, if a Deployment still gives it."""
    return next((p for p in places for t in status.trials or () if (t.attempt, t.place) == (attempt, p.id)), None)


def failed(status: ModelVersionStatus, message: str) -> ModelVersionStatus:
    """The status in which the present place is one where the version failed."""
    trials = [
        t.model_copy(update={"failed": True, "message": message[:512]}) if t.attempt == status.attempt else t
        for t in status.trials or ()
    ]
    return status.model_copy(update={"trials": trials or None})


def gives_way(status: ModelVersionStatus, place: Place | None, job: JobView, now: datetime, *, starts: bool) -> bool:
    """Whether the present attempt took long enough for another place to have its turn.

    `starts`: its containers run, so that it has what the other Deployments' deadlines would give it.
    """
    turns = next((t.turns for t in status.trials or () if t.attempt == status.attempt), 1)
    patience = place.others_limit if starts and place is not None else PATIENCE
    began = job.started or job.meta.created
    return began is not None and now - began > patience * 2 ** min(turns - 1, 8)


def first_failure(status: ModelVersionStatus) -> Trial | None:
    """The failure in the place of the oldest follower, where there were several."""
    found = [t for t in status.trials or () if t.failed]
    return found[0] if len(found) > 1 else None
