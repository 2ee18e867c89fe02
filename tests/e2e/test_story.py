"""`make demo`, whole: every outcome on real input, and no client request that fails for another reason than the bug."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from demo.settings import ROOT

pytestmark = pytest.mark.e2e

OUTCOMES = [
    *("Serving", "Promoted", "RolledBack", "Refused", "RolledBack", "Promoted"),
    *("Promoted", "RolledBack", "RolledBack"),
]


def test_the_demo_ends_as_it_promises(tmp_path: Path) -> None:
    """v1 serves, v2 is promoted, v3 and v4 are rolled back, v3 is refused again, and the retrained v5 is promoted.

    Behind a gateway v6 is promoted from 5 %, and v7 is rolled back there, within 1.5 points of that share; v8, whose
    status codes are right, is rolled back on its answers.
    """
    command = [sys.executable, "-m", "demo", "--plain", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [episode["outcome"] for episode in summary["episodes"]] == OUTCOMES
    assert summary["clients"]["failedUnexpectedly"] == 0
    splits = [e["split"] for e in summary["episodes"] if "split" in e]
    assert [abs(s["measured"] - 5) < 1.5 for s in splits if s["weight"] == 5] == [True, True]
    assert summary["clients"]["requests"] > 0
    assert (tmp_path / "report.html").stat().st_size > 0
