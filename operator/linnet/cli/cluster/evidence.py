"""Reads what a rollout under way has counted, from the ConfigMap in which the operator keeps it every half minute."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from linnet.cli.cluster.deployments import DeploymentTree
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import name, parse
from linnet.cli.cluster.processes import CommandError
from linnet.core.analysis import evidence, kinds
from linnet.core.analysis.checks import Policy, PredictionCheck
from linnet.core.analysis.counts.evidence import CountEvidence
from linnet.core.analysis.counts.judge import judge_all
from linnet.core.analysis.metrics.pace import missed_before
from linnet.core.analysis.simulation.replay import COUNTS
from linnet.core.analysis.verdict import Judgement, Look, Verdict
from linnet.core.rollout.judging import seal
from linnet.foreign.text import clean_document, printable

Json = dict[str, Any]
_LEAST: Final = 0.0005
"""Below this a record has 0: there is no evidence to speak of."""
_NUMBERS: Final = ("alpha", "detect_ratio", "detect_power")
_ANSWERS: Final = PredictionCheck("", 0.0, ())
"""A check of predictions has its part of alpha; it is not judged here."""


class UnreadableError(Exception):
    """Nobody can say what was counted; the message says why."""


@dataclass(frozen=True)
class Counted:
    """What was counted until `at`: each check as a decision would record it; `missed` intervals were left out."""

    at: datetime
    checks: list[Json]
    missed: int


async def checks(kubectl: Kubectl, tree: DeploymentTree) -> Counted:
    """Returns what was counted until the operator wrote it down last; verdicts are the operator's own.

    UnreadableError where the ConfigMap can't be read or is another rollout's.
    """
    place = f"{name(tree.deployment)}-evidence"
    try:
        data = (await kubectl.get_exactly("configmaps", place)).get("data") or {}
    except CommandError as error:
        raise UnreadableError(f"what was counted so far lies in the ConfigMap {place}: {error.output}") from error
    if data.get("rollout") != tree.rollout["id"]:
        raise UnreadableError(f"nothing was counted yet (ConfigMap {place})")
    sealed = seal.read_back(tree.rollout, data).data
    if sealed is None:
        raise UnreadableError(f"the ConfigMap {place} was written at this moment (then ask again), or not by Linnet")
    try:
        known = evidence.restored(sealed).counts
        if known.folded_at is None:
            raise UnreadableError(f"nothing was counted yet (ConfigMap {place})")
        found = clean_document(list(_with_counts(known, parse(tree.rollout.get("rules") or "{}"), tree)))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableError(f"the ConfigMap {place} can't be read by this release: {printable(error)}") from error
    return Counted(_folded(known), found, missed_before(sealed))


def _with_counts(known: CountEvidence, rules: Mapping[str, Any], tree: DeploymentTree) -> Iterator[Json]:
    judged = {j.check: j for j in _judgements(known, rules)}
    for check in tree.rollout.get("checks") or ():
        found = judged.get(check["name"])
        yield check if found is None else {**_counts(found), **check, "message": _message(found, check)}


def _message(found: Judgement, check: Mapping[str, Any]) -> str:
    """The judge's words, where it comes to the operator's verdict; it does not know how long the step lasts."""
    if check.get("message"):
        return str(check["message"])
    if found.verdict == check["verdict"]:
        return found.message
    waits = found.verdict is Verdict.PASS and check["verdict"] == Verdict.INSUFFICIENT_DATA
    return "no breach so far, and its time is not over" if waits else ""


def _judgements(known: CountEvidence, rules: Mapping[str, Any]) -> list[Judgement]:
    """Judges by the rules with which the rollout began, at the time of the last look."""
    judged = rules.get("judged") or {}
    numbers: Json = {number: float(judged[number]) for number in _NUMBERS if number in judged}
    policy = Policy(known.checks, **numbers, resemblance=_ANSWERS if judged.get("resemblance") else None)
    none = timedelta(0)
    return list(judge_all(policy, known, Look(none, none, _folded(known))))


def _folded(known: CountEvidence) -> datetime:
    return datetime.fromtimestamp(known.folded_at or 0, UTC)


def _counts(judgement: Judgement) -> Json:
    counts = asdict(judgement.counts)
    kept = {"evidence": kinds.record(judgement.basis)} if judgement.basis is not None else {}
    statistic = round(judgement.statistic, 3) if judgement.statistic > _LEAST else 0.0
    return {
        **{key: counts[field] for key, field in COUNTS.items()},
        "statistic": statistic,
        "bound": round(judgement.bound, 3),
        **kept,
    }
