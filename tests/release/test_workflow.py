"""The release is made of what is pinned, by a workflow that has no more rights than it needs."""

import re
from typing import Any

import pytest
import yaml
from hack import chart
from hack.cluster.steps import ClusterError

from control_plane import REPO

WORKFLOWS = sorted((REPO / ".github/workflows").glob("*.yaml"))
DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.name)
def test_every_action_is_pinned_by_commit(file: Any) -> None:
    """A tag of somebody else's can be moved; the version beside the commit is for people and for the bot."""
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.name)
def test_a_job_has_the_rights_that_it_names(file: Any) -> None:
    """None by default; what a tag's name or a variable holds is no part of a script's text."""
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert not [step for step in job["steps"] if "${{" in step.get("run", "")]
        checkouts = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_released_chart_installs_its_image_by_digest() -> None:
    """Whatever a tag comes to mean later."""
    text = (REPO / "charts/linnet/values.yaml").read_text()
    values = yaml.safe_load(chart.with_image(text, f"registry.example/team/linnet@{DIGEST}"))
    assert values["image"]["repository"] == "registry.example/team/linnet"
    assert values["image"]["digest"] == DIGEST
    assert {**values, "image": None} == {**yaml.safe_load(text), "image": None}


@pytest.mark.parametrize(
    "image", ["registry.example/linnet:1.0", "registry.example/linnet", f"x@{DIGEST}0", "x@sha256:"]
)
def test_a_release_without_a_digest_is_refused(image: str) -> None:
    """A tag is no image."""
    with pytest.raises(ClusterError, match="no image by digest"):
        chart.with_image((REPO / "charts/linnet/values.yaml").read_text(), image)
