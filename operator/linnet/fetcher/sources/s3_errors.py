"""What the S3 library's errors mean: it tells most of them apart only in the text. Pure."""

import re

from linnet.fetcher.command.outcome import Failure, Reason, Transient

BY_STATUS = {
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    412: Reason.CHANGED,  # If-Match: it is no longer the object that was listed
}
BUSY = frozenset({408, 425, 429})
# S3 answers these with 400 (versitygw the last with 404), though they say who may read, not what was asked.
UNKNOWN_CALLER = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "XAdminUserNotFound"})
SENTENCES = {
    Reason.NOT_FOUND: "there is no such bucket or object; see spec.source.uri",
    Reason.CHANGED: "it changed while it was read; it is fetched anew",
    Reason.REJECTED: "the server refused the request; see region, endpoint and bucket",
}


def explain(error: Exception, shown: str, *, anonymous: bool) -> Failure | Transient:
    """What the error is: Transient if it may pass by itself, else a Failure that says what to do."""
    text = str(error)
    code = _first(r"<Code>(\w{1,64})</Code>", text)
    status = int(_first(r"status code: (\d{3})", text) or 0)
    reason = _reason(error, text, status, code)
    what = f"{status} {code}".strip() if status else _cause(text)
    if reason is None:
        return Transient(f"the server answered {what}" if status else what)
    return Failure(reason, f"{shown}: {SENTENCES.get(reason) or _access(anonymous=anonymous)} ({what})")


def _reason(error: Exception, text: str, status: int, code: str) -> Reason | None:
    """The reason of the failure, None where another attempt may succeed."""
    if code in UNKNOWN_CALLER:
        return Reason.UNAUTHORIZED
    if status in BY_STATUS:
        return BY_STATUS[status]
    if isinstance(error, FileNotFoundError):
        return Reason.NOT_FOUND
    # A redirect without an address is S3's way to say that the bucket is in another region.
    refused = 400 <= status < 500 and status not in BUSY  # noqa: PLR2004 - HTTP's classes
    return Reason.REJECTED if refused or "BareRedirect" in text else None


def _access(*, anonymous: bool) -> str:
    if anonymous:
        return "no access without credentials; name a Secret in spec.source.credentials"
    return "no access: the credentials of spec.source.credentials are wrong, or may not read this"


def _cause(text: str) -> str:
    """The innermost sentence of the library's description of itself."""
    if "kind: Timeout" in text or "TimedOut" in text:
        return "no answer in time"
    if "body error" in text or "IncompleteMessage" in text:
        return "the answer broke off"
    return _first(r'(?:message|error): "([^"]+)"', text) or _first_line(text)


def _first_line(text: str) -> str:
    # The address of a token service has the token in its query.
    line = re.sub(r"https?://\S+", "…", text.split("\n", 1)[0])
    return " ".join(line.rpartition(" - ")[2].split())


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
