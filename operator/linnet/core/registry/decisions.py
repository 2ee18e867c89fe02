"""What is kept of a decision: a record on the ModelVersion, a JSON line in the log, and a quarantine if it failed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Final, Literal

from linnet.api.kinds.model_version import (
    CheckEvidence,
    CheckResult,
    ClassResult,
    Decision,
    PredictionsResult,
    SliceResult,
)
from linnet.api.parts.conditions import timestamp
from linnet.core.analysis import kinds
from linnet.core.analysis.verdict import Judgement, Shape
from linnet.core.plan import Log
from linnet.core.requests.waiting import Request
from linnet.foreign.text import printable

MOST_WHOLE: Final = 8
"""Decisions on a ModelVersion that keep what they were worked out from."""
MANY_CHECKS: Final = 16
"""So many checks a decision has without slices: an object has room for that many of each decision."""


def by_request(request: Request, kind: Literal["Quarantined", "Released"], deployment: str, now: datetime) -> Decision:
    """A person's word about a version, outside any rollout. Its id is the request's, so that it is recorded once."""
    time = timestamp(now)
    return Decision(
        id=f"{request.verb}-{request.uid}"[:64],
        deployment=deployment,
        decision=kind,
        by=request.user,
        reason=request.verb.capitalize(),
        message=request.sentence(f"{kind.lower()} it"),
        time=time,
    )


def logged(decision: Decision, digest: str | None, judgements: Iterable[Judgement] = (), **about: str) -> Log:
    """The JSON line, with the whole evidence of the judgements; `about` names the rollout, if there is one."""
    known = {"digest": digest} if digest is not None else {}
    whole = {j.check: kinds.record(j.basis) for j in judgements if j.basis is not None}
    fields = decision.wire()
    for check in fields.get("checks", ()):
        if check["name"] in whole:
            check["evidence"] = whole[check["name"]]
    return Log("decision", {**about, **known, **fields})


def kept(decisions: Sequence[Decision], most: int) -> list[Decision]:
    """The newest, the last few of them with what they were worked out from: an object has bounds."""
    newest = _within(list(decisions)[-most:], most * (MANY_CHECKS + 1))
    bare = len(newest) - len(_within(newest[-MOST_WHOLE:], MOST_WHOLE * (MANY_CHECKS + 1)))
    return [*(without_evidence(d) for d in newest[:bare]), *newest[bare:]]


def _within(decisions: Sequence[Decision], checks: int) -> list[Decision]:
    """The newest of them that have no more than so many checks together."""
    room = list(accumulate(len(d.checks or ()) for d in reversed(decisions)))
    return list(decisions)[len(decisions) - sum(taken <= checks for taken in room) :]


def without_evidence(decision: Decision) -> Decision:
    """The decision with the counts of its checks, and without what they were worked out from."""
    checks = [c.model_copy(update={"evidence": None}) for c in decision.checks or ()]
    return decision.model_copy(update={"checks": checks or None})


def results(judgements: Sequence[Judgement]) -> list[CheckResult]:
    """What a ModelVersion keeps of each: many of them keep fewer shares of the traffic."""
    most = kinds.MOST_SHARES * MANY_CHECKS // max(MANY_CHECKS, len(judgements))
    return [_result(judgement, most) for judgement in judgements]


def _result(judgement: Judgement, most: int) -> CheckResult:
    counts, query = judgement.counts, judgement.query
    return CheckResult(
        name=judgement.check,
        slice=_slice(judgement),
        verdict=judgement.verdict,
        canary_requests=counts.canary_n,
        canary_bad=counts.canary_bad,
        stable_requests=counts.stable_n,
        stable_bad=counts.stable_bad,
        statistic=_quantity(judgement.statistic),
        bound=_quantity(judgement.bound),
        query=query.query if query else None,
        value=_measured(query.value) if query else None,
        min=_measured(query.min) if query else None,
        max=_measured(query.max) if query else None,
        predictions=_compared(judgement.shape) if judgement.shape else None,
        message=printable(judgement.message, 512),
        evidence=_evidence(judgement, most),
    )


def _slice(judgement: Judgement) -> SliceResult | None:
    found = judgement.basis.slice if judgement.basis is not None else None
    return SliceResult(label=found.label, value=found.value) if found is not None else None


def _evidence(judgement: Judgement, most: int) -> CheckEvidence | None:
    if judgement.basis is None:
        return None
    return CheckEvidence.model_validate(kinds.record(judgement.basis, most))


def _compared(shape: Shape) -> PredictionsResult:
    classes = [ClassResult(name=printable(c.name, 80), canary=c.canary, stable=c.stable) for c in shape.classes]
    return PredictionsResult(
        divergence=_measured(shape.divergence),
        error=_measured(shape.error),
        max=_measured(shape.max),
        classes=classes or None,
    )


def _measured(number: float | None) -> Decimal | None:
    """Nine places; None where there is none, or a quantity can't say it."""
    return round(Decimal(number), 9) if number is not None and abs(number) < 10**15 else None


def _quantity(number: float) -> Decimal | None:
    """Three places; None where a quantity can't say it (below zero, infinite)."""
    return round(Decimal(number), 3) if 0 <= number < 10**9 else None
