"""The report: one HTML file that needs no network, made of the run's own data. Pure, but for its template's files.

`template/` holds the template, its style and its script; they are put into one file with the data as JSON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.episodes.curves import Curve
from demo.episodes.results import SLOW_MS, Episode
from demo.evidence.facts import Fact
from demo.evidence.ledger import Accounted

WHOLE = 100
TEMPLATE = Path(__file__).parent / "template"
TOLD = frozenset(
    {"validation", "started", "phase", "weight", "routing", "decision", "quarantine", "run", "ended", "ready"}
)
"""Facts that the report lists."""


def page(
    summary: Mapping[str, Any],
    told: Sequence[Episode],
    rows: Sequence[Accounted],
    facts: Sequence[Fact],
    began: float,
    drawn: Sequence[Curve],
) -> str:
    """The whole file. `began`: the time that the report counts from."""
    data = {
        "summary": summary,
        "episodes": [_episode(e, began) for e in told],
        "traffic": traffic(rows, began),
        "failures": [_failure(r, began) for r in rows if r.failure],
        "weights": weights(facts, began),
        "facts": [_fact(f, began) for f in facts if f.topic in TOLD],
        "curves": [{"version": c.version, "check": c.check, "points": c.points} for c in drawn],
        "slowMs": SLOW_MS,
    }
    text = (TEMPLATE / "report.html").read_text()
    text = text.replace("/*STYLE*/", (TEMPLATE / "report.css").read_text())
    text = text.replace("/*SCRIPT*/", (TEMPLATE / "report.js").read_text())
    return text.replace("/*DATA*/", embedded(data))


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element, whatever a message of the cluster holds."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def traffic(rows: Iterable[Accounted], began: float) -> dict[str, Any]:
    """Per second: answers by version, slow ones by version, failures, planted or not."""
    seconds: dict[int, dict[str, dict[str, int]]] = {}
    for row in rows:
        cell = seconds.setdefault(int(row.request.end - began), {"answers": {}, "slow": {}, "failed": {}})
        version = f"v{row.version}" if row.version is not None else "?"
        if row.failure:
            _add(cell["failed"], "planted" if row.planted else "unexpected")
        else:
            _add(cell["answers"], version)
            if row.request.ms > SLOW_MS:
                _add(cell["slow"], version)
    first, last = min(seconds, default=0), max(seconds, default=-1)
    empty: dict[str, dict[str, int]] = {"answers": {}, "slow": {}, "failed": {}}
    return {"from": first, "seconds": [seconds.get(s, empty) for s in range(first, last + 1)]}


def _add(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def weights(facts: Iterable[Fact], began: float) -> list[list[dict[str, Any]]]:
    """For each rollout the canary's weight in percent whenever it changed, until one version serves alone."""
    found: list[list[dict[str, Any]]] = []
    for fact in facts:
        at = round(fact.at - began, 2)
        if fact.topic == "started":
            found.append([])
        elif found and fact.topic == "weight":
            found[-1].append({"at": at, "percent": fact.data["real"]})
        elif found and fact.topic == "routing" and fact.data["alone"] is not None and found[-1]:
            promoted = found[-1][-1]["percent"] == WHOLE
            found[-1].append({"at": at, "percent": WHOLE if promoted else 0})
    return [steps for steps in found if any(step["percent"] for step in steps)]


def _episode(e: Episode, began: float) -> dict[str, Any]:
    times = {}
    if e.rollout is not None:
        named = {n: getattr(e.rollout, n) for n in ("started", "traffic", "decided", "routed", "ended")}
        times = {n: round(at - began, 2) for n, at in named.items() if at is not None}
    span = {"from": round(e.act.began - began, 2), "to": round(e.act.ended - began, 2)}
    return {**e.wire(), "title": e.act.expected.title, **span, "times": times}


def _failure(row: Accounted, began: float) -> dict[str, Any]:
    at = round(row.request.end - began, 2)
    return {"at": at, "cause": row.failure, "planted": row.planted, "version": row.version}


def _fact(fact: Fact, began: float) -> dict[str, Any]:
    return {"at": round(fact.at - began, 2), "topic": fact.topic, "text": fact.text, "version": fact.version}
