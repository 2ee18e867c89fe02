"""`make bench`: every measurement, one after the other; each prints a table and writes build/bench/<name>.json."""

import argparse
import subprocess
import sys
from typing import Final

PARTS: Final = {
    "detection": ("bench.judge.detection",),
    "predictions": ("bench.judge.predictions",),
    "slices": ("bench.judge.slices",),
    "curves": ("bench.judge.curves",),
    "engine": ("bench.engine",),
    "policies": ("bench.engine.policies",),
    "cli": ("bench.cli",),
    "download": ("bench.download",),
    "engine-everything": ("bench.engine", "--everything"),
}
"""Part → module and arguments."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; all if left out")
    wanted = parser.parse_args().parts or [*PARTS]
    unknown = {*wanted} - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
    codes = [subprocess.run([sys.executable, "-m", *PARTS[part]], check=False).returncode for part in wanted]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
