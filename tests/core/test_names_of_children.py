"""Two objects of one namespace never need the same child: what a child is called says whose it is."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linnet.api.generate.crds import KINDS, object_rules
from linnet.core.registry.validation.job import job_name
from linnet.core.retraining.triggers import request, schedule
from simulator import Cluster

ENDINGS = ("-stable", "-canary", "-preview", "-v1-0123abcd", "-v12-ffffffff")
NAMES = st.from_regex(r"\A[a-z]([-a-z0-9]{0,8}[a-z0-9])?\Z").flatmap(
    lambda name: st.sampled_from([name, *(name + ending for ending in ENDINGS), f"{name}-v1", f"{name}-evidence"])
)
Child = tuple[str, str]


def admitted(kind: str, name: str) -> bool:
    """Whether the API server takes an object of this name, by the patterns of the CRD's own rules."""
    found = next(k for k in KINDS if k.name == kind)
    texts = [rule["rule"] for rule in object_rules(found) if "self.metadata.name.matches(" in rule["rule"]]
    patterns = [(text.startswith("!"), re.findall(r"matches\('(.+?)'\)", text)[0]) for text in texts]
    return all((re.search(pattern, name) is None) == negated for negated, pattern in patterns)


def of_deployment(name: str) -> Iterator[Child]:
    revisions = [f"{name}-v{number}-{template}" for number in (1, 12) for template in ("0123abcd", "ffffffff")]
    yield from (("Service", n) for n in (name, f"{name}-stable", f"{name}-canary", f"{name}-preview", *revisions))
    yield from (("Deployment", n) for n in revisions)
    for kind in ("PodDisruptionBudget", "HorizontalPodAutoscaler", "HTTPRoute", "GRPCRoute"):
        yield kind, name
    yield from (("ConfigMap", f"{name}-evidence"), ("NetworkPolicy", f"{name}-loaded"))


def of_model(name: str) -> Iterator[Child]:
    for version in (f"{name}-v1", f"{name}-v12"):
        yield "ModelVersion", version
        yield from (("Job", job_name(version, attempt)) for attempt in (1, 2))


def of_retrain_policy(name: str) -> Iterator[Child]:
    cron = schedule.cron_job_name(name)
    yield from (("CronJob", cron), ("Job", f"{cron}-29000000"), ("Job", request.job_name(name, "uid")))


CHILDREN = {"Deployment": of_deployment, "Model": of_model, "RetrainPolicy": of_retrain_policy}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_deployment_is_not_named_as_anothers_services_are(ending: str) -> None:
    """Said when it is applied; a word that only looks like one is free."""
    assert not admitted("Deployment", f"risk{ending}")
    assert all(
        admitted("Deployment", name) for name in ("risk", "canary", "risk-canary-eu", "risk-v1", "risk-v1-0123abc")
    )


@pytest.mark.slow
@given(NAMES, NAMES, st.sampled_from(sorted(CHILDREN)), st.sampled_from(sorted(CHILDREN)))
@example("risk", "risk-canary", "Deployment", "Deployment")
@example("iris", "iris-v1", "Model", "Model")
@example("x" * 50, "x" * 49 + "y", "Model", "Model")
@example("risk-run", "risk", "RetrainPolicy", "RetrainPolicy")
def test_no_two_objects_have_a_child_of_one_name(one: str, other: str, kind: str, another: str) -> None:
    """Of any two that the API server admits, of one kind or of two."""
    if (one, kind) == (other, another) or not (admitted(kind, one) and admitted(another, other)):
        return
    assert not {*CHILDREN[kind](one)} & {*CHILDREN[another](other)}


def test_no_child_of_one_object_takes_anothers_name() -> None:
    """Names that are too long for a Job's end in a hash: of a Model with 50 letters, each version has its own Job."""
    for name in ("x" * 40, "x" * 50):
        children = [*of_model(name)]
        assert len(children) == len({*children})
        assert all(len(child) <= 63 for _, child in children)


@pytest.mark.rollouts
def test_no_other_children_are_made() -> None:
    """What a rollout leaves in the cluster bears these names, and no other."""
    cluster = Cluster()
    cluster.edit(strategy={"blueGreen": {}}).run(5).publish(2).run(60)
    cluster.edit(strategy={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}).run(5)
    made = {*(("Service", n) for n in cluster.services), *(("Deployment", n) for n in cluster.workloads)}
    revisions = re.compile(r"-v\d+-[0-9a-f]{8}$")
    assert made
    assert {(k, revisions.sub("-v1-0123abcd", n)) for k, n in made | cluster.policies} <= {*of_deployment("tumor-risk")}
