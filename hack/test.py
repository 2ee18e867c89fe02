"""`make test`: set up everything, then every check and every test, in the order in which they would fail fastest.

Prints a line for each step with its time. Tests in memory share both cores; those on real parts share one cluster.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
CLUSTER = [sys.executable, "hack/cluster/cluster.py"]
PYTEST = [str(BIN / "pytest"), "tests", "--durations=15"]
ON_REAL_PARTS = "integration or e2e"
STARTED = time.monotonic()
STEPS: list[tuple[str, list[str]]] = [
    ("static checks", ["make", "--no-print-directory", "lint"]),
    ("parts of the cluster", [*CLUSTER, "build"]),
    ("chart", [sys.executable, "hack/chart.py"]),
    ("tests in memory", [*PYTEST, "-m", f"not ({ON_REAL_PARTS})", "-n", "2", "--junitxml", "build/test/memory.xml"]),
    ("images", [*CLUSTER, "images"]),
    ("cluster", [*CLUSTER, "up"]),
    ("images in the cluster", [*CLUSTER, "images"]),
    ("tests on real parts", [*PYTEST, "-m", ON_REAL_PARTS, "--junitxml", "build/test/real.xml"]),
]


def main() -> int:
    """Stops at the first step that fails, with its exit code; tests that fail let the others go on."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    failed = 0
    for name, command in STEPS:
        print(f"==> {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        now = time.monotonic()
        how = f"failed with exit code {code} after" if code else "done in"
        print(f"==> {name}: {how} {now - began:.0f} s ({now - STARTED:.0f} s in all)", flush=True)
        if code and command[0] != PYTEST[0]:
            return code
        failed = failed or code
    return failed


if __name__ == "__main__":
    sys.exit(main())
