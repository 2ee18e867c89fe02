"""What `kubectl linnet simulate --replay` says of records: in the cluster, in files, in the log."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import yaml

from cli import rollouts
from cli.person import Object, Person
from samples import model_version
from simulator import Behavior, Cluster

pytestmark = pytest.mark.rollouts


@cache
def text() -> str:
    return json.dumps(rollouts.objects(rollouts.rolled_back()))


def failed() -> list[Object]:
    """The objects after a rollback."""
    return list(json.loads(text()))


def version() -> Object:
    return next(o for o in failed() if o["metadata"]["name"] == "tumor-risk-v2")


@pytest.mark.parametrize("name", ["tumor-risk-v2", "mv/tumor-risk-v2"])
def test_a_version_in_the_cluster_is_judged_again(person: Person, name: str) -> None:
    """The verdicts and the evidence are those of the record."""
    said = person.sees(*failed()).types("simulate", "--replay", name)
    assert said.code == 0, said.out + said.err
    assert "RolledBack by analysis at 2026-01-01T" in said.out
    assert "errors: Fail: same verdict, evidence 7." in said.out
    assert "pod-health: Pass: same verdict\n" in said.out
    assert said.out.splitlines()[-1] == "same verdict: 3 of 3 checks come out as recorded"


def oom_killed() -> Cluster:
    behavior = Behavior(oom_after=timedelta(seconds=10))
    made = rollouts.serving().publish(2, behavior)
    return made.run(300, until=lambda c: c.version_status(2).quarantine is not None)


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (rollouts.answering_otherwise, "answers: Fail: same verdict, evidence "),
        (oom_killed, "pod-health: Fail: same verdict\n"),
    ],
)
def test_a_rollback_by_answers_or_by_pods_is_judged_again(
    person: Person, story: Callable[[], Cluster], told: str
) -> None:
    """From what the ModelVersion has of it alone."""
    said = person.sees(*rollouts.objects(story())).types("simulate", "--replay", "tumor-risk-v2")
    assert said.code == 0, said.out + said.err
    assert "RolledBack by analysis at " in said.out
    assert told in said.out
    assert "not judged again" not in said.out


def test_a_record_of_an_earlier_release_is_told_to_have_less(person: Person) -> None:
    """It kept no evidence of the pods' health, and the others are judged."""
    earlier = version()
    del earlier["status"]["decisions"][-1]["checks"][-1]["evidence"]
    said = person.sees(earlier).types("simulate", "--replay", "tumor-risk-v2")
    assert said.code == 0
    assert "pod-health: Pass: not judged again, the record has no evidence for it" in said.out
    assert said.out.endswith("same verdict: 2 of 2 checks come out as recorded\n")


def as_log() -> str:
    decision = version()["status"]["decisions"][-1]
    line = {"time": "2026-01-01T00:00:00.000Z", "event": "decision", "object": "Deployment/ml/tumor-risk", **decision}
    return "starting\npod/linnet-0 " + json.dumps(line) + "\n" + json.dumps({"event": "verdict"}) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        as_log,
        lambda: json.dumps(version(), indent=2),
        lambda: yaml.safe_dump(version()),
        lambda: json.dumps({"kind": "List", "items": [version()]}),
        lambda: json.dumps(version()["status"]["decisions"]),
    ],
    ids=["log", "json", "yaml", "list", "history"],
)
def test_a_file_is_judged_again(person: Person, content: Callable[[], str]) -> None:
    """Lines of the operator's log among others, or what kubectl and `history` print."""
    file = person.folder / "record"
    file.write_text(content())
    said = person.types("simulate", "--replay", str(file))
    assert said.code == 0, said.out + said.err
    assert "same verdict: 3 of 3 checks come out as recorded" in said.out
    assert person.calls() == []


def test_a_record_that_was_changed_is_told(person: Person) -> None:
    """With what differs, and exit code 1."""
    changed = version()
    changed["status"]["decisions"][-1]["checks"][0]["canaryBad"] = 1
    said = person.sees(changed).types("simulate", "--replay", "tumor-risk-v2")
    assert said.code == 1
    assert "errors: differs: canaryBad was 1, and the sums have" in said.out
    assert said.out.endswith("1 of 3 verdicts differ from the record\n")


def test_programs_read_what_came_out(person: Person) -> None:
    """Verdict and evidence of now beside those recorded."""
    said = person.sees(*failed()).types("simulate", "--replay", "tumor-risk-v2", "-o", "json")
    checks: list[Any] = json.loads(said.out)[-1]["checks"]
    assert (checks[0]["recorded"], checks[0]["verdict"], checks[0]["differs"]) == ("Fail", "Fail", [])


def test_without_evidence_there_is_nothing_to_judge(person: Person) -> None:
    """It says where the evidence is."""
    said = person.sees(model_version(3)).types("simulate", "--replay", "tumor-risk-v3")
    assert said.code == 1
    assert "no decision with the evidence of its checks" in said.err
    file = person.folder / "empty"
    file.write_text("nothing: [")
    assert "neither JSON nor YAML" in person.types("simulate", "--replay", str(file)).err


def test_what_is_nested_too_deeply_is_no_record(person: Person) -> None:
    """A sentence, and no traceback."""
    file = person.folder / "record"
    file.write_text("[" * 100_000)
    ended = person.types("simulate", "--replay", str(file))
    assert ended.code == 1
    assert "nested too deeply" in ended.err


def test_neither_rate_nor_record_is_wrong_usage(person: Person) -> None:
    """Exit code 2, with an example."""
    said = person.types("simulate")
    assert said.code == 2
    assert "--rate 10/s" in said.err
