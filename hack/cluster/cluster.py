"""Entry point of the embedded cluster, runnable before any virtual environment exists."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from hack.cluster.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
