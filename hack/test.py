"""`make test`: set up everything, then every check and every test, in the order in which they would fail fastest.

Prints a line for each step with its time, and ends with pytest's own summary.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
CLUSTER = [sys.executable, "hack/cluster/cluster.py"]
STARTED = time.monotonic()
STEPS: list[tuple[str, list[str]]] = [
    ("static checks", ["make", "--no-print-directory", "lint"]),
    ("parts of the cluster", [*CLUSTER, "build"]),
    ("chart", [sys.executable, "hack/chart.py"]),
    ("images", [*CLUSTER, "images"]),
    ("cluster", [*CLUSTER, "up"]),
    ("images in the cluster", [*CLUSTER, "images"]),
    ("tests", [str(BIN / "pytest"), "tests", "--junitxml", "build/test/junit.xml", "--durations=15"]),
]


def main() -> int:
    """Stops at the first step that fails, with its exit code."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for name, command in STEPS:
        print(f"==> {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        now = time.monotonic()
        if code != 0:
            print(f"==> {name} failed with exit code {code} after {now - began:.0f} s", flush=True)
            return code
        if command[0] != str(BIN / "pytest"):
            print(f"==> {name}: done in {now - began:.0f} s ({now - STARTED:.0f} s in all)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
