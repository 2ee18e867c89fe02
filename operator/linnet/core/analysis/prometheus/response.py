"""What a Prometheus-compatible server answered to an instant query: one value, none, or the reason for neither.

Several series are never reduced to one of them: which one would be chance.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.core.analysis.codec import GREATEST, LARGEST_COUNT

MAX_TEXT: Final = 200


@dataclass(frozen=True)
class Value:
    """`at`: the time for which the server computed it, in epoch seconds."""

    value: float
    at: float


@dataclass(frozen=True)
class NoValue:
    """The server answered, and has nothing to say: mostly a canary without requests."""

    problem: str


@dataclass(frozen=True)
class Failure:
    """There is no answer that can be used."""

    problem: str


Answer = Value | NoValue | Failure


def answer(status: int, body: object) -> Answer:
    """Read a response of `/api/v1/query`: the HTTP status and the JSON, None if it is none."""
    if status in {401, 403}:
        return Failure(f"the server answered {status}: it wants another token, or another tenant")
    if not isinstance(body, Mapping) or body.get("status") not in ("success", "error"):
        return Failure(f"the server answered {status}, and not as Prometheus does")
    if body["status"] == "error" or status != 200:  # noqa: PLR2004
        return Failure(_short(f"the server answered {status}: {body.get('errorType')}: {body.get('error')}"))
    if warnings := body.get("warnings"):
        return Failure(_short(f"the server warned of its answer: {warnings[0] if isinstance(warnings, list) else ''}"))
    data = body.get("data")
    return _result(data) if isinstance(data, Mapping) else Failure("the server's answer has no data")


def _result(data: Mapping[str, Any]) -> Answer:
    kind, result = data.get("resultType"), data.get("result")
    if not isinstance(result, list):
        return Failure("the server's answer has no result")
    match kind:
        case "scalar":
            return _sample(result)
        case "vector" if not result:
            return NoValue("the query found no series")
        case "vector" if len(result) > 1:
            return Failure(f"the query found {len(result)} series, and must find one: aggregate them, such as by sum()")
        case "vector":
            return _sample(result[0].get("value") if isinstance(result[0], Mapping) else None)
        case _:
            return Failure(_short(f"the query gives a {kind}, and must give one number"))


def _sample(pair: object) -> Answer:
    """`[1763740800.123, "0.98"]`."""
    if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004
        return Failure("the query gives no plain number")
    at, text = pair
    try:
        value, when = float(text), float(at)
    except (TypeError, ValueError, OverflowError):
        return Failure("the query gives no plain number")
    if math.isnan(value):
        return NoValue("the query gives NaN, which is 0/0 where there were no requests")
    if not (abs(value) <= GREATEST and abs(when) <= LARGEST_COUNT):
        return Failure(_short(f"the query gives {text}, which is no measurement"))
    return Value(value, when)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"
