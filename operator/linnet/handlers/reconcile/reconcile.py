"""One reconcile, whole: observe, plan, write the status, act, remember. It is the same for every kind and trigger.

The decision and the answer to a person are written first; then each action is tried, and one that fails costs itself
alone. Where the decision can't be written, traffic goes back to what is proven all the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from linnet.adapters.actions.status import briefer
from linnet.adapters.cluster.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    LeadershipLostError,
)
from linnet.core.plan import Action, Apply, Manifest, Patch, Plan, Ref
from linnet.core.resources.objects import Parent
from linnet.handlers.kinds import Kind
from linnet.handlers.reconcile.attempts import STATUS, Attempts, content_of, key_of
from linnet.handlers.reconcile.refusals import newly_told, refusals, with_refusals

UNWRITTEN: Final = (Apply, Patch)
"""What is done even if the status was not written: it follows from what was written before, or leads back."""

UNWRITTEN_AGAIN: Final = timedelta(seconds=5)
"""A look whose status was not written is taken again so soon at the latest: what it decided is decided anew."""


@dataclass(frozen=True)
class Deps:
    """A reconcile touches these, and its plan."""

    kinds: Mapping[str, Kind]
    parent: Callable[[Ref], Parent | None]
    perform: Callable[[Ref, Parent, Action], Awaitable[None]]
    write_status: Callable[[Ref, Parent, Manifest], Awaitable[None]]
    remember: Callable[[Ref, Parent, Plan[Any]], None]
    forget: Callable[[Ref], None]
    now: Callable[[], datetime]
    attempts: Attempts


async def reconcile(ref: Ref, deps: Deps) -> timedelta | None:
    """Return when to look again at the latest; None if only a change makes it necessary.

    Errors of `cluster.errors` pass through, after what could be done was done.
    """
    parent, kind = deps.parent(ref), deps.kinds[ref.kind]
    if parent is None or (parent.deleting and not kind.until_gone):
        deps.forget(ref)
        deps.attempts.forget(ref)
        return None
    plan = kind.plan(await kind.observe(parent), deps.now())
    return await _Look(ref, parent, kind, plan, deps).carry_out()


@dataclass
class _Look:
    """One look at one object, while its plan is carried out."""

    ref: Ref
    parent: Parent
    kind: Kind
    plan: Plan[Any]
    deps: Deps
    conflicts: list[KubeError] = field(default_factory=list)
    holds: bool = True
    """Whether the plan's status is true, as far as it says what was done."""

    async def carry_out(self) -> timedelta | None:
        first = [a for a in self.plan.actions if isinstance(a, self.kind.first)]
        then = [a for a in self.plan.actions if not isinstance(a, self.kind.first)]
        self.deps.attempts.keep(self.ref, (STATUS, *(key_of(a) for a in self.plan.actions)))
        self.holds = await self._locked(first)
        written = self.holds and await self._write_or_go_back(then)
        if self.holds:
            await self._act(then if written else _unwritten(then))
            self.deps.remember(self.ref, self.parent, self.plan)
        self.deps.attempts.acted(self.ref)
        if written or not self.holds:
            await self._tell()
        if self.conflicts:
            raise self.conflicts[0]
        planned = self.plan.requeue_after if written else UNWRITTEN_AGAIN
        return _sooner(planned, self.deps.attempts.again(self.ref))

    async def _locked(self, actions: Iterable[Action]) -> bool:
        """Do what the status will say is done; False if the API server refused one of it. A conflict ends the look."""
        tried = [await self._try(action) for action in actions]
        if self.conflicts:
            raise self.conflicts[0]
        return all(tried)

    async def _write_or_go_back(self, then: Iterable[Action]) -> bool:
        try:
            return await self._write()
        except LeadershipLostError:
            raise
        except KubeError:
            if self.plan.urgent:
                await self._act(_unwritten(then))
            raise

    def _given(self) -> Manifest:
        """The status that the plan leads to, or as it was."""
        made = self.plan.status if self.holds else None
        return made.wire() if made is not None else dict(self.parent.status)

    async def _write(self) -> bool:
        """Write the status, or as much of it as the API server takes; False if it takes nothing."""
        attempts, given = self.deps.attempts, self._given()
        content = content_of(given)
        whole = with_refusals(given, self.parent, attempts, self.ref, self.deps.now())
        if not attempts.waits(self.ref, STATUS, content):
            refused = await self._put(whole)
            if refused is None:
                attempts.done(self.ref, STATUS)
                return True
            attempts.failed(self.ref, STATUS, content, refused)
        for brief in briefer(whole):
            if await self._put(brief) is None:
                return True
        return False

    async def _put(self, status: Manifest) -> KubeError | None:
        """Write the status; return why it was refused, if it was."""
        try:
            await self.deps.write_status(self.ref, self.parent, status)
        except (InvalidError, ForbiddenError) as error:
            return error
        return None

    async def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            await self._try(action)

    async def _try(self, action: Action) -> bool:
        """Do the action, unless it failed lately and is not due again; say whether it is done."""
        attempts, key, content = self.deps.attempts, key_of(action), content_of(action)
        if attempts.waits(self.ref, key, content):
            return False
        try:
            await self.deps.perform(self.ref, self.parent, action)
        except LeadershipLostError:
            raise
        except ConflictError as error:
            if not attempts.lost(self.ref, key, content, error):
                self.conflicts.append(error)
            return False
        except KubeError as error:
            attempts.failed(self.ref, key, content, error)
            return False
        attempts.done(self.ref, key)
        return True

    async def _tell(self) -> None:
        """Write what is refused, if that is not what was written already, with an Event if it is new."""
        newest = self.deps.parent(self.ref)
        if newest is None or newest.uid != self.parent.uid:
            return
        self.parent = newest
        status = with_refusals(self._given(), newest, self.deps.attempts, self.ref, self.deps.now())
        if refusals(status) != refusals(newest.status) and await self._write():
            for event in newly_told(newest.status, status):
                await self.deps.perform(self.ref, newest, event)


def _unwritten(actions: Iterable[Action]) -> list[Action]:
    return [a for a in actions if isinstance(a, UNWRITTEN)]


def _sooner(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((t for t in (one, other) if t is not None), default=None)
