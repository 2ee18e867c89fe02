"""The log's decision lines, as they are written, against their published schema."""

import io
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
import pytest

from cli import rollouts
from control_plane import REPO
from linnet.adapters.telemetry.journal import Journal
from linnet.adapters.telemetry.logs import JsonFormatter
from linnet.core.analysis.prometheus.response import Value
from linnet.core.analysis.simulation.replay import decision
from linnet.core.plan import Log, Ref
from simulator import Cluster

pytestmark = pytest.mark.rollouts
SCHEMA = json.loads((REPO / "docs/reference/decision.schema.json").read_text())
KEEPER = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def written(*logs: Log) -> list[dict[str, Any]]:
    """What the operator's standard error has of them."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("linnet.journal")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        journal = Journal(None, "linnet-0", lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda *_: None)  # type: ignore[arg-type]
        for log in logs:
            journal.log(Ref("Deployment", "ml", "tumor-risk"), log)
    finally:
        logger.removeHandler(handler)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@cache
def lines(story: Callable[[], Cluster]) -> list[dict[str, Any]]:
    return written(*(log for log in story().logs if log.event == "decision"))


def aborted() -> Cluster:
    return rollouts.sharing().ask("abort v2 id jane").run(60, until=lambda c: c.phase == "AtRest")


def by_query() -> Cluster:
    return rollouts.asking(Value(0.42, 0.0)).run(120, until=lambda c: c.version_status(2).quarantine is not None)


STORIES = [rollouts.promoted, rollouts.rolled_back, rollouts.answering_otherwise, by_query]


@pytest.mark.parametrize("story", [*STORIES, aborted])
def test_every_line_is_as_the_schema_says(story: Any) -> None:
    """Whatever was decided; and no line has a field that the schema does not name."""
    found = lines(story)
    assert len(found) >= 2
    for line in found:
        KEEPER.validate(line)
        assert set(line) <= set(SCHEMA["properties"])
        for check in line.get("checks", ()):
            known = SCHEMA["properties"]["checks"]["items"]["properties"]
            assert set(check) <= set(known)
            assert set(check.get("evidence", ())) <= set(known["evidence"]["properties"])


@pytest.mark.parametrize("story", STORIES)
def test_every_line_gives_the_same_verdict_again(story: Any) -> None:
    """Same evidence, same verdict: of each check that can decide."""
    judged = 0
    for line in lines(story):
        for check in decision(line):
            assert check.differs == ()
            assert check.now is not None
            judged += 1
    assert judged


def test_the_message_is_the_sentence() -> None:
    """Not the event's name, which has a field of its own."""
    line = lines(rollouts.rolled_back)[-1]
    assert line["event"] == "decision"
    assert "the canary is worse than stable" in line["message"]


@pytest.mark.parametrize(("field", "value"), [("decision", "a guess"), ("by", None), ("time", 7), ("checks", [{}])])
def test_the_schema_refuses(field: str, value: object) -> None:
    """It says something."""
    line = {**lines(rollouts.promoted)[0], field: value}
    with pytest.raises(jsonschema.ValidationError):
        KEEPER.validate(line)
