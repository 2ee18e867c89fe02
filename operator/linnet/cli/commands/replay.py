"""`kubectl linnet simulate --replay`: recorded decisions worked out again, from the cluster, a file or the log."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.objects import RESOURCES, each, parse_exactly
from linnet.cli.cluster.processes import CommandError
from linnet.cli.console import FAILED, OK, Console, FailedError
from linnet.cli.views.tree import Paint
from linnet.core.analysis.simulation import replay
from linnet.core.analysis.simulation.replay import Replayed
from linnet.core.analysis.verdict import Judgement
from linnet.foreign.text import clean_document

Json = Mapping[str, Any]
_WAY_OUT: Final = (
    "the newest decisions of a ModelVersion keep it, and the operator's log has it of all: docs/reference/log.md"
)


@dataclass(frozen=True)
class ReplayedDecision:
    """A recorded decision, with what each of its checks comes to now."""

    decision: Json
    checks: tuple[Replayed, ...]

    @property
    def judged(self) -> int:
        return sum(check.now is not None for check in self.checks)

    @property
    def differs(self) -> bool:
        return any(check.differs for check in self.checks)

    def wire(self) -> dict[str, Any]:
        checks = [{"name": c.name, "recorded": c.recorded, **_now(c), "differs": list(c.differs)} for c in self.checks]
        return {"id": self.decision.get("id"), "decision": self.decision.get("decision"), "checks": checks}


def _now(check: Replayed) -> dict[str, Any]:
    if check.now is None:
        return {}
    shape = check.now.shape
    compared = {"divergence": shape.divergence, "maxDivergence": shape.max} if shape is not None else {}
    weight = {"statistic": check.now.statistic, "bound": check.now.bound}
    return {"verdict": str(check.now.verdict), **weight, **compared}


def run(place: str, output: str | None, console: Console) -> int:
    """Returns exit code 1 if a verdict is another one now. FailedError where there is nothing to work out again."""
    recorded = [d for d in _decisions(place, console.kubectl) if isinstance(d, Mapping) and d.get("checks")]
    decisions, lost = each("decision", recorded, lambda d: ReplayedDecision(d, tuple(replay.decision(d))))
    console.warn(*lost)
    if not any(d.judged or d.differs for d in decisions):
        raise FailedError(f"{place}: no decision with the evidence of its checks: {_WAY_OUT}")
    if output:
        console.show([d.wire() for d in decisions], output)
    else:
        for replayed in decisions:
            console.say(*_lines(replayed, console.paint))
        console.say(_summary(decisions))
    return FAILED if any(d.differs for d in decisions) else OK


def _summary(decisions: list[ReplayedDecision]) -> str:
    """A sentence on all checks that could be judged."""
    judged, wrong = sum(d.judged for d in decisions), sum(bool(c.differs) for d in decisions for c in d.checks)
    if wrong:
        return f"{wrong} of {judged or wrong} verdicts differ from the record"
    return f"same verdict: {judged} of {judged} checks come out as recorded"


def _lines(replayed: ReplayedDecision, paint: Paint) -> Iterator[str]:
    of = replayed.decision
    yield f"{of.get('decision')} by {of.get('by')} at {of.get('time')}: {of.get('reason', '')} ({of.get('id')})"
    for check in replayed.checks:
        if check.differs:
            yield from (f"  {check.name}: {paint('differs', 'red')}: {what}" for what in check.differs)
        elif check.now is None:
            yield f"  {check.name}: {check.recorded}: not judged again, the record has no evidence for it"
        else:
            same = [paint("same verdict", "green"), *_evidence(check.now)]
            yield f"  {check.name}: {check.recorded}: {', '.join(same)}"


def _evidence(now: Judgement) -> Iterator[str]:
    """Phrases on what the verdict rests on, where it rests on numbers."""
    if now.bound:
        yield f"evidence {now.statistic:.3f} of {now.bound:.3f}"
    if now.shape is not None:
        yield f"divergence {now.shape.divergence:.4f}, at most {now.shape.max:g} allowed"


def _decisions(place: str, kubectl: Kubectl) -> list[Json]:
    """The decisions of a file (`-`: standard input), or of a ModelVersion in the cluster where no such file is."""
    if place == "-" or Path(place).is_file():
        text = sys.stdin.read() if place == "-" else Path(place).read_text(errors="replace")
        return list(_recorded_decisions(_documents(text)))
    return list(_recorded_decisions([asyncio.run(kubectl.get(RESOURCES["mv"], place.removeprefix("mv/")))]))


def _documents(text: str) -> Iterator[Any]:
    """Yields one JSON document, YAML ones, or a JSON document a line, as a log has them; other lines are no record."""
    try:
        whole = _json(text)
    except ValueError:
        yield from list(_log_lines(text)) or _yaml(text)
    else:
        yield whole


def _json(text: str) -> Any:
    """The JSON value, ValueError if it is none. Of a list what is nested without end costs itself alone."""
    try:
        return json.loads(text)
    except RecursionError:
        with suppress(CommandError):
            return parse_exactly(text)
        raise FailedError("it is nested too deeply to be a record") from None


def _log_lines(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        try:
            document = json.loads(line[max(0, line.find("{")) :])
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document


def _yaml(text: str) -> Iterator[Any]:
    import yaml

    try:
        yield from yaml.safe_load_all(text)
    except RecursionError as error:
        raise FailedError("it is nested too deeply to be a record") from error
    except yaml.YAMLError as error:
        raise FailedError(f"neither JSON nor YAML: {' '.join(str(error).split())}") from error


def _recorded_decisions(documents: Any) -> Iterator[Json]:
    """Yields the decisions in a ModelVersion, a List, the output of `history -o json`, or lines of the log."""
    for document in documents:
        if isinstance(document, list):
            yield from _recorded_decisions(document)
        elif not isinstance(document, dict):
            continue
        elif "items" in document:
            yield from _recorded_decisions(document["items"])
        elif "decision" in document:
            yield dict(clean_document(document))
        elif isinstance(status := document.get("status"), dict):
            yield from clean_document(status.get("decisions") or ())
