"""What `kubectl linnet history` and `explain` tell of whole rollouts."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cli import rollouts
from cli.person import Person
from linnet.core.analysis.prometheus.response import Failure, Value
from linnet.core.rollout.judging import seal
from samples import changed, model_version
from simulator import Behavior

pytestmark = pytest.mark.rollouts


def test_history_is_newest_first(person: Person) -> None:
    """Of a Deployment or a Model, with who decided and why."""
    person.sees(*rollouts.objects(rollouts.promoted().run(120).publish(3, rollouts.FAILING).run(300)))
    for name in ("tumor-risk", "mld/tumor-risk", "mdl/tumor-risk"):
        said = person.types("history", name)
        words = [re.split(r" {3,}", line)[1:6] for line in said.out.splitlines()]
        assert words[0] == ["VERSION", "DECISION", "BY", "DEPLOYMENT", "REASON"]
        assert words[1] == ["v3", "RolledBack", "analysis", "tumor-risk", "errors"]
        assert words[2][:3] == ["v2", "Promoted", "analysis"]


def test_decisions_elsewhere_are_not_this_deployments(person: Person) -> None:
    """A person's quarantine holds wherever the version is; another Deployment's rollout does not concern this one."""
    by_hand = {"id": "a", "deployment": "", "decision": "Quarantined", "by": "jane", "time": "2026-01-02T00:00:00Z"}
    elsewhere = {**by_hand, "id": "b", "deployment": "other", "decision": "Promoted"}
    version = changed(model_version(9), "status.decisions", [by_hand, elsewhere])
    person.sees(*rollouts.objects(rollouts.serving()), version)
    assert [d["id"] for d in json.loads(person.types("history", "tumor-risk", "-o", "json").out)] == ["a"]
    assert [d["id"] for d in json.loads(person.types("history", "mdl/tumor-risk", "-o", "json").out)] == ["b", "a"]


def test_a_rollback_is_explained_by_its_counts(person: Person) -> None:
    """Who, when, for what, and how far the evidence went beyond the bound."""
    said = person.sees(*rollouts.objects(rollouts.rolled_back())).types("explain", "tumor-risk")
    assert said.code == 0
    assert "Quarantined: rolled back (errors)" in said.out
    assert re.search(r"version 2 was rolled back by analysis at 2026-01-01T00:\S+: errors", said.out)
    assert "errors: Fail: the canary is worse than stable\n" in said.out
    assert "bound    not above stable's rate; less than 0.2 % above stable never rolls back" in said.out
    assert re.search(r"canary   █+▓+▒+ \d+ of \d+ bad, 3\d\.\d\d% \([\d.]+ % to [\d.]+ %\)", said.out)
    assert re.search(r"stable   ▒+░+ 0 of \d+ bad, 0\.00% \(0 % to", said.out)
    assert re.search(r"evidence █+┃█+ \S+ of 5\.298: refuted; a good version gets there once in 200 rollouts", said.out)
    assert re.search(r"revision tumor-risk-v2-\w+, policy [0-9a-f]{16}", said.out)


def test_a_rollback_for_one_slice_names_it(person: Person) -> None:
    """In the history, and with its own counts."""
    bad = rollouts.sliced(Behavior(errors_in={"at": 0.6}))
    cluster = bad.run(300, until=lambda c: c.version_status(2).quarantine is not None)
    person.sees(*rollouts.objects(cluster.run(30)))
    assert "errors[country=at]" in person.types("history", "tumor-risk").out
    out = person.types("explain", "tumor-risk").out
    assert re.search(r"version 2 was rolled back by analysis at \S+: errors\[country=at\]", out)
    assert "errors[country=at]: Fail: the canary is worse than stable\n" in out
    assert "errors[country=de]: " in out
    again = person.types("simulate", "--replay", "tumor-risk-v2")
    assert again.code == 0, again.out
    assert "errors[country=at]: Fail: same verdict, evidence " in again.out


def test_slices_under_way_are_told_together_and_each_with_its_counts(person: Person) -> None:
    """The tree has a line, the explanation a place for each."""
    cluster = rollouts.sliced(Behavior()).run(60, until=lambda c: c.phase == "Stepping").run(6)
    person.sees(*rollouts.objects(cluster))
    assert "errors[country=de|fr|at]: InsufficientData" in person.types("get").out
    out = person.types("explain", "tumor-risk").out
    assert re.search(r"errors\[country=at\]: InsufficientData: .* more canary requests with country=at are", out)


def test_other_answers_are_explained_by_both_distributions(person: Person) -> None:
    """Class by class, the divergence with its error, and how far the evidence went."""
    said = person.sees(*rollouts.objects(rollouts.answering_otherwise())).types("explain", "tumor-risk")
    assert re.search(r"≤0\.5 +canary   [█░]{40} \d+, 4\d\.\d\d%\n +stable   [█░]{40} [\d,]+, 9\d\.\d\d%", said.out)
    assert re.search(r"divergence 0\.\d{4} ± 0\.\d{4} bits, at most 0\.02 allowed", said.out)
    assert "refuted; a good version gets there once in 100 rollouts" in said.out


def test_a_query_is_explained_by_value_and_bound(person: Person) -> None:
    """Of what the platform's Prometheus said; while it is away, by the cause."""
    failed = rollouts.asking(Value(0.42, 0.0)).run(120, until=lambda c: c.version_status(2).quarantine is not None)
    said = person.sees(*rollouts.objects(failed)).types("explain", "tumor-risk")
    assert "query http-success = 0.42, at least 0.99" in said.out
    assert "3 such answers in succession" in said.out
    waits = rollouts.asking(Failure("the server can't be reached: Connection refused")).run(60)
    said = person.sees(*rollouts.objects(waits)).types("explain", "tumor-risk")
    assert "slo: Error: the server can't be reached: Connection refused" in said.out


def test_a_wait_is_explained_by_its_verdicts(person: Person) -> None:
    """Without a word of former rollouts."""
    said = person.sees(*rollouts.objects(rollouts.canary())).types("explain", "tumor-risk")
    assert said.out.startswith("Stepping: version 2, step 2 of 4, weight 34 %.")
    assert re.search(
        r"errors: InsufficientData: [\d,]+ more canary requests are needed to see a rate of 0.20%", said.out
    )
    assert "was" not in said.out


def test_a_rollout_under_way_shows_what_was_counted(person: Person) -> None:
    """As far as the operator has written it down; a check that waits for nothing but time says so."""
    slow = {"canary": {"steps": [{"setWeight": 34}, {"analyze": {"for": "5m"}}]}}
    cluster = rollouts.serving().edit(strategy=slow).publish(2).run(60, until=lambda c: c.phase == "Stepping").run(20)
    said = person.sees(*rollouts.objects(cluster)).types("explain", "tumor-risk")
    assert re.search(r"canary   ▒+░* 0 of \d+ bad", said.out)
    assert re.search(r"evidence ░+┃ 0 of 5\.298: not refuted", said.out)
    assert re.search(r"counts of 2026-01-01T00:00:\d\dZ: they are written every half minute", said.out)
    assert "latency: InsufficientData: no breach so far, and its time is not over" in said.out


def test_counts_are_read_as_they_stand(person: Person) -> None:
    """What is compared by its hash is not made printable before: words with two blanks are a class like any other."""
    objects = rollouts.objects(rollouts.canary())
    sealed = seal.keyed({**objects[-1]["data"], "restarts": '{"a  b": 1}'})
    objects[-1]["data"] = sealed
    objects[0]["status"]["rollout"]["evidence"] = [seal.seal(sealed)]
    assert "counts of 2026-01-01" in person.sees(*objects).types("explain", "tumor-risk").out


def test_a_rollout_that_nobody_judges_is_told_so(person: Person) -> None:
    """The operator may be down, or stand by: who waits for a verdict must not wait for nothing."""
    said = person.sees(*rollouts.objects(rollouts.canary())).types("explain", "tumor-risk")
    assert re.search(r"judging lags: its newest counts are \d+ days old; does an operator lead\?", said.out)


def test_intervals_that_were_missed_are_told(person: Person) -> None:
    """A minute without an operator is eleven intervals of five seconds; a rollback would have come later."""
    cluster = rollouts.canary()
    cluster.now += timedelta(seconds=60)
    cluster.run(40)
    assert cluster.phase == "Stepping"
    said = person.sees(*rollouts.objects(cluster)).types("explain", "tumor-risk")
    assert re.search(r"judging lagged: (29|30) intervals were missed", said.out)


def test_who_may_not_read_the_counts_is_told_so(person: Person) -> None:
    """The verdicts are there all the same, by the Deployment's status."""
    person.sees(*rollouts.objects(rollouts.canary())).may_not_get("configmaps")
    said = person.types("explain", "tumor-risk")
    assert said.code == 0
    assert "errors: InsufficientData: too few requests yet" in said.out
    assert (
        "what was counted so far lies in the ConfigMap tumor-risk-evidence: Error from server (Forbidden)" in said.out
    )


def test_counts_of_another_rollout_are_not_shown(person: Person) -> None:
    """The ConfigMap is of the one before until the first look."""
    objects = rollouts.objects(rollouts.canary())
    objects[-1]["data"]["rollout"] = "former"
    said = person.sees(*objects).types("explain", "tumor-risk")
    assert "nothing was counted yet (ConfigMap tumor-risk-evidence)" in said.out
    rollout = objects[0]["status"]["rollout"]
    objects[-1]["data"] |= {"rollout": rollout["id"], "evidence.format": "9"}
    said = person.sees(*objects).types("explain", "tumor-risk")
    assert "was written at this moment (then ask again), or not by Linnet" in said.out
    rollout["evidence"] = [seal.seal(objects[-1]["data"])]
    said = person.sees(*objects).types("explain", "tumor-risk")
    assert "the ConfigMap tumor-risk-evidence can't be read by this release" in said.out


def test_a_terminal_without_its_characters_gets_ascii(person: Person) -> None:
    """The words are the same."""
    person.sees(*rollouts.objects(rollouts.rolled_back()))
    own = {"PATH": f"{Path(__file__).parents[1]}:{os.environ['PATH']}", "FAKE_KUBECTL": str(person.folder)}
    command = [sys.executable, "-m", "linnet.cli"]
    for words in (["explain", "tumor-risk"], ["get"]):
        done = subprocess.run(
            [*command, *words], env={**os.environ, **own, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
        )
        told = done.stdout.decode("ascii")
        assert "?" not in told
    assert "|- v1 stable" in told


def test_a_version_is_explained_by_its_last_decision(person: Person) -> None:
    """Whatever its Deployment does now."""
    said = person.sees(*rollouts.objects(rollouts.promoted())).types("explain", "mv/tumor-risk-v2")
    assert said.out.startswith("version 2 was promoted by analysis at ")
    assert "not refuted" in said.out


def test_where_nothing_was_decided_it_says_so(person: Person) -> None:
    """As an error: there is nothing to explain. A list may be empty."""
    person.sees(*rollouts.objects(rollouts.serving()))
    said = person.types("explain", "tumor-risk")
    assert (said.code, said.err) == (1, "nothing was decided on tumor-risk yet\n")
    assert person.types("history", "tumor-risk").code == 0


def test_of_other_kinds_there_is_no_history(person: Person) -> None:
    """Wrong usage, with what to write."""
    said = person.types("history", "rp/weekly")
    assert (said.code, said.err) == (2, "rp/weekly: write mld/NAME or mdl/NAME\n")


def test_the_policy_of_a_rollout_is_named(person: Person) -> None:
    """While it is under way, and with the decision that ended it."""
    cluster = rollouts.sharing()
    assert cluster.typed.rollout is not None
    named = f"policy gentle ({cluster.typed.rollout.policy_hash})"
    said = person.sees(*rollouts.objects(cluster)).types("explain", "tumor-risk")
    assert f"by {named}, as it was when the rollout began" in said.out
    cluster.ask("abort v2 id jane").run(60, until=lambda c: c.phase == "AtRest")
    said = person.sees(*rollouts.objects(cluster)).types("explain", "tumor-risk")
    assert said.out.endswith(f", {named}\n")
