"""A contract: requests and the answers that a model must give, as a person wrote them in a ConfigMap. Pure.

A case is {"request": {"method", "path", "headers"?, "body"?}, "response": {"status"?, "body"?, "tolerance"?}}.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from linnet.foreign.document import DEPTH, deeper

TOLERANCE = 1e-6  # relative
NEARLY_ZERO = 1e-12  # a difference that no tolerance relative to 0 could allow
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""The name and the value of a header (RFC 9110, 5.1 and 5.5)."""
SHOWN = 120  # characters of a value in a message


@dataclass(frozen=True)
class Case:
    """One request and what must answer it. A `status` of None stands for any 2xx.

    `expected` is compared only if `compares`, since null is a JSON value too. `tolerance` is relative.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    expected: Any
    compares: bool
    tolerance: float


@dataclass(frozen=True)
class Difference:
    """Where an answer differs (`path` is a JSON path such as `$.outputs[0].data[2]`), and in what."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


def parse(name: str, text: str) -> Case:
    """Read a case from its JSON text. Raises ValueError, which says what is wrong with it."""
    document = _mapping(_json(text), "the case")
    request = _mapping(document.get("request"), "request")
    response = _mapping(document.get("response", {}), "response")
    path = request.get("path")
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or not path.isprintable():
        raise ValueError("request.path must be a path on the server, such as /v2/models/<name>/infer")
    headers = _headers(request.get("headers", {}))
    body, kind = _body(request)
    return Case(
        name=name,
        method=_method(request.get("method", "POST" if "body" in request else "GET")),
        path=path,
        headers={"Content-Type": kind} | headers,
        body=body,
        status=_status(response.get("status")),
        expected=response.get("body"),
        compares="body" in response,
        tolerance=_tolerance(response.get("tolerance", TOLERANCE)),
    )


def check(case: Case, status: int, body: bytes) -> Difference | None:
    """The first difference between what was expected and what came, None if there is none."""
    if not _status_matches(case.status, status):
        expected = str(case.status or "2xx")
        return Difference("status", expected, f"{status} with {shorten(body.decode(errors='replace'))}")
    if not case.compares:
        return None
    got: Any = body.decode(errors="replace")
    with contextlib.suppress(ValueError):
        got = got if deeper(got, DEPTH) else json.loads(body)
    return next(differences(case.expected, got, case.tolerance), None)


def differences(expected: Any, got: Any, tolerance: float, path: str = "$") -> Iterator[Difference]:
    """Every difference: of objects in the keys expected, of lists in all elements, of numbers beyond the tolerance.

    0.25 and 0.2500001 are equal at 1e-6; true and 1 are not.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            if key in got:
                yield from differences(value, got[key], tolerance, f"{path}.{key}")
            else:
                yield Difference(f"{path}.{key}", shown(value), "nothing")
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield Difference(path, f"{len(expected)} elements", f"{len(got)}")
        for index, (left, right) in enumerate(zip(expected, got, strict=False)):
            yield from differences(left, right, tolerance, f"{path}[{index}]")
    elif not _equal(expected, got, tolerance):
        yield Difference(path, shown(expected), shown(got))


def shown(value: Any) -> str:
    return shorten(json.dumps(value, ensure_ascii=False))


def shorten(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _equal(expected: Any, got: Any, tolerance: float) -> bool:
    if _is_number(expected) and _is_number(got):
        expected, got = _real(expected), _real(got)
        return math.isclose(expected, got, rel_tol=0, abs_tol=max(tolerance * abs(expected), NEARLY_ZERO))
    return type(expected) is type(got) and bool(expected == got)


def _real(number: float) -> float:
    """The number as a float; infinity, where a server counts up to more digits than one has."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number > 0 or -1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _status_matches(expected: int | None, got: int) -> bool:
    return 200 <= got < 300 if expected is None else got == expected  # noqa: PLR2004 - HTTP's classes


def _json(text: str) -> Any:
    if deeper(text, DEPTH):
        raise ValueError(f"it is nested more than {DEPTH} levels deep")
    return json.loads(text)


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a JSON object")  # noqa: TRY004 - one kind of error for the caller
    return value


def _headers(value: Any) -> dict[str, str]:
    headers = {name: str(each) for name, each in _mapping(value, "request.headers").items()}
    wrong = next((n for n, each in headers.items() if not (_NAME.fullmatch(n) and _VALUE.fullmatch(each))), None)
    if wrong is not None:
        raise ValueError(f"request.headers.{ascii(wrong[:SHOWN])[1:-1]} is none that HTTP could send")
    return headers


def _method(value: Any) -> str:
    if not isinstance(value, str) or not value.isalpha() or not value.isascii():
        raise ValueError("request.method must be a method such as POST")
    return value.upper()


def _body(request: dict[str, Any]) -> tuple[bytes, str]:
    """The body and its content type: a string is sent as it is, anything else as JSON."""
    if "body" not in request:
        return b"", "application/json"
    body = request["body"]
    if isinstance(body, str):
        return body.encode(), "text/plain"
    return json.dumps(body).encode(), "application/json"


def _status(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("response.status must be a whole number")


def _tolerance(value: Any) -> float:
    """A number, or its quantity string without a suffix."""
    try:
        tolerance = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError, OverflowError):
        tolerance = -1.0
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError("response.tolerance must be a number such as 0.001")
    return tolerance
