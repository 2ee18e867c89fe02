"""The threat model's tests are there: a row whose test is gone claims what nobody tries any more."""

import re

from control_plane import REPO

TEXT = (REPO / "THREAT-MODEL.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(?:\w+::)?(\w+)`", TEXT)


def test_every_test_that_is_named_is_there() -> None:
    """By file and name."""
    assert len(NAMED) > 20
    missing = [f"{file}::{name}" for file, name in NAMED if not _has(file, name)]
    assert missing == []


def test_every_attack_has_its_row_whole() -> None:
    """What is done, what for, what stops it, and a test, or why there is none."""
    whole = TEXT.partition("## Attacks tried")[2].partition("## Not defended")[0]
    rows = [line.strip("|").split("|") for line in whole.splitlines() if line.startswith("| ")]
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows)
    rows = [row for row in rows if row[0].strip() != "attack"]
    assert all("tests/" in row[3] or row[3].strip().startswith("none here:") for row in rows)


def _has(file: str, name: str) -> bool:
    path = REPO / file
    return path.exists() and re.search(rf"^\s*(async )?def {name}\(", path.read_text(), re.MULTILINE) is not None
