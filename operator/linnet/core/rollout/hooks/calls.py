"""Hooks: whom a rollout asks before it goes on, and tells when it is over; `gates` holds what an answer leads to."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final

from linnet.api.kinds.deployment import HookStatus
from linnet.api.parts.conditions import past_or_none, timestamp
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core import webhooks
from linnet.core.plan import Action, Notify
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import UnderWay
from linnet.core.webhooks import Call

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(seconds=60)
_MOST_DOUBLINGS: Final = 8


def of_point(under_way: UnderWay, at: HookPoint) -> tuple[Hook, ...]:
    """The hooks that the rules have at this point."""
    return tuple(h for h in under_way.rules.hooks if h.at == at)


def statuses(under_way: UnderWay) -> dict[str, HookStatus]:
    """What the hooks of this rollout have answered so far, by the hook's name."""
    return {status.name: status for status in under_way.rollout.hooks or ()}


def due(under_way: UnderWay) -> tuple[Call, ...]:
    """The questions to ask now; a paused rollout asks none."""
    context, platform = under_way.context, under_way.context.observed.platform.hooks
    if platform is None or context.paused:
        return ()
    hooks, endpoints = {h.name: h for h in under_way.rules.hooks}, platform.by_name
    return tuple(
        _call(under_way, hook, status.since)
        for status in under_way.waiting_hooks
        if (hook := hooks[status.name]).endpoint in endpoints and _pause_is_over(under_way, status)
    )


def _call(under_way: UnderWay, hook: Hook, since: str) -> Call:
    deployment, rollout = under_way.context.observed.deployment, under_way.rollout
    question = json.dumps(webhooks.of_hook(deployment, rollout, hook, since))
    return Call(deployment.uid, rollout.id, hook.name, hook.endpoint, question)


def _pause_is_over(under_way: UnderWay, status: HookStatus) -> bool:
    """A clock that went back does not make it longer."""
    asked_at = past_or_none(status.asked_at, under_way.context.now)
    return asked_at is None or under_way.context.now - asked_at >= pause(status.asked)


def pause(asked: int) -> timedelta:
    """The time between the answer number `asked` and the next question.

    >>> [pause(n).total_seconds() for n in (1, 2, 3, 4, 5, 100)]
    [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    """
    return min(LONGEST_PAUSE, FIRST_PAUSE * int(2 ** min(asked - 1, _MOST_DOUBLINGS)))


def overdue(under_way: UnderWay) -> tuple[HookStatus, ...]:
    """The hooks that have left the rollout waiting for longer than deadlines.hook."""
    since, limit = under_way.context.since, under_way.rules.limits.hook
    return tuple(status for status in under_way.waiting_hooks if since(status.since) > limit)


def waiting_message(under_way: UnderWay, waiting: Iterable[HookStatus]) -> str:
    """`waits for hook x (endpoint y) since …: its last words`, one after the other; empty if none is waited for."""
    hooks = {h.name: h for h in under_way.rules.hooks}
    platform = under_way.context.observed.platform.hooks
    endpoints = platform.by_name if platform is not None else {}
    return "; ".join(_waiting_message(status, hooks[status.name].endpoint, endpoints) for status in waiting)


def _waiting_message(status: HookStatus, endpoint: str, endpoints: Collection[str]) -> str:
    last_words = status.message or ("not answered yet" if not status.asked else "")
    if endpoint not in endpoints:
        last_words = _no_endpoint(endpoint, endpoints)
    return f"waits for hook {status.name} (endpoint {endpoint}) since {status.since}: {last_words}"


def _no_endpoint(endpoint: str, endpoints: Collection[str]) -> str:
    return f"the platform has no endpoint {endpoint}: it has {', '.join(sorted(endpoints)) or 'none'}"


def unreachable(rules: Rules, endpoints: Mapping[str, object] | None) -> str | None:
    """Why a rollout by these rules can't start: a hook names an endpoint that is not there. None: nothing is wrong."""
    for index, hook in enumerate(rules.hooks):
        if hook.endpoint not in (endpoints or {}):
            way = "" if endpoints else " (Helm value hooks.endpoints)"
            path = f"spec.strategy.hooks[{index}].endpoint"
            return f"{path}: {_no_endpoint(hook.endpoint, endpoints or {})}{way}: name one of them, or have it added"
    return None


def unconfirmed(under_way: UnderWay) -> str:
    """The hooks without whose word a person's promote-full goes on, as the end of a sentence; empty if none."""
    confirmed = {status.name for status in statuses(under_way).values() if status.answer == "Confirmed"}
    names = [h.name for h in of_point(under_way, "ConfirmPromotion") if h.name not in confirmed]
    return f" and without the word of {', '.join(names)}" if names else ""


def notifications(under_way: UnderWay, outcome: str, message: str) -> tuple[Action, ...]:
    """What PostRollout hooks are told of a rollout that has ended; a first version has none to tell."""
    rollout = under_way.rollout
    if rollout.from_ is None:
        return ()
    more = {"outcome": outcome, "reason": rollout.reason, "message": message, "by": rollout.by}
    given = {k: v for k, v in more.items() if v}
    time, deployment = timestamp(under_way.context.now), under_way.context.observed.deployment
    platform = under_way.context.observed.platform.hooks
    known = platform.by_name if platform is not None else {}
    return tuple(
        Notify(hook.endpoint, webhooks.of_hook(deployment, rollout, hook, time, **given))
        for hook in of_point(under_way, "PostRollout")
        if hook.endpoint in known
    )
