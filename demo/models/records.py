"""The records of the demo: scikit-learn's bundled breast-cancer data, read without scikit-learn.

The trainer and the traffic client share them, so that every request is a record which no version was trained
on, and every answer can be told to be right or wrong, and whose it is. Standard library only: the client must
not pay for importing numpy.
"""

import csv
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FEATURES = 30
HELD_OUT_EVERY = 5
"""Every fifth record is held out: 114 of 569."""


@dataclass(frozen=True)
class Record:
    """One tumor: 30 measurements, and whether it was benign (1) or malignant (0)."""

    values: tuple[float, ...]
    benign: int


def load(path: Path | None = None) -> tuple[list[Record], list[Record]]:
    """(for training, held out). FileNotFoundError where scikit-learn is not installed."""
    with (path or _bundled()).open(newline="") as file:
        rows = list(csv.reader(file))[1:]  # the first row counts the rest
    records = [Record(tuple(float(value) for value in row[:FEATURES]), int(row[FEATURES])) for row in rows]
    held_out = records[::HELD_OUT_EVERY]
    training = [record for index, record in enumerate(records) if index % HELD_OUT_EVERY]
    return training, held_out


def without_one(record: Record, index: int) -> tuple[float, ...]:
    """The record's values with one measurement missing (NaN): which one depends on the record's index."""
    lost = index % FEATURES
    return tuple(math.nan if place == lost else value for place, value in enumerate(record.values))


def _bundled() -> Path:
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise FileNotFoundError("scikit-learn is not installed here: its bundled data are the demo's records")
    return Path(found.origin).parent / "datasets" / "data" / "breast_cancer.csv"
