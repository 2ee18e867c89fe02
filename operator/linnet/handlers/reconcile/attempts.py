"""A write that fails costs itself alone: it is tried again ever more rarely, and is told of meanwhile."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from linnet.adapters.cluster.errors import (
    ConflictError,
    ForbiddenError,
    ForeignObjectError,
    InvalidError,
    KubeError,
    UnavailableError,
)
from linnet.api.parts.conditions import Reason
from linnet.core.plan import (
    Action,
    AnswerRequest,
    Apply,
    Create,
    Delete,
    Emit,
    Log,
    Manifest,
    Notify,
    Patch,
    Record,
    Ref,
    SaveEvidence,
)
from linnet.handlers.backoff import CAP_SECONDS, Backoff

STATUS: Final = ("status", "", "")
PASSING: Final = 2
"""So often in a row an outage is passing trouble, of which no condition tells."""
_TIMES: Final = re.compile(r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d:?\d\d(\.\d+)?Z")

Key = tuple[str, str, str]
"""What is written: the action, the kind and the name of its object."""
Report = Callable[[Ref, KubeError, float], None]
"""Told of each failure, with the seconds until the next try."""


@dataclass(frozen=True)
class Failure:
    """A write that failed at its last try. `count` is how often in a row; `due` is a monotonic time in seconds."""

    key: Key
    content: str
    error: KubeError
    count: int
    due: float

    @property
    def lasts(self) -> bool:
        """Whether it is more than an outage that passes."""
        refused = not isinstance(self.error, UnavailableError | ConflictError)
        return refused or self.count > PASSING

    @property
    def reason(self) -> Reason:
        return next((reason for kind, reason in _REASONS if isinstance(self.error, kind)), Reason.NOT_WRITTEN)

    @property
    def message(self) -> str:
        """The object and the API server's words, which name the object mostly themselves."""
        _, kind, name = self.key
        said = str(self.error)
        return said if name in said else f"{kind} {name}: {said}"


_REASONS: Final = (
    (ForeignObjectError, Reason.FOREIGN_OBJECT),
    (ForbiddenError, Reason.FORBIDDEN),
    (InvalidError, Reason.INVALID_SPEC),
)


class Attempts:
    """It remembers what failed, for each object of ours. `clock` is a monotonic time in seconds."""

    def __init__(self, clock: Callable[[], float], report: Report = lambda *_: None) -> None:
        self._clock = clock
        self._report = report
        self._failed: dict[Ref, dict[Key, Failure]] = {}
        self._lost: dict[tuple[Ref, Key], int] = {}
        self._backoff: Backoff[tuple[Ref, Key]] = Backoff()

    def waits(self, ref: Ref, key: Key, content: str) -> bool:
        """Say whether this very write failed lately, and is not due again yet."""
        known = self._failed.get(ref, {}).get(key)
        return known is not None and known.content == content and self._clock() < known.due

    def failed(self, ref: Ref, key: Key, content: str, error: KubeError) -> None:
        known = self._failed.get(ref, {}).get(key)
        if known is not None and known.content != content:
            self._backoff.forget((ref, key))
        asked = min(error.retry_after or 0.0, CAP_SECONDS) if isinstance(error, UnavailableError) else 0.0
        delay = max(self._backoff.failed((ref, key), self._clock()), asked)
        count = known.count + 1 if known is not None else 1
        made = Failure(key, content, error, count, self._clock() + delay)
        self._failed.setdefault(ref, {})[key] = made
        self._report(ref, error, delay)

    def lost(self, ref: Ref, key: Key, content: str, error: ConflictError) -> bool:
        """Count a lost race; True if so many were lost in a row that it counts as a failure."""
        self._lost[ref, key] = self._lost.get((ref, key), 0) + 1
        if self._lost[ref, key] <= PASSING:
            return False
        self.failed(ref, key, content, error)
        return True

    def done(self, ref: Ref, key: Key) -> None:
        """Forget what failed: it was written, or nobody wants it any more."""
        self._lost.pop((ref, key), None)
        if self._failed.get(ref, {}).pop(key, None) is not None:
            self._backoff.forget((ref, key))

    def keep(self, ref: Ref, wanted: Iterable[Key]) -> None:
        """Forget what nobody wants any more."""
        kept = set(wanted)
        known = {*self._failed.get(ref, {}), *(key for of, key in self._lost if of == ref)}
        for key in known - kept:
            self.done(ref, key)

    def forget(self, ref: Ref) -> None:
        self.keep(ref, ())
        self._failed.pop(ref, None)

    def known(self, ref: Ref) -> bool:
        """Say whether this process has acted for the object before."""
        return ref in self._failed

    def acted(self, ref: Ref) -> None:
        self._failed.setdefault(ref, {})

    def lasting(self, ref: Ref) -> tuple[Failure, ...]:
        """Return what is more than passing trouble."""
        return tuple(f for f in self._failed.get(ref, {}).values() if f.lasts)

    def refused(self, ref: Ref) -> frozenset[tuple[str, str]]:
        """Return kind and name of the objects whose last write failed."""
        return frozenset((kind, name) for _, kind, name in self._failed.get(ref, {}))

    def again(self, ref: Ref) -> timedelta | None:
        """Return the time until something that failed is due; None if nothing is."""
        due = [f.due for f in self._failed.get(ref, {}).values()]
        return timedelta(seconds=max(0.0, min(due) - self._clock())) if due else None


def key_of(action: Action) -> Key:
    """Return what the action writes."""
    verb = type(action).__name__
    match action:
        case Apply(manifest) | Create(manifest) | SaveEvidence(manifest):
            return verb, str(manifest["kind"]), str(manifest["metadata"]["name"])
        case Patch(_, kind, name) | Delete(_, kind, name):
            return verb, kind, name
        case Record(version, decision):
            return f"{verb} {decision.id}", "ModelVersion", version
        case AnswerRequest():
            return verb, "Request", action.name
        case Emit() | Log() | Notify():
            return verb, "", ""


def content_of(action: Action | Manifest) -> str:
    """Return a hash of what is written, times left out: what is written anew is tried at once."""
    whole = action if isinstance(action, dict) else _whole(action)
    text = _TIMES.sub("", json.dumps(whole, sort_keys=True, default=str))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _whole(action: Action) -> Any:
    return action.decision.wire() if isinstance(action, Record) else asdict(action)
