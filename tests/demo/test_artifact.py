"""The trainer's own digest and store, without scikit-learn."""

import sys
from pathlib import Path

import pytest

from linnet.fetcher import tree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo" / "models"))

from artifact import digest, log_odds, write
from records import FEATURES, load, without_one

FILES = {"model.joblib": b"\x00\x01", "linnet.json": b"{}", "deep/er.txt": b"x"}


def test_the_claimed_digest_is_the_fetchers(tmp_path: Path) -> None:
    """What the training run claims is what the fetcher will find."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert digest(FILES) == tree.read(tmp_path).digest


def test_a_folder_is_a_store_too(tmp_path: Path) -> None:
    """A data scientist may train into a folder."""
    flat = {"model.joblib": b"1", "linnet.json": b"2"}
    write(str(tmp_path / "v1"), flat)
    assert {p.name: p.read_bytes() for p in (tmp_path / "v1").iterdir()} == flat


@pytest.mark.parametrize(("no", "yes", "expected"), [(0.5, 0.5, 0.0), (0.0, 1.0, 50.0), (1.0, 0.0, -50.0)])
def test_log_odds_are_finite(no: float, yes: float, expected: float) -> None:
    """A tree ensemble may answer exactly 0 or 1."""
    assert log_odds(no, yes) == expected


def test_records_are_split_and_one_value_is_taken_out(tmp_path: Path) -> None:
    """Every fifth is held out; a missing value is NaN at a place that its index decides."""
    rows = [",".join(str(r + c / 100) for c in range(FEATURES)) + f",{r % 2}" for r in range(10)]
    (tmp_path / "data.csv").write_text("\n".join(["10,30,a,b", *rows]))
    training, held_out = load(tmp_path / "data.csv")
    assert (len(training), len(held_out)) == (8, 2)
    lost = without_one(held_out[1], 31)
    assert [i for i, v in enumerate(lost) if v != v] == [1]  # noqa: PLR0124 (NaN alone differs from itself)
