"""The Kustomize example: prefixes and hashes reach every reference, and what the page warns of is so."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane import REPO, ApiServer
from docs.manifests import sources

pytestmark = pytest.mark.integration

EXAMPLE = REPO / "docs/examples/kustomize"
PAGE = [pytest.param(s, id=s.place) for s in sources() if s.mark == "kustomization" and "how-to" in s.place]
Object = dict[str, Any]


def built(api: ApiServer, folder: Path) -> dict[tuple[str, str], Object]:
    """Kind and name before the prefix → object."""
    objects = [o for o in yaml.safe_load_all(api.must("kustomize", str(folder))) if o]
    return {(o["kind"], o["metadata"]["name"].removeprefix("team-a-")): o for o in objects}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, to change it."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "kustomize"))


def test_names_reach_every_reference(api: ApiServer, folder: Path) -> None:
    """Each reference names the object as it is called after the build."""
    found = built(api, folder)
    names = {o["metadata"]["name"] for o in found.values()}
    model, deployment = found["Model", "tumor-risk"]["spec"], found["Deployment", "tumor-risk"]["spec"]
    policy = found["RetrainPolicy", "tumor-risk"]["spec"]
    job = policy["training"]["job"]
    references = [
        deployment["model"]["name"],
        deployment["policy"]["name"],
        policy["model"]["name"],
        policy["deployment"]["name"],
        model["source"]["credentials"]["secretName"],
        model["gate"]["contract"]["configMapName"],
        job["credentials"]["secretName"],
        job["pod"]["serviceAccountName"],
    ]
    assert all(name.startswith("team-a-") for name in references)
    assert set(references) <= names


def test_names_reach_pull_secrets_and_versions(api: ApiServer, folder: Path) -> None:
    """References that the example does not use."""
    deployment = {
        "model": {"name": "tumor-risk"},
        "pod": {"imagePullSecrets": [{"name": "models-train"}, {"name": "elsewhere"}]},
    }
    more = {"apiVersion": "linnet.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": "b"}, "spec": deployment}
    (folder / "more.yaml").write_text(yaml.safe_dump(more))
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    kustomization["resources"].append("more.yaml")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    found = built(api, folder)
    secret = next(o["metadata"]["name"] for (kind, name), o in found.items() if kind == "Secret" and "train" in name)
    assert found["Deployment", "b"]["spec"]["pod"]["imagePullSecrets"] == [{"name": secret}, {"name": "elsewhere"}]


def test_the_example_is_accepted(api: ApiServer, folder: Path) -> None:
    """By a real API server, with unknown fields refused."""
    api.namespace("ml", hostnames="*.example.org")
    manifests = api.must("kustomize", str(folder))
    api.must("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=manifests)


@pytest.mark.parametrize("source", PAGE)
def test_kustomizations_of_the_page_build(api: ApiServer, folder: Path, source: Any) -> None:
    """Each block, beside the example's files."""
    kustomization = {"resources": ["model.yaml"], **yaml.safe_load(source.text)}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    assert ("Deployment", "tumor-risk") in built(api, folder)


def test_selectors_are_refused_as_the_page_warns(api: ApiServer, folder: Path) -> None:
    """With includeSelectors the API server names the field that Kustomize added."""
    api.namespace("ml", hostnames="*.example.org")
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    kustomization["labels"] = [{"pairs": {"team": "a"}, "includeSelectors": True}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    said = api.kubectl("apply", "--dry-run=server", "-f", "-", stdin=api.must("kustomize", str(folder)))
    assert 'unknown field "spec.selector"' in said.err
    assert 'unknown field "spec.selector"' in (REPO / "docs/how-to/kustomize.md").read_text()
