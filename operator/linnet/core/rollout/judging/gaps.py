"""Time in which nobody looked is no time of observation: neither a clock that jumps nor an absence judges anything.

A clock that goes back, or a leader whose clock is behind, must not stop the judge until it has caught up.
"""

from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.deployment import RolloutStatus
from linnet.api.parts.conditions import time_or_none, timestamp
from linnet.core.rollout.context import Context, UnderWay

LONGEST: Final = timedelta(minutes=2)
"""Looks, and what they leave behind, are seconds apart: more than this between two is a gap."""
_READY: Final = frozenset({"Stepping", "Promoting", "Baking"})
"""Phases in which the new version's pods were ready once: where it was lost since when, a step or a warm-up would never
end, and they begin anew."""


def without_gaps(context: Context) -> Context:
    """The context whose rollout counts only the time that was looked at, and began nothing in the future.

    What the times of a later release's phase mean is not known, so that they stay.
    """
    under_way = context.under_way
    if under_way is None or under_way.rollout.known_phase is None:
        return context
    moved = {name: at for name, at in _times(under_way).items() if at != getattr(under_way.rollout, name)}
    return under_way.with_rollout(**moved).context if moved else context


def _times(under_way: UnderWay) -> dict[str, object]:
    rollout, now = under_way.rollout, under_way.context.now
    gap, none = timedelta(0) if _waits_for_person(under_way) else _gap(under_way), timedelta(0)
    begun = {"step_started_at": True, "ready_at": rollout.phase in _READY}
    known = {name: getattr(rollout, name) or (timestamp(now) if has else None) for name, has in begun.items()}
    moved = {name: _moved(time, gap, now) for name, time in known.items()}
    hooks = rollout.hooks and [h.model_copy(update={"since": _moved(h.since, none, now)}) for h in rollout.hooks]
    return {**moved, "started_at": _moved(rollout.started_at, none, now), "hooks": hooks}


def _moved(time: str | None, gap: timedelta, now: datetime) -> str | None:
    """The time, later by the gap, and never later than now, which is what counts for one that can't be read."""
    found = time_or_none(time)
    if time is None or (found is not None and not gap and found <= now):
        return time
    return timestamp(now if found is None else min(found, now - gap) + gap)


def _gap(under_way: UnderWay) -> timedelta:
    """How long nobody looked; nothing if that is no longer than it is between two looks."""
    saved = _saved(under_way)
    passed = under_way.context.now - saved if saved is not None else timedelta(0)
    return passed if passed > max(LONGEST, 3 * under_way.rules.interval) else timedelta(0)


def _saved(under_way: UnderWay) -> datetime | None:
    """When the evidence was last saved, which each look does that finds it old; None if that can't be read."""
    return time_or_none(under_way.stored_evidence.get("saved"))


def _waits_for_person(under_way: UnderWay) -> bool:
    """A pause is a person's time, which passes whoever looks."""
    rollout: RolloutStatus = under_way.rollout
    steps, index = under_way.rules.steps, rollout.step or 0
    return rollout.phase == "Stepping" and index < len(steps) and steps[index].pause is not None
