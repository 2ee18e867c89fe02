"""One reconcile, whole: observe, plan, act, write the status, remember. The same for every kind and trigger."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from linnet.adapters.cluster.errors import ForbiddenError, ForeignObjectError, InvalidError
from linnet.core.plan import Action, Manifest, Plan, Ref
from linnet.core.resources.objects import Parent
from linnet.handlers.refusal import refused


@dataclass(frozen=True)
class Kind:
    """How one kind is reconciled: gather its world, decide."""

    observe: Callable[[Parent], Awaitable[Any]]
    plan: Callable[[Any, datetime], Plan[Any]]
    status: type[BaseModel]


@dataclass(frozen=True)
class Deps:
    """All that a reconcile touches besides its plan."""

    kinds: Mapping[str, Kind]
    parent: Callable[[Ref], Parent | None]
    perform: Callable[[Ref, Parent, Action], Awaitable[None]]
    write_status: Callable[[Ref, Parent, Manifest], Awaitable[None]]
    remember: Callable[[Ref, Parent, Plan[Any]], None]
    forget: Callable[[Ref], None]
    now: Callable[[], datetime]


async def reconcile(ref: Ref, deps: Deps) -> timedelta | None:
    """When to look again at the latest, None if only a change makes it necessary.

    Errors of `cluster.errors`. What the API server refuses for good is written into the Ready condition first.
    """
    parent = deps.parent(ref)
    if parent is None or parent.deleting:
        deps.forget(ref)
        return None
    kind = deps.kinds[ref.kind]
    plan = kind.plan(await kind.observe(parent), deps.now())
    try:
        for action in plan.actions:
            await deps.perform(ref, parent, action)
    except (ForeignObjectError, InvalidError, ForbiddenError) as error:
        await deps.write_status(ref, parent, refused(parent, error, deps.now()))
        raise
    if plan.status is not None:
        await deps.write_status(ref, parent, plan.status.wire())
    deps.remember(ref, parent, plan)
    return plan.requeue_after
