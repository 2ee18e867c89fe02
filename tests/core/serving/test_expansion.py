"""Nothing of an object is a template: the kubelet gives every string back as its author wrote it.

Each manifest that Linnet renders is walked, with `$(X)` in every string of the objects that it is made from.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import kubelet
from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.core.registry.validation import job as validation
from linnet.core.registry.validation.placement import Place
from linnet.core.resources.metadata import Owner
from linnet.core.retraining.triggers import request, schedule
from linnet.core.retraining.triggers.schedule import timetable
from linnet.core.serving import revision
from linnet.core.serving.pods import Image
from linnet.core.serving.runtimes import freeze
from simulator import CATALOGUE

MARK = "$(X) $$(X) $X é$ü $("
OWNER = Owner("Deployment", "risk", "ml", "uid")
IMAGE = Image("linnet:1", "IfNotPresent")
DIGEST = "sha256:" + "a" * 64
POD = {
    "env": [{"name": "A", "value": "1"}],
    "nodeSelector": {"a": "b"},
    "priorityClassName": "p",
    "sharedMemory": "1Gi",
}


def marked(value: Any, mark: str = MARK) -> Any:
    """The same with `mark` at the end of every string that its author may choose."""
    if isinstance(value, BaseModel):
        names = [n for n in type(value).model_fields if n in value.model_fields_set]
        return value.model_copy(update={n: marked(getattr(value, n), mark) for n in names})
    if isinstance(value, list | tuple):
        return [marked(each, mark) for each in value]
    if isinstance(value, dict):
        return {key: marked(each, mark) for key, each in value.items()}
    return value + mark if isinstance(value, str) else value


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from strings([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def version(runtime: dict[str, Any] | None = None, **source: Any) -> ModelVersionSpec:
    model = ModelSpec.model_validate(
        {"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}, "runtime": runtime or {"name": "mlserver"}}
    )
    spec = {
        "model": {"name": "risk"},
        "version": 1,
        "format": {"name": "sklearn"},
        "source": {"uri": "s3://models/1", "digest": DIGEST, "include": ["*.joblib"], **source},
        "runtime": freeze("risk", model, CATALOGUE).wire(),
        "origin": {"type": "Source"},
        "contract": {"configMapName": "golden"},
    }
    return ModelVersionSpec.model_validate(spec)


CUSTOM = {
    "name": "custom",
    "image": "server:1",
    "args": ["--model", "$(MODEL_DIR)", "--name", "$(MODEL_NAME)"],
    "env": [{"name": "B", "value": "2"}],
    "ports": {"http": 8080, "grpc": 8081},
    "readyPath": "/ready",
}
SOURCES: list[dict[str, Any]] = [
    {},
    {"uri": "pvc://claim/1"},
    {"uri": "https://host/m.zip", "credentials": {"secretName": "models-read"}},
    {"credentials": {"secretName": "models-read"}},
    {"credentials": {"serviceAccountName": "models-reader"}},
]


def serving(spec: ModelVersionSpec, mark: str = MARK) -> dict[str, Any]:
    deployment = DeploymentSpec.model_validate(
        {"model": {"name": "risk"}, "runtime": {"args": ["--more", "x"]}, "pod": POD}
    )
    rev = revision.revision("risk", spec, DIGEST, deployment)
    return revision.workload(OWNER, rev, spec, marked(deployment, mark), IMAGE, 2)


def validating(spec: ModelVersionSpec, *, loads: bool = True) -> dict[str, Any]:
    place = Place(arguments=("--more" + MARK,), loads=loads)
    return validation.job(Owner("ModelVersion", "risk-v1", "ml", "uid"), spec, DIGEST, IMAGE, 1, place)


def retraining(**job: Any) -> RetrainPolicySpec:
    given = {"image": "train:1", "command": ["python"], "args": ["train.py"], "env": [{"name": "C", "value": "3"}]}
    return RetrainPolicySpec.model_validate(
        {
            "model": {"name": "risk"},
            "triggers": [{"name": "weekly", "schedule": {"cron": "0 3 * * 0"}}],
            "training": {"job": {**given, "pod": {k: v for k, v in POD.items() if k != "env"}, **job}},
        }
    )


def test_serving_pods_give_an_identity_to_whom_it_was_given() -> None:
    """The fetcher acts as its credentials' account, the server as that of `spec.pod`; everybody else as nobody."""
    account = {"credentials": {"serviceAccountName": "a"}}
    for source, pod, skipped in (
        ({}, {}, "fetch,isolate,server"),
        (account, {}, "isolate,server"),
        ({}, {"serviceAccountName": "a"}, "fetch,isolate"),
        (account, {"serviceAccountName": "a"}, "isolate"),
    ):
        deployment = DeploymentSpec.model_validate({"model": {"name": "risk"}, "pod": pod})
        spec = version(**source)
        rev = revision.revision("risk", spec, DIGEST, deployment)
        made = revision.workload(OWNER, rev, spec, deployment, IMAGE, 1, "s3://models/")["spec"]["template"]
        found = made["metadata"].get("annotations", {})
        assert found.get("eks.amazonaws.com/skip-containers") == skipped
        assert ("azure.workload.identity/use" in made["metadata"]["labels"]) == bool(source or pod)
        fetch = made["spec"]["initContainers"][0]["args"]
        assert fetch[-3:] == ["--identity", "--allowed-prefix", "s3://models/"] or not source


def training(spec: RetrainPolicySpec) -> list[dict[str, Any]]:
    table = timetable(spec)
    assert table is not None
    poisoned = spec.model_copy(update={"training": marked(spec.training)})
    owner = Owner("RetrainPolicy", "weekly", "ml", "uid")
    return [schedule.cron_job(owner, poisoned, table, IMAGE), request._job(owner, poisoned, "weekly-1", IMAGE)]


def _manifests() -> Iterator[Any]:
    for source in SOURCES:
        for runtime in (None, CUSTOM):
            poisoned = marked(version(runtime, **source))
            yield pytest.param(serving(poisoned), id=f"serving {source}")
            yield pytest.param(validating(poisoned), id=f"validation {source}")
            yield pytest.param(validating(poisoned, loads=False), id=f"fetch {source}")
    for credentials in ({}, {"credentials": {"secretName": "s"}}, {"credentials": {"serviceAccountName": "a"}}):
        for manifest in training(retraining(**credentials)):
            yield pytest.param(manifest, id=f"{manifest['kind']} {credentials}")


EVERY = list(_manifests())


@pytest.mark.parametrize("manifest", EVERY)
def test_what_an_author_wrote_is_what_a_container_gets(manifest: dict[str, Any]) -> None:
    """Whatever variables there are, an expansion of the kubelet's takes the doubling away and nothing else."""
    found = list(kubelet.containers(manifest))
    assert found
    for container in found:
        everything = dict.fromkeys(("X", "HOME", "AWS_SECRET_ACCESS_KEY", ""), "LEAKED")
        texts = kubelet.expanded(container, everything)
        assert not any("LEAKED" in text for text in texts)
        assert texts == kubelet.expanded(container, {})
        assert all(text.endswith(MARK) for text in texts if "$" in text), texts


def test_what_is_expected_is_rendered() -> None:
    """The doubling is taken away from the strings of the objects themselves, so that none was lost on the way."""
    poisoned = marked(version(CUSTOM))
    texts = {t for c in kubelet.containers(serving(poisoned)) for t in kubelet.expanded(c, {})}
    own = [
        poisoned.source.uri,
        *poisoned.source.include,
        *poisoned.runtime.args,
        *("--more" + MARK, "1" + MARK, "2" + MARK),
    ]
    assert set(own) <= texts
    trained = {t for m in training(retraining()) for c in kubelet.containers(m) for t in kubelet.expanded(c, {})}
    assert {"python" + MARK, "train.py" + MARK, "3" + MARK} <= trained


def test_the_catalogues_own_placeholders_are_filled_in() -> None:
    """`$(MODEL_NAME)` and `$(MODEL_DIR)` are ours, of a custom server too, and never reach the kubelet."""
    for runtime in (None, CUSTOM):
        manifest = serving(version(runtime))
        texts = [t for c in kubelet.containers(manifest) for t in kubelet.expanded(c, {})]
        assert "risk" in texts
        assert "/mnt/models" in texts
        assert not any("$(MODEL" in text for text in texts)


@pytest.mark.parametrize("manifest", EVERY)
def test_no_variable_holds_a_secret(manifest: dict[str, Any]) -> None:
    """Secrets are files, in the containers that need them: the fetcher, and training code whose Secret agreed."""
    for container in kubelet.containers(manifest):
        assert "envFrom" not in container
        assert not any("secretKeyRef" in variable.get("valueFrom", {}) for variable in container.get("env", ()))
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        assert container["name"] in {"fetch", "consent", "train"} or "credentials" not in mounted


def test_a_variable_stands_once_and_the_nearest_wins() -> None:
    """The Deployment's before the runtime's: server-side apply refuses a list that names one twice."""
    twice = {**CUSTOM, "env": [{"name": "A", "value": "0"}, {"name": "B", "value": "2"}, {"name": "B", "value": "4"}]}
    for manifest in (serving(version(twice), ""), validating(version(twice)), *training(retraining(env=[*POD["env"]]))):
        for container in kubelet.containers(manifest):
            names = [variable["name"] for variable in container.get("env", ())]
            assert len(names) == len(set(names))
    [server] = serving(version(twice), "")["spec"]["template"]["spec"]["containers"]
    assert {v["name"]: v["value"] for v in server["env"]} == {"A": "1", "B": "4"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(A", "$(A"),
        ("a$", "a$"),
        ("$B$(B)", "$B$(B)"),
        ("$(A)$(A)", "11"),
        ("$()", "$()"),
    ],
)
def test_the_kubelets_rules(text: str, wanted: str) -> None:
    """The expansion that these tests use is that of Kubernetes' own table of cases."""
    assert kubelet.expand(text, {"A": "1"}) == wanted
