"""What `kubectl explain` says: the sentences that people read first, from a real API server."""

import pytest

from control_plane import ApiServer
from integration.harness import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def discovered(api: ApiServer) -> None:
    """An API server tells of new kinds, and describes each of them, a moment after it serves them."""

    def described() -> bool:
        return all(api.kubectl("explain", f"{kind}.spec").code == 0 for kind in ("mdl", "mv", "mld", "rp"))

    until(described, "the short names to be known")


def explained(api: ApiServer, path: str) -> str:
    """In one line, since kubectl breaks lines where it likes."""
    return " ".join(api.must("explain", path).split())


def test_the_analysis_reads_well(api: ApiServer) -> None:
    """Each field says what it is and what holds if it is left out."""
    said = explained(api, "mld.spec.analysis")
    for sentence in (
        "GROUP: linnet.dev",
        "How a new version is judged; the policy's if left out, or errors and latency against stable.",
        "The chance of rolling back a good version, over the whole rollout; 0.01 if left out.",
        "What Pass promises to have been able to see; a rate five times stable's, with a probability of 0.9,",
        "What happens at deadlines.evidence without a verdict; Hold if left out.",
        "the two that are asked by default, and alone if left out: `errors`, not more than stable's, and `latency`,",
        "Whether `errors` and `latency` are asked where no check of that name is written; true if left out.",
        "enum: Hold, Promote, RollBack",
    ):
        assert sentence in said, sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("mld", "Deployment serves a Model in this place and brings its new versions to traffic by a canary."),
        ("mld.spec.strategy.bake", "The former version's share (at least one pod); 5 if left out, 0 with blueGreen."),
        ("mld.status.held", "not tried again until `retry` or another change"),
        ("mdl.spec.source.digest", "The sha256 of the artifact's tree, as `linnet digest` prints it"),
        ("mv.status.quarantine", "Why the version is not rolled out again."),
        ("rp.spec.cooldown", "A person's `run` need not wait for it."),
    ],
)
def test_fields_are_found_by_their_short_names(api: ApiServer, path: str, sentence: str) -> None:
    """With the words of the API page."""
    assert sentence in explained(api, path)


def test_deployment_goes_on_meaning_apps(api: ApiServer) -> None:
    """Which is why the documentation always writes mld."""
    assert "GROUP: apps" in explained(api, "deployment")
