"""`make bench`: every measurement, one after the other; each prints a table and writes build/bench/<name>.json."""

import argparse
import subprocess
import sys

PARTS = ("detection", "curves", "engine", "cli")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; all if left out")
    wanted = parser.parse_args().parts or PARTS
    unknown = set(wanted) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
    codes = [subprocess.run([sys.executable, "-m", f"bench.{part}"], check=False).returncode for part in wanted]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
