"""The audit of what the locks name: a flaw is told, and that nothing could be looked up is never told as no flaw."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hack import audit
from hack.audit import Finding, Package, UnknownError

AIOHTTP = Package("aiohttp", "3.14.1")
Json = dict[str, Any]


def record(name: str = "aiohttp", **affected: Any) -> Json:
    about = {"package": {"ecosystem": "PyPI", "name": name}, **affected}
    return {"id": "GHSA-0000", "affected": [about]}


def ranged(*events: Json) -> Json:
    return record(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


@pytest.mark.parametrize(
    ("advisory", "found"),
    [
        (record(versions=["3.14.0", "3.14.1"]), True),
        (record(versions=["3.14.0"]), False),
        (record("AioHTTP", versions=["3.14.1"]), True),
        (record("aiohttp-cors", versions=["3.14.1"]), False),
        (ranged({"introduced": "0"}, {"fixed": "3.14.2"}), True),
        (ranged({"introduced": "0"}, {"fixed": "3.14.1"}), False),
        (ranged({"introduced": "0"}, {"last_affected": "3.14.1"}), True),
        (ranged({"introduced": "0"}, {"last_affected": "3.14.0"}), False),
        (ranged({"introduced": "3.15"}), False),
        (ranged({"introduced": "0"}, {"fixed": "2"}, {"introduced": "3.14"}), True),
        ({**record(versions=["3.14.1"]), "withdrawn": "2026-01-01T00:00:00Z"}, False),
        (
            {
                "id": "GHSA-1",
                "affected": [{"package": {"ecosystem": "npm", "name": "aiohttp"}, "versions": ["3.14.1"]}],
            },
            False,
        ),
        ({"id": "GHSA-2"}, False),
    ],
)
def test_a_record_affects_the_versions_that_it_names(advisory: Json, found: bool) -> None:
    """By list or by range, in PyPI's names, unless it was withdrawn."""
    assert bool(audit.offline([AIOHTTP], [advisory])) is found


def test_a_flaw_is_told_with_its_locks_and_its_way_out() -> None:
    """Whoever reads it must know which lock to make anew, and with what."""
    (found,) = audit.offline([AIOHTTP], [ranged({"introduced": "0"}, {"fixed": "3.14.2"})])
    assert audit.told(found, ["operator", "dev"]) == ("aiohttp 3.14.1 (operator, dev.lock): GHSA-0000, fixed in 3.14.2")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_copy_of_the_database_is_read(tmp_path: Path, kind: str) -> None:
    """As OSV publishes it, or unpacked."""
    text = json.dumps(record(versions=["3.14.1"]))
    place = tmp_path / "all.zip" if kind == "archive" else tmp_path
    if kind == "archive":
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("GHSA-0000.json", text)
    else:
        (tmp_path / "GHSA-0000.json").write_text(text)
    assert audit.offline([AIOHTTP], audit.records(place)) == [Finding(AIOHTTP, "GHSA-0000", ())]


def test_a_database_that_is_none_is_no_answer(tmp_path: Path) -> None:
    """An empty folder, or a file that is no archive, would else be a clean bill."""
    (tmp_path / "all.zip").write_text("Not Found")
    for place in (tmp_path / "all.zip", tmp_path / "missing.zip", tmp_path):
        with pytest.raises(UnknownError):
            audit.offline([AIOHTTP], audit.records(place))


@pytest.mark.parametrize(
    ("out", "err", "words"),
    [
        ("", "ConnectionError: no route\n", "no route"),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', "", "1 of 1 packages, such as a"),
        ("[]", "", "can't be reached"),
    ],
)
def test_what_was_not_looked_up_is_not_clean(out: str, err: str, words: str) -> None:
    """pip-audit ends well where the index answers for nothing."""
    with pytest.raises(UnknownError, match=words):
        audit.answered(out, err)


def test_flaws_that_were_looked_up_are_found() -> None:
    """In pip-audit's own words."""
    flaw = {"id": "PYSEC-1", "fix_versions": ["3.14.2"]}
    out = {"dependencies": [{"name": "aiohttp", "version": "3.14.1", "vulns": [flaw]}]}
    assert audit.answered(json.dumps(out), "") == [Finding(AIOHTTP, "PYSEC-1", ("3.14.2",))]


@pytest.mark.parametrize("lock", audit.LOCKS)
def test_every_line_of_a_lock_is_looked_up(lock: str) -> None:
    """A package that the audit does not see has no known flaw for ever."""
    text = (audit.REPO / "requirements" / f"{lock}.lock").read_text()
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#", "-"))]
    assert len(audit.locked(text)) == len(pinned) > 0
