"""`stage`: a restricted namespace of the embedded cluster, with trained artifacts in the store."""

import json
import secrets
from collections.abc import Iterator

import pytest
import yaml
from demo.place import EXAMPLES, IMAGE_IN_EXAMPLES
from demo.settings import NAME, Place

import shared
from e2e.stage import Stage, cluster, deployment, install, model


@pytest.fixture(scope="session", autouse=True)
def place() -> Place:
    """The embedded cluster with Linnet, installed by one worker: Helm refuses to do two things to a release at once."""
    found = cluster()
    shared.once("linnet", lambda _: install(found))
    return found


@pytest.fixture(scope="session")
def stage(place: Place) -> Iterator[Stage]:
    """v1, v2, and the broken v3 and v7 are trained by a real Job in the cluster, as the demo's are."""
    made = Stage(place, f"e2e-{secrets.token_hex(3)}")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    consent = {"linnet.dev/hostnames": "gated.example"}
    meta = {"name": made.namespace, "labels": labels, "annotations": consent}
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    made.apply(made.secret("models"))
    job = yaml.safe_load((EXAMPLES / "training-job.yaml").read_text())
    job["metadata"]["namespace"] = made.namespace
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["image"] = container["image"].replace(IMAGE_IN_EXAMPLES, made.place.images.mlserver)
    container["args"] = [f"{version}={made.uri(version)}" for version in ("v1", "v2", "v3", "v7")]
    made.kubectl("apply", "-f", "-", stdin=json.dumps(job))
    made.kubectl("wait", f"job/{job['metadata']['name']}", "--for=condition=Complete", "--timeout=300s")
    yield made
    made.kubectl("delete", "namespace", made.namespace, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="session")
def served(stage: Stage) -> Stage:
    """Version 1 of the model serves, from twelve lines of YAML."""
    stage.apply(model(NAME, stage.uri("v1")), deployment(NAME))
    stage.until(lambda: stage.condition(f"mld/{NAME}")["status"] == "True", "the Deployment to be Ready")
    return stage
