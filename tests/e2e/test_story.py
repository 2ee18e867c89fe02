"""`make demo`, whole: five outcomes on real input, and no client request that fails for another reason than the bug."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from demo.settings import ROOT

pytestmark = pytest.mark.e2e

OUTCOMES = ["Serving", "Promoted", "RolledBack", "Refused", "RolledBack", "Promoted"]


def test_the_demo_ends_as_it_promises(tmp_path: Path) -> None:
    """v1 serves, v2 is promoted, v3 and v4 are rolled back, v3 is refused again, and the retrained v5 is promoted."""
    command = [sys.executable, "-m", "demo", "--plain", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [episode["outcome"] for episode in summary["episodes"]] == OUTCOMES
    assert summary["clients"]["failedUnexpectedly"] == 0
    assert summary["clients"]["requests"] > 0
    assert (tmp_path / "report.html").stat().st_size > 0
