"""The bill of materials has what the image is made of, as the lock pins it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hack import audit

from control_plane import REPO

pytestmark = pytest.mark.packages


def test_every_package_of_the_lock_is_in_it_with_its_hashes(tmp_path: Path) -> None:
    """So that who installs Linnet can look up a flaw of a part, and see that the part is the one that was locked."""
    made = tmp_path / "linnet.cdx.json"
    command = _recipe(made)
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *command[1:]], check=True, cwd=REPO, capture_output=True)
    bill = json.loads(made.read_text())
    locked = audit.locked((REPO / "requirements/operator.lock").read_text())
    found = {(c["name"].lower(), c["version"]): c for c in bill["components"]}
    assert {(p.name, p.version) for p in locked} == set(found)
    assert all(any(r.get("hashes") for r in c["externalReferences"]) for c in found.values())
    assert bill["metadata"]["component"]["name"] == "linnet"


def _recipe(made: Path) -> list[str]:
    """The command of `make sbom`, with another file to write."""
    text = (REPO / "Makefile").read_text()
    (line,) = [line.strip() for line in text.splitlines() if line.strip().startswith("cyclonedx-py ")]
    return line.replace("build/sbom/linnet.cdx.json", str(made)).split()
