"""Time in which nobody looked is no time of observation: neither a clock that jumps nor an absence judges anything.

A clock that goes back, or a leader whose clock is behind, must not stop the judge until it has caught up.
"""

from datetime import datetime, timedelta
from typing import Final

from linnet.api.kinds.deployment import RolloutStatus
from linnet.api.parts.conditions import parse_time, timestamp
from linnet.core.rollout.context import Context, UnderWay

LONGEST: Final = timedelta(minutes=2)
"""Looks, and what they leave behind, are seconds apart: more than this between two is a gap."""


def without_gaps(context: Context) -> Context:
    """The context whose rollout counts only the time that was looked at, and began nothing in the future.

    What the times of a later release's phase mean is not known, so that they stay.
    """
    under_way = context.under_way
    if under_way is None or under_way.rollout.known_phase is None:
        return context
    moved = {name: at for name, at in _times(under_way).items() if at != getattr(under_way.rollout, name)}
    return under_way.with_rollout(**moved).context if moved else context


def _times(under_way: UnderWay) -> dict[str, str | None]:
    rollout, now = under_way.rollout, under_way.context.now
    gap = timedelta(0) if _waits_for_person(under_way) else _gap(under_way)
    moved = {name: _moved(getattr(rollout, name), gap, now) for name in ("step_started_at", "ready_at")}
    return {**moved, "started_at": _moved(rollout.started_at, timedelta(0), now)}


def _moved(time: str | None, gap: timedelta, now: datetime) -> str | None:
    if time is None or (not gap and parse_time(time) <= now):
        return time
    return timestamp(min(parse_time(time) + gap, now))


def _gap(under_way: UnderWay) -> timedelta:
    """How long nobody looked; nothing if that is no longer than it is between two looks."""
    saved = _saved(under_way)
    passed = under_way.context.now - saved if saved is not None else timedelta(0)
    return passed if passed > max(LONGEST, 3 * under_way.rules.interval) else timedelta(0)


def _saved(under_way: UnderWay) -> datetime | None:
    """When the evidence was last saved, which each look does that finds it old; None if that can't be read."""
    try:
        found = parse_time(under_way.stored_evidence.get("saved", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _waits_for_person(under_way: UnderWay) -> bool:
    """A pause is a person's time, which passes whoever looks."""
    rollout: RolloutStatus = under_way.rollout
    steps, index = under_way.rules.steps, rollout.step or 0
    return rollout.phase == "Stepping" and index < len(steps) and steps[index].pause is not None
