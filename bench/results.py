"""Measurements are kept in build/bench/<name>.json, each with its time and its machine."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]


def keep(name: str, results: Mapping[str, Any]) -> Path:
    """Writes the results, and returns the file."""
    measured = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 (a report's date, no decision)
    out = REPO / "build" / "bench" / f"{name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"measured": measured, "machine": machine(), **results}, indent=1) + "\n")
    return out


def load() -> float:
    """How many processes wanted a core, in the mean of the last minute."""
    return os.getloadavg()[0]


def machine() -> dict[str, str | int | None]:
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "processor": platform.machine(),
    }
