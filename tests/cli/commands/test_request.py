"""Requests by the command line: what is written for whom, and what the person reads. kubectl is a fake."""

import json

import pytest
import yaml

from cli.person import Object, Person
from linnet.api.kinds.request import RequestSpec
from samples import deployment, model_version, retrain_policy

UNDER_WAY = {"rollout": {"id": "r", "phase": "Stepping", "to": {"name": "tumor-risk-v7-0a", "version": 7}}}
HELD = {"stable": {"version": 6}, "held": "tumor-risk-v7-0a1b"}


def having(item: Object, status: Object) -> Object:
    return {**item, "status": status}


@pytest.fixture(name="jane")
def somebody(person: Person) -> Person:
    """A rollout of version 7 is under way, and the operator does what it is asked."""
    return person.sees(having(deployment(), UNDER_WAY), model_version(3), retrain_policy()).answered(
        "Accepted", "left step 2"
    )


@pytest.mark.parametrize(
    ("words", "verb", "target"),
    [
        ("promote tumor-risk", "promote", "v7"),
        ("promote tumor-risk --full", "promote-full", "v7"),
        ("abort mld/tumor-risk", "abort", "v7"),
        ("pause tumor-risk", "pause", "v7"),
        ("resume tumor-risk", "resume", "v7"),
        ("rollback tumor-risk", "rollback", "v7"),
        ("rollback tumor-risk --version v5", "rollback", "v5"),
        ("release tumor-risk", "release", "-"),
        ("release mv/tumor-risk-v3", "release", "-"),
        ("retry mv/tumor-risk-v3", "retry", "-"),
        ("quarantine tumor-risk-v3", "quarantine", "-"),
        ("run tumor-risk", "run", "-"),
    ],
)
def test_a_command_is_a_signed_request(jane: Person, words: str, verb: str, target: str) -> None:
    """It names the caller, and the version under way, so that it can't hit one that came in between."""
    said = jane.types(*words.split())
    spec = jane.asked()
    kind, name = spec["target"]["kind"], spec["target"]["name"]
    assert (spec["verb"], spec["user"]) == (verb, "jane o'neill")
    assert spec.get("version") == (int(target[1:]) if target != "-" else None)
    assert kind == ("RetrainPolicy" if verb == "run" else "ModelVersion" if name.endswith("-v3") else "Deployment")
    RequestSpec.model_validate(spec)
    assert said.code == 0, said.err
    assert said.out == f"{verb} {target}: Accepted: left step 2\n"


def test_retry_names_the_version_that_is_held(jane: Person) -> None:
    """At rest nothing is under way, but an aborted version waits."""
    jane.sees(having(deployment(), HELD)).types("retry", "tumor-risk")
    assert (jane.asked()["verb"], jane.asked()["version"]) == ("retry", 7)


def test_at_rest_a_rollback_is_to_the_former_version(jane: Person) -> None:
    """The operator knows which revision that is."""
    jane.sees(having(deployment(), {"stable": {"version": 6}})).types("rollback", "tumor-risk")
    assert jane.asked()["verb"] == "rollback"
    assert "version" not in jane.asked()


def test_a_reason_is_passed_on(jane: Person) -> None:
    """In whatever words."""
    jane.types("abort", "tumor-risk", "--reason", """it says "no", that's all""")
    assert jane.asked()["reason"] == """it says "no", that's all"""


def test_a_digest_names_a_version_too(jane: Person) -> None:
    """As it stands in Git."""
    jane.types("rollback", "tumor-risk", "--version", f"sha256:{'a' * 64}")
    assert jane.asked()["digest"] == f"sha256:{'a' * 64}"


def test_what_is_no_version_is_said_before_anything_is_asked(jane: Person) -> None:
    """With what to write."""
    said = jane.types("rollback", "tumor-risk", "--version", "latest")
    assert said.code == 2
    assert "write a number, such as 7 or v7, or a digest" in said.err
    assert jane.requests() == []


def test_every_request_has_a_name_of_its_own(jane: Person) -> None:
    """The API server makes it, so that no two are one."""
    jane.types("pause", "tumor-risk", "--no-wait")
    assert jane.requests()[-1]["metadata"] == {"generateName": "tumor-risk-pause-"}


def test_cluster_and_namespace_are_passed_on(jane: Person) -> None:
    """Every call of kubectl is about the same place."""
    jane.types("pause", "tumor-risk", "-n", "ml", "--context", "prod", "--kubeconfig", "/tmp/config")
    assert jane.calls()
    for call in jane.calls():
        assert call[:4] == ["-n", "ml", "--context", "prod"]
        assert call[-1] == "KUBECONFIG=/tmp/config"


def test_whatever_else_kubectl_takes_is_passed_on(jane: Person) -> None:
    """Who may act as somebody else does so in Linnet, too; flags may stand before the command, as kubectl's may."""
    jane.types("--as", "ann", "--as-group=a", "pause", "tumor-risk", "--as-group", "b", "--insecure-skip-tls-verify")
    assert jane.calls()
    for call in jane.calls():
        assert call[:4] == ["--as=ann", "--as-group=a", "--as-group=b", "--insecure-skip-tls-verify"]


def test_a_flag_without_a_value_takes_nothing_else_for_it(jane: Person) -> None:
    """As with a variable of the shell that is not set: kubectl says what is wrong."""
    jane.types("pause", "tumor-risk", "--as", "", "-n", "ml")
    assert jane.calls()
    assert all("--as=" in call for call in jane.calls())


def test_a_refusal_of_the_operator_is_an_error(jane: Person) -> None:
    """A script sees it by the exit code."""
    said = jane.answered("Refused", "it is not paused").types("resume", "tumor-risk")
    assert (said.code, said.out) == (1, "resume v7: Refused: it is not paused\n")


def test_a_refusal_by_admission_is_shown_as_it_came(jane: Person) -> None:
    """Its words name the way out."""
    words = 'Error from server: admission webhook: "jane" may not abort'
    said = jane.refused(words).types("abort", "tumor-risk")
    assert (said.code, said.out, said.err) == (1, "", words + "\n")


def test_without_an_answer_it_says_so(person: Person) -> None:
    """It does not wait for ever, and does not pretend."""
    said = person.sees(having(deployment(), UNDER_WAY)).types("abort", "tumor-risk", "--timeout", "0.2")
    assert said.code == 1
    assert "no answer to Request tumor-risk-abort-x7k2p within 0.2 s" in said.err


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_read_the_answer(jane: Person, form: str, read: object) -> None:
    """As it stands in the status."""
    assert callable(read)
    assert read(jane.types("abort", "tumor-risk", "-o", form).out)["outcome"] == "Accepted"


@pytest.mark.parametrize("words", ["abort", "abort mv/tumor-risk-v3", "quarantine mld/x", "nonsense", "get -o xml"])
def test_wrong_usage_asks_nothing(jane: Person, words: str) -> None:
    """Exit code 2, and no call of kubectl."""
    said = jane.types(*words.split())
    assert said.code == 2
    assert said.err
    assert jane.calls() == []


def test_what_is_not_there_is_said_in_kubectls_words(jane: Person) -> None:
    """Nothing is created."""
    said = jane.types("abort", "other")
    assert said.code == 1
    assert 'deployments.linnet.dev "other" not found' in said.err
    assert jane.requests() == []
