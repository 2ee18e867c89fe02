"""A recorded decision, worked out again: the same counts must give the same verdict, by the code that judges now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from linnet.core.analysis import records
from linnet.core.analysis.counts import judge as counts
from linnet.core.analysis.counts.record import Counted
from linnet.core.analysis.pod_health import judge as pod_health
from linnet.core.analysis.pod_health.record import Pods
from linnet.core.analysis.predictions import judge as predictions
from linnet.core.analysis.predictions.record import Compared
from linnet.core.analysis.prometheus import judge as prometheus
from linnet.core.analysis.prometheus.record import Asked
from linnet.core.analysis.verdict import Judgement, Shape, Verdict

ROUNDED: Final = 0.0006
"""A record rounds the statistic to three places."""
BITS_ROUNDED: Final = 1e-8
"""And what is in bits to nine."""
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
    """One check of a decision. `now` is None where the record has no evidence; `differs` says what is not the same."""

    name: str
    recorded: str
    now: Judgement | None = None
    differs: tuple[str, ...] = ()


def decision(record: Json) -> list[Replayed]:
    """Each check of a decision as it is recorded, in its order."""
    return [_check(check, record) for check in record.get("checks") or ()]


def _check(check: Json, record: Json) -> Replayed:
    name, said = str(check.get("name")), str(check.get("verdict"))
    try:
        found = records.read(check)
        now = None if found is None else again(found)
    except (ValueError, ArithmeticError, TypeError) as error:
        return Replayed(name, said, differs=(f"its evidence can't be judged: {error}",))
    return Replayed(name, said, now, () if now is None else tuple(_differences(check, now, record)))


def again(found: records.Basis) -> Judgement:
    """The verdict from its basis."""
    match found:
        case Counted():
            return counts.weighed(found)
        case Asked():
            return prometheus.weighed(found)
        case Compared():
            return predictions.weighed(found)
        case Pods():
            return pod_health.weighed(found)
        case _:
            assert_never(found)


def _differences(check: Json, now: Judgement, record: Json) -> Iterator[str]:
    said = check.get("verdict")
    if now.verdict != said:
        yield f"the verdict was {said}, and is {now.verdict}"
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


def _other_shape(said: Json, now: Shape | None) -> Iterator[str]:
    """Of answers that were compared."""
    for key, number in (("divergence", now.divergence), ("error", now.error)) if now is not None else ():
        if key in said and abs(float(said[key]) - number) > BITS_ROUNDED:
            yield f"the {key} was {said[key]}, and is {number:.9f}"
