"""Hooks: whom a rollout asks before it goes on, and tells when it is over; `gates` holds what an answer leads to."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final

from linnet.api.kinds.deployment import HookStatus, RolloutStatus
from linnet.api.parts.conditions import parse_time, timestamp
from linnet.api.parts.strategy import Hook, HookPoint
from linnet.core import webhooks
from linnet.core.plan import Action, Notify
from linnet.core.policy.rules import Rules
from linnet.core.rollout.context import World
from linnet.core.webhooks import Call

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(seconds=60)
_MOST_DOUBLINGS: Final = 8


def of_point(world: World, at: HookPoint) -> tuple[Hook, ...]:
    return tuple(h for h in world.policy.hooks if h.at == at) if world.policy else ()


def known(world: World) -> dict[str, HookStatus]:
    """What the hooks of this rollout have said, by name."""
    rollout = world.status.rollout
    return {a.name: a for a in (rollout.hooks if rollout else None) or ()}


def due(world: World) -> tuple[Call, ...]:
    """The questions to ask now; what is paused is not asked about."""
    rollout, policy, platform = world.status.rollout, world.policy, world.observed.platform.hooks
    if rollout is None or policy is None or platform is None or world.paused or rollout.decision is not None:
        return ()
    deployment, hooks, there = world.observed.deployment, {h.name: h for h in policy.hooks}, platform.by_name
    return tuple(
        Call(deployment.uid, rollout.id, hook.name, hook.endpoint, _question(world, rollout, hook, answer.since))
        for answer in waiting(world)
        if (hook := hooks[answer.name]).endpoint in there and _pause_is_over(world, answer)
    )


def _question(world: World, rollout: RolloutStatus, hook: Hook, since: str) -> str:
    return json.dumps(webhooks.of_hook(world.observed.deployment, rollout, hook, since))


def _pause_is_over(world: World, answer: HookStatus) -> bool:
    return answer.asked_at is None or world.since(answer.asked_at) >= pause(answer.asked)


def pause(asked: int) -> timedelta:
    """Between the answer number `asked` and the next question.

    >>> [pause(n).total_seconds() for n in (1, 2, 3, 4, 5, 100)]
    [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    """
    return min(LONGEST_PAUSE, FIRST_PAUSE * int(2 ** min(asked - 1, _MOST_DOUBLINGS)))


def waiting(world: World) -> tuple[HookStatus, ...]:
    """Those that the rollout waits for now."""
    rollout, policy = world.status.rollout, world.policy
    if rollout is None or policy is None or rollout.decision is not None:
        return ()
    names = {h.name for h in policy.hooks}
    return tuple(a for a in rollout.hooks or () if a.answer == "Waiting" and a.name in names)


def overdue(world: World) -> tuple[HookStatus, ...]:
    """Those that have left it waiting for longer than deadlines.hook."""
    limit = world.policy.limits.hook if world.policy else timedelta.max
    return tuple(a for a in waiting(world) if world.now - parse_time(a.since) > limit)


def told(world: World, answers: Iterable[HookStatus]) -> str:
    """`waits for hook x (endpoint y) since …: its last words`, one after the other."""
    hooks = {h.name: h for h in world.policy.hooks} if world.policy else {}
    platform = world.observed.platform.hooks
    there = platform.by_name if platform is not None else {}
    return "; ".join(_told(a, hooks[a.name].endpoint, there) for a in answers)


def _told(answer: HookStatus, endpoint: str, there: Collection[str]) -> str:
    said = answer.message or ("not answered yet" if not answer.asked else "")
    if endpoint not in there:
        said = absent(endpoint, there)
    return f"waits for hook {answer.name} (endpoint {endpoint}) since {answer.since}: {said}"


def absent(endpoint: str, there: Collection[str]) -> str:
    """`the platform has no endpoint x: it has y, z`."""
    return f"the platform has no endpoint {endpoint}: it has {', '.join(sorted(there)) or 'none'}"


def unreachable(policy: Rules, endpoints: Mapping[str, object] | None) -> str | None:
    """Why a rollout by this policy can't start: a hook names an endpoint that is not there. None: there are none."""
    for index, hook in enumerate(policy.hooks):
        if hook.endpoint not in (endpoints or {}):
            way = "" if endpoints else " (Helm value hooks.endpoints)"
            path = f"spec.strategy.hooks[{index}].endpoint"
            return f"{path}: {absent(hook.endpoint, endpoints or {})}{way}: name one of them, or have it added"
    return None


def passed(world: World) -> str:
    """What a person's promote-full leaves behind, as the end of a sentence."""
    confirmed = {a.name for a in known(world).values() if a.answer == "Confirmed"}
    names = [h.name for h in of_point(world, "ConfirmPromotion") if h.name not in confirmed]
    return f" and without the word of {', '.join(names)}" if names else ""


def after(world: World, rollout: RolloutStatus, outcome: str, message: str) -> tuple[Action, ...]:
    """What PostRollout hooks are told of a rollout that has ended."""
    if rollout.from_ is None:
        return ()
    more = {"outcome": outcome, "reason": rollout.reason, "message": message, "by": rollout.by}
    given = {k: v for k, v in more.items() if v}
    time, deployment = timestamp(world.now), world.observed.deployment
    return tuple(
        Notify(hook.endpoint, webhooks.of_hook(deployment, rollout, hook, time, **given))
        for hook in of_point(world, "PostRollout")
    )
