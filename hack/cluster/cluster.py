"""Entry point of the embedded cluster, runnable before any virtual environment exists."""

import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from hack.cluster.cli import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it builds ends with it
    sys.exit(main(sys.argv[1:]))
