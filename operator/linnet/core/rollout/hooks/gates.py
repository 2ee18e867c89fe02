"""Where a rollout waits for the confirmation of its hooks, and what a refusal leads to.

Hooks delay, and no more than that: what takes a version back (a failed check, a deadline, a person) comes before them
in `transitions`, and no hook is asked once a decision has been made.
"""

from collections.abc import Callable, Iterable

from linnet.api.kinds.deployment import HookStatus, RolloutStatus
from linnet.api.parts.conditions import timestamp
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core.plan import Action, Emit, Log
from linnet.core.rollout.context import HOOK, UnderWay
from linnet.core.rollout.hooks import calls
from linnet.core.rollout.judging.look import Verdicts
from linnet.core.rollout.records import Transition, abort
from linnet.core.webhooks import Confirmed, NotYet, Refused, Reply


def once_confirmed(
    under_way: UnderWay, at: HookPoint, verdicts: Verdicts, then: Callable[[UnderWay], Transition]
) -> Transition:
    """What `then` leads to once every hook of this point has confirmed. Until then it waits; a refusal aborts."""
    hooks = calls.of_point(under_way, at)
    if not hooks:
        return then(under_way)
    asked, actions = _with_answers(under_way, hooks)
    statuses = [calls.statuses(asked)[hook.name] for hook in hooks]
    if (refusal := next((s for s in statuses if s.answer == "Refused"), None)) is not None:
        ended = abort(asked, HOOK, "HookRefused", f"hook {refusal.name} refused: {refusal.message}", verdicts)
    elif all(status.answer == "Confirmed" for status in statuses):
        ended = then(asked)
    else:
        return Transition(asked.context, actions)
    return Transition(ended.context, (*actions, *ended.actions))


def _with_answers(under_way: UnderWay, hooks: Iterable[Hook]) -> tuple[UnderWay, tuple[Action, ...]]:
    """The rollout with the answers of this look in its status, and an action for each that is news."""
    rollout, statuses = under_way.rollout, calls.statuses(under_way)
    time, given = timestamp(under_way.context.now), under_way.context.observed.replies.items()
    replies = {call.hook: reply for call, reply in given if call.rollout == rollout.id}
    actions: list[Action] = []
    for hook in hooks:
        before = statuses.get(hook.name)
        if before is None:
            statuses[hook.name] = HookStatus(name=hook.name, answer="Waiting", since=time)
            message = f"Hook {hook.name} is asked: {hook.at}, endpoint {hook.endpoint}"
            actions.append(Emit("Normal", "HookAsked", message))
        elif before.answer not in {"Confirmed", "Refused"} and (reply := replies.get(hook.name)) is not None:
            statuses[hook.name] = after = _answered(before, reply, time)
            actions += _log_of_news(rollout, hook, before, after)
    return under_way.with_rollout(hooks=list(statuses.values())), tuple(actions)


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


def _log_of_news(rollout: RolloutStatus, hook: Hook, before: HookStatus, after: HookStatus) -> tuple[Action, ...]:
    """A log line for an answer that is another than the one before it."""
    if before.asked and (before.answer, before.message) == (after.answer, after.message):
        return ()
    fields = {
        "rollout": rollout.id,
        "hook": hook.name,
        "at": hook.at,
        "endpoint": hook.endpoint,
        "answer": after.answer,
        "message": after.message,
        "since": after.since,
    }
    return (Log("hook", fields),)
