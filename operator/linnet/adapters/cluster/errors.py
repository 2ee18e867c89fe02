"""What can go wrong at the API server has one class for each thing that callers branch on, its cause chained.

`handlers/workers.py` alone decides what is retried, how soon, and what ends the process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

from linnet.foreign.document import ForeignError, read_object
from linnet.foreign.text import printable

MOST: Final = 1024
"""The most characters of the API server's sentence: it repeats what it refuses, and webhooks add theirs."""


class KubeError(Exception):
    """A call to the API server failed; the message is the server's own."""


class ConflictError(KubeError):
    """Somebody wrote first, or the object has another uid: read again."""


class AlreadyExistsError(KubeError):
    """The name is taken."""


class NotFoundError(KubeError):
    """The object, or its kind, or its namespace is not there."""


class ServedApisChangedError(KubeError):
    """The cluster serves an API now that it did not serve at the start: begin again, and watch it."""


class WatchesEndedError(KubeError):
    """The watches have ended, as where a kind is gone that was watched: begin again."""


class GoneError(KubeError):
    """A LIST can't be continued: start again."""


class ForbiddenError(KubeError):
    """RBAC, a quota or an admission policy refused; a retry helps only after somebody changed that."""


class InvalidError(KubeError):
    """The API server refuses the object's content; `field` is the first path that it names."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnavailableError(KubeError):
    """The API server is overloaded or can't be reached; `retry_after` is what it asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLargeError(KubeError):
    """The API server's answer has more bytes than can be afforded: ask for less."""


class UnreadableError(KubeError):
    """The API server's answer is no JSON that can be read; a proxy's, perhaps."""


class ForeignObjectError(KubeError):
    """An object bears the name of a child and is not ours: it is left alone."""


class LeadershipLostError(KubeError):
    """The lease was not renewed in time: nothing may be written any more."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise our classes for the client's; `what` names the call in messages of broken connections."""
    try:
        yield
    except ApiException as error:
        raise from_api(error) from error
    except TimeoutError as error:
        raise UnavailableError(f"{what}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnavailableError(f"{what}: {printable(error, MOST) or type(error).__name__}") from error


def from_api(error: ApiException) -> KubeError:
    """Return our class for an answer of the API server."""
    status = _status(error.body)
    message = printable(status.get("message") or f"{error.status} {error.reason}", MOST)
    match error.status:
        case 400 | 405 | 413 | 415 | 422:
            return InvalidError(message, _first_field(status))
        case 403:
            return ForbiddenError(message)
        case 404:
            return NotFoundError(message)
        case 409:
            return AlreadyExistsError(message) if status.get("reason") == "AlreadyExists" else ConflictError(message)
        case 410:
            return GoneError(message)
        case _:
            return UnavailableError(message, _retry_after(error, status))


def _status(body: Any) -> dict[str, Any]:
    """Return the `v1.Status` of the answer; an empty one where a proxy answered with something else."""
    try:
        return read_object(body or "{}")
    except ForeignError:
        return {}


def _details(status: dict[str, Any]) -> dict[str, Any]:
    details = status.get("details")
    return details if isinstance(details, dict) else {}


def _first_field(status: dict[str, Any]) -> str:
    causes = _details(status).get("causes")
    fields = [c.get("field") for c in causes if isinstance(c, dict)] if isinstance(causes, list) else []
    return next((printable(f, MOST) for f in fields if isinstance(f, str) and f not in {"", "<nil>"}), "")


def _retry_after(error: ApiException, status: dict[str, Any]) -> float | None:
    asked = (error.headers or {}).get("Retry-After") or _details(status).get("retryAfterSeconds")
    try:
        return float(asked) if asked else None
    except (TypeError, ValueError, OverflowError):
        return None
