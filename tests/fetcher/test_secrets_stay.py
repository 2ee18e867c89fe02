"""From an object of anybody's to a pod's last words: nothing of the namespace's Secrets is in them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kubelet
from fetcher.running import REPO
from linnet.api.kinds.model import Credentials, Source
from linnet.api.kinds.model_version import ModelVersionSpec
from linnet.core.registry.validation import job as validation
from linnet.core.registry.validation.placement import Place
from linnet.core.resources.metadata import Owner
from linnet.core.serving.pods import Image

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECRET = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ALLOW_HTTP": "true",
}
MEANT = {**SECRET, "allowedPrefix": "s3://models/"}
NAME = "$(AWS_SECRET_ACCESS_KEY)"


def pod(uri: str) -> dict[str, Any]:
    """The pod that validates a version from this place, as an API server without rules would take it."""
    credentials = Credentials(secret_name="somebody-elses")
    spec = ModelVersionSpec.model_construct(
        **ModelVersionSpec.model_validate(
            {
                "model": {"name": "m"},
                "version": 1,
                "format": {"name": "custom"},
                "source": {"uri": "s3://models/1"},
                "runtime": {"name": "custom", "image": "x/y", "ports": {"http": 8080}, "readyPath": "/r"},
                "origin": {"type": "Source"},
            }
        ).__dict__
        | {"source": Source.model_construct(uri=uri, credentials=credentials)}
    )
    owner = Owner("ModelVersion", "m-v1", "ns", "u")
    job = validation.job(owner, spec, None, Image("linnet", "IfNotPresent"), 1, Place())
    template: dict[str, Any] = job["spec"]["template"]["spec"]
    return template


def last_words(root: Path, uri: str, secret: dict[str, str]) -> str:
    """Everything that the fetcher printed and left behind."""
    template = pod(uri)
    node = kubelet.Node(root, {"somebody-elses": secret})
    arguments, environ = node.started(template["initContainers"][0], template["volumes"])
    log = root / "termination-log"
    process = subprocess.run(
        [sys.executable, "-m", "linnet", *arguments, "--termination-log", str(log), "--attempts", "1"],
        env={**environ, "PATH": os.environ["PATH"], "PYTHONPATH": str(REPO / "operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert json.loads(log.read_text())["outcome"] == "Failed"
    return process.stdout + process.stderr + log.read_text()


@pytest.mark.parametrize("secret", [MEANT, SECRET], ids=["made for Linnet", "of somebody else's"])
@pytest.mark.parametrize("length", [455, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 400, 449, 470))])
@pytest.mark.parametrize("place", ["s3://models/{}/" + NAME, "s3://other/{}/" + NAME, "s3://" + NAME + "/{}"])
def test_a_variable_in_the_uri(tmp_path: Path, place: str, length: int, secret: dict[str, str]) -> None:
    """Wherever it stands, however a message is cut, no four characters of the key come out."""
    said = last_words(tmp_path, place.format("x" * length or "x"), secret)
    assert not any(KEY[at : at + 4] in said for at in range(len(KEY) - 3))
    assert SECRET["AWS_ACCESS_KEY_ID"] not in said
