"""The report: one file, whole, and drawn by a real browser without a complaint."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from demo.episodes.acts import STORY, Act
from demo.episodes.curves import curves, policy_of
from demo.episodes.results import condemned, episodes, rollouts
from demo.evidence.facts import Fact
from demo.evidence.ledger import account
from demo.report import page as report
from demo.report.summary import summary
from hack.cluster.machine import packages

from demo_plays import BROKEN, STABLE, answered, answers, failed, rollout

NASTY = "</script><script>console.error('broken out')</script> & <b>"
MANIFESTS = sorted((Path(__file__).parents[2] / "docs/examples/demo").glob("deployment*.yaml"))
POLICY = {
    "checks": [
        {"name": "errors", "signal": "Errors", "maxRatioToStable": "1", "minExcess": "0.02"},
        {"name": "latency", "signal": "Latency", "maxRatioToStable": "1", "minExcess": "0.2"},
    ]
}


@pytest.fixture(scope="module")
def page() -> str:
    """A report of a small play: one version promoted, one rolled back after a handful of failures."""
    facts = [*rollout(2, 0, "Promoted"), *rollout(BROKEN, 100, "RolledBack", "errors")]
    facts.append(Fact(131, "validation", NASTY, BROKEN))
    found = rollouts(facts)
    good = [answered(1, at / 10, worker=f"f{at}") for at in range(1000)]
    stable = [answered(STABLE, 100 + at / 20, worker=f"f{at + 1000}g") for at in range(600)]
    canary = [answered(BROKEN, 106 + at / 10, worker=f"f{at + 2000}g") for at in range(120)]
    bad = [failed(500, 107 + at, worker=f"f{at + 3000}", missing=True) for at in range(12)]
    rows = account([*good, *stable, *canary, *bad], answers(), condemned(found))
    acts = [Act(STORY[1], 0, 31, "Promoted"), Act(STORY[2], 95, 131, "RolledBack", "errors", NASTY)]
    told = episodes(acts, found, rows, {})
    policy = policy_of(POLICY)
    drawn = [curve for r in found for curve in curves(policy, r, rows)]
    return report.page(summary(told, rows, [], {"total": 131.0}), told, rows, facts, 0.0, drawn)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda p: p.stem)
def test_what_the_demo_checks_can_be_drawn(manifest: Path) -> None:
    """Each check that counts bad answers has a curve, also beside one that compares all answers."""
    spec = yaml.safe_load(manifest.read_text())["spec"]["analysis"]
    assert [c.name for c in policy_of(spec).checks] == ["errors", "latency"]


def test_it_needs_no_network(page: str) -> None:
    """No address of another file but the XML namespace."""
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
    assert "src=" not in page


def test_words_of_the_cluster_can_t_break_it(page: str) -> None:
    """A message with markup stays data."""
    assert page.count("</script>") == 2
    assert NASTY not in page


def test_the_bound_is_the_judge_s_own() -> None:
    """The curve of bad answers meets the bound where the judge would have refuted, not before."""
    found = rollouts(rollout(BROKEN, 100, "RolledBack", "errors"))
    stable = [answered(STABLE, 105 + at / 40, worker=f"f{at}") for at in range(500)]
    canary = [failed(500, 105.5 + at / 20, worker=f"g{at}", missing=True) for at in range(40)]
    rows = account([*stable, *canary], answers(), condemned(found))
    errors, _ = curves(policy_of(POLICY), found[0], rows)
    first, last = errors.points[0], errors.points[-1]
    assert first[1] < first[2]
    assert last[1] >= last[2]


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser of Debian; installed if it is missing."""
    packages.install({"chromium": "chromium"})
    return shutil.which("chromium") or "chromium"


@pytest.mark.e2e
def test_a_browser_draws_it_without_a_console_error(page: str, chromium: str, tmp_path: Path) -> None:
    """Chart, cards, curves and facts are there, and the console stays silent."""
    file = tmp_path / "report.html"
    file.write_text(page)
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", profile, "--dump-dom"]
    done = subprocess.run([chromium, *flags, file.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    drawn = done.stdout
    assert len(re.findall(r"<polygon ", drawn)) == 3, "an area for each version"
    assert len(re.findall(r"<article ", drawn)) == 2, "a card for each episode"
    assert re.search(r"weight · measured</dt><dd>33 % · \d", drawn), "what a gateway made of the weight"
    assert "errors" in re.findall(r"<h3>v3: (\w+)", drawn)
    assert "console.error" in drawn.split("<tbody>")[1], "the nasty message is shown as text"


@pytest.mark.e2e
def test_a_broken_report_would_be_noticed(chromium: str, tmp_path: Path) -> None:
    """The way in which the test above listens to the console does hear errors."""
    file = tmp_path / "broken.html"
    file.write_text("<script>undefinedFunction()</script>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run([chromium, *flags, profile, file.as_uri()], capture_output=True, text=True, check=True)
    assert "CONSOLE" in done.stderr
