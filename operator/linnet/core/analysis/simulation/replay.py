"""A recorded decision is worked out again: the same counts must give the same verdict, by the code that judges now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.core.analysis import kinds
from linnet.core.analysis.verdict import Judgement, Shape, Verdict

ROUNDED: Final = 0.0006
"""A record rounds the statistic to three places."""
BITS_ROUNDED: Final = 1e-8
"""A record rounds what is in bits to nine places."""
COUNTS: Final = {
    "canaryRequests": "canary_n",
    "canaryBad": "canary_bad",
    "stableRequests": "stable_n",
    "stableBad": "stable_bad",
}
"""A recorded check's field → that of `Counts`."""
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Replayed:
    """A check was judged again: `now` is None where the record has no evidence, `differs` says what is not the same."""

    name: str
    recorded: str
    now: Judgement | None = None
    differs: tuple[str, ...] = ()


def decision(record: Json) -> list[Replayed]:
    """Judge each check of a decision as it is recorded, in its order."""
    return [_check(check, record) for check in record.get("checks") or () if isinstance(check, Mapping)]


def _check(check: Json, record: Json) -> Replayed:
    name, recorded = str(check.get("name")), str(check.get("verdict"))
    try:
        found = kinds.read(check)
        now = None if found is None else kinds.decide(found)
    except (ValueError, ArithmeticError, TypeError) as error:
        return Replayed(name, recorded, differs=(f"its evidence can't be judged: {error}",))
    return Replayed(name, recorded, now, () if now is None else tuple(_differences(check, now, record)))


def _differences(check: Json, now: Judgement, record: Json) -> Iterator[str]:
    recorded = check.get("verdict")
    if now.verdict != recorded:
        yield f"the verdict was {recorded}, and is {now.verdict}"
    for key, field in COUNTS.items():
        if int(check.get(key) or 0) != (found := getattr(now.counts, field)):
            yield f"{key} was {check.get(key) or 0}, and the sums have {found}"
    for key, number in (("statistic", now.statistic), ("bound", now.bound)):
        if key in check and abs(float(check[key]) - number) > ROUNDED:
            yield f"the {key} was {check[key]}, and is {number:.3f}"
    yield from _other_shape(check.get("predictions") or {}, now.shape)
    blamed = record.get("decision") == "RolledBack" and record.get("by") == "analysis"
    if blamed and record.get("reason") == now.check and now.verdict is not Verdict.FAIL:
        yield f"it was rolled back for {now.check}, whose verdict is {now.verdict}"


def _other_shape(recorded: Json, now: Shape | None) -> Iterator[str]:
    """What differs in the divergence of answers that were compared."""
    for key, number in (("divergence", now.divergence), ("error", now.error)) if now is not None else ():
        if key in recorded and abs(float(recorded[key]) - number) > BITS_ROUNDED:
            yield f"the {key} was {recorded[key]}, and is {number:.9f}"
