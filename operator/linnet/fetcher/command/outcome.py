"""How a run ends: one JSON object in the termination log, which the operator reads from the pod's status."""

import errno
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

LIMIT = 4096  # bytes: kubelet keeps no more of a container's termination message
LONGEST_TEXT = 1000  # characters

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Document = dict[str, Any]


class Reason(StrEnum):
    """Why a run failed; the operator puts it, as it is, into a condition."""

    ADDRESS_NOT_ALLOWED = "AddressNotAllowed"
    CHANGED = "Changed"
    CONTRACT_FAILED = "ContractFailed"
    CREDENTIALS_NOT_ALLOWED = "CredentialsNotAllowed"
    DIGEST_MISMATCH = "DigestMismatch"
    EMPTY = "Empty"
    FORBIDDEN = "Forbidden"
    INTERNAL = "Internal"
    INTERRUPTED = "Interrupted"
    INVALID_ARGUMENTS = "InvalidArguments"
    INVALID_CONTRACT = "InvalidContract"
    INVALID_URI = "InvalidURI"
    LOAD_FAILED = "LoadFailed"
    NO_SPACE = "NoSpace"
    NOT_FOUND = "NotFound"
    NOT_YET_SUPPORTED = "NotYetSupported"
    REJECTED = "Rejected"
    TIMEOUT = "Timeout"
    UNAUTHORIZED = "Unauthorized"
    UNREACHABLE = "Unreachable"
    UNSAFE_ARCHIVE = "UnsafeArchive"
    UNSAFE_PATH = "UnsafePath"
    UNSAFE_REDIRECT = "UnsafeRedirect"


RETRYABLE = frozenset(
    {Reason.CHANGED, Reason.INTERNAL, Reason.INTERRUPTED, Reason.TIMEOUT, Reason.UNREACHABLE},
)


class Failure(Exception):  # noqa: N818 - it is the domain's word, and the outcome's
    """The run is over; `reason` tells the operator why, and `message` tells a person what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Transient(Exception):  # noqa: N818 - not an error yet: the caller tries again
    """A fault that may pass and is worth another attempt, `after` seconds from now if the server said so."""

    def __init__(self, message: str, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


def failed_write(error: OSError, path: Path | str) -> Failure:
    """The Failure that a failed write is: no space, or a volume that is not as it must be."""
    if error.errno in FULL:
        return Failure(Reason.NO_SPACE, f"no space left while {path} was written; raise spec.pod.storage.size")
    return Failure(Reason.INTERNAL, f"{path} can't be written: {error.strerror}; see the volume and this pod's user")


def failed(failure: Failure) -> Document:
    return {"outcome": "Failed", "reason": str(failure.reason), "message": failure.message}


def exit_code(outcome: Mapping[str, Any]) -> int:
    """The process's exit code: 0 done, 1 worth starting again, 2 a person must change something first."""
    if outcome["outcome"] != "Failed":
        return 0
    return 1 if outcome["reason"] in RETRYABLE else 2


def short(outcome: Document) -> Document:
    """The outcome with texts of at most 1000 characters: their beginnings say where, and their ends what to do."""
    return {key: _middle_out(value) if isinstance(value, str) else value for key, value in outcome.items()}


def _middle_out(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2 - 1]}…{text[-LONGEST_TEXT // 2 :]}"


def encode(outcome: Document) -> bytes:
    """One line of JSON of at most `LIMIT` bytes; what doesn't fit is left out, in the order lineage, metrics, text."""
    for smaller in (_whole, _without_lineage, _without_metrics, _with_short_text):
        data = json.dumps(smaller(outcome), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        if len(data) <= LIMIT:
            return data
    raise ValueError("an outcome that no cut makes fit")


def _whole(outcome: Document) -> Document:
    return outcome


def _without_lineage(outcome: Document) -> Document:
    return _without(outcome, ("lineage",), "the lineage in linnet.json is too long to be reported")


def _without_metrics(outcome: Document) -> Document:
    return _without(outcome, ("lineage", "metrics"), "linnet.json is too long to be reported")


def _without(outcome: Document, keys: tuple[str, ...], warning: str) -> Document:
    if "linnet" not in outcome:
        return outcome
    kept = {key: value for key, value in outcome["linnet"].items() if key not in keys}
    warnings = [w for w in (outcome.get("warning"), warning) if w]
    return {**outcome, "linnet": kept, "warning": "; ".join(warnings)[:500]}


def _with_short_text(outcome: Document) -> Document:
    # A character is at most 6 bytes of JSON (\u0000), so 500 of them fit whatever they are.
    texts = {key: value[:500] for key, value in _without_metrics(outcome).items() if isinstance(value, str)}
    return {**_without_metrics(outcome), **texts}


def write(path: Path, line: bytes) -> None:
    """Write to the termination log, a file that the kubelet mounted; outside a pod there may be none to write to."""
    try:
        path.write_bytes(line)
    except OSError:  # the same line is the log's last one
        return
