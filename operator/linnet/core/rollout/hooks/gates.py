"""Where a rollout waits for the yes of its hooks, and what a no leads to.

Hooks delay, and no more than that: what takes a version back (a failed check, a deadline, a person) comes before them
in `rollout`, and nothing is asked once a decision has been made.
"""

from collections.abc import Callable, Iterable

from linnet.api.kinds.deployment import HookStatus, RolloutStatus
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core.plan import Action, Emit, Log
from linnet.core.rollout.context import HOOK, World
from linnet.core.rollout.hooks import calls as hooks
from linnet.core.rollout.judging.look import Judged
from linnet.core.rollout.transitions import Turn, abort
from linnet.core.webhooks import Confirmed, NotYet, Refused, Reply


def through(world: World, at: HookPoint, judged: Judged, then: Callable[[World], Turn]) -> Turn:
    """What `then` leads to once every hook of this point has confirmed. Until then it waits; a refusal aborts."""
    asked = hooks.of_point(world, at)
    if not asked:
        return then(world)
    heard, told = _heard(world, asked)
    known = hooks.known(heard)
    if (refusal := next((a for h in asked if (a := known[h.name]).answer == "Refused"), None)) is not None:
        ended = abort(heard, HOOK, "HookRefused", f"hook {refusal.name} refused: {refusal.message}", judged)
    elif all(known[h.name].answer == "Confirmed" for h in asked):
        ended = then(heard)
    else:
        return Turn(heard, told)
    return Turn(ended.world, (*told, *ended.actions))


def _heard(world: World, asked: Iterable[Hook]) -> tuple[World, tuple[Action, ...]]:
    """The world with the answers of this look, and what is told of those that are news."""
    rollout, known = world.status.rollout, hooks.known(world)
    assert rollout is not None
    replies = {call.hook: reply for call, reply in world.observed.replies.items() if call.rollout == rollout.id}
    told: list[Action] = []
    for hook in asked:
        before = known.get(hook.name)
        if before is None:
            known[hook.name] = HookStatus(name=hook.name, answer="Waiting", since=timestamp(world.now))
            told.append(Emit("Normal", "HookAsked", f"Hook {hook.name} is asked: {hook.at}, endpoint {hook.endpoint}"))
        elif before.answer == "Waiting" and (reply := replies.get(hook.name)) is not None:
            known[hook.name] = after = _answered(before, reply, timestamp(world.now))
            told += _news(rollout, hook, before, after)
    return world.with_rollout(rollout, hooks=list(known.values())), tuple(told)


def _answered(before: HookStatus, reply: Reply, time: str) -> HookStatus:
    match reply:
        case Confirmed():
            answer, message = "Confirmed", ""
        case Refused(reason):
            answer, message = "Refused", reason
        case NotYet(problem):
            answer, message = "Waiting", problem
    changes = {"answer": answer, "message": message, "asked": before.asked + 1, "asked_at": time}
    return before.model_copy(update=changes)


def _news(rollout: RolloutStatus, hook: Hook, before: HookStatus, after: HookStatus) -> tuple[Action, ...]:
    """A log line for each answer that is another than the one before it."""
    if before.asked and (before.answer, before.message) == (after.answer, after.message):
        return ()
    said = {
        "rollout": rollout.id,
        "hook": hook.name,
        "at": hook.at,
        "endpoint": hook.endpoint,
        "answer": after.answer,
        "message": after.message,
        "since": after.since,
    }
    return (Log("hook", said),)
