"""`make audit`: known flaws of every package that the locks name.

It needs a database of advisories: the package index's own, which pip-audit asks, or without a network a copy of OSV's
export for PyPI (`all.zip` from osv.dev, or a folder of its records): `make audit ADVISORIES=all.zip`. Where neither can
be read it says so: then nothing is known, which is not the same as no flaw.
"""

import argparse
import json
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

REPO = Path(__file__).resolve().parents[1]
LOCKS: Final = ("operator", "build", "dev")
FLAWED: Final = 1
UNKNOWN: Final = 3
"""The exit code where no database could be read."""
_PINNED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
Json = dict[str, Any]


@dataclass(frozen=True, order=True)
class Package:
    name: str
    version: str


@dataclass(frozen=True, order=True)
class Finding:
    """A known flaw of a locked package; `fixed` are the versions that mend it."""

    package: Package
    advisory: str
    fixed: tuple[str, ...]


class UnknownError(Exception):
    """The database can't be reached or read; the message says what could not be looked up."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--advisories", type=Path, metavar="PATH", help="OSV's records for PyPI, a .zip or a folder")
    given = parser.parse_args()
    locks = {lock: locked((REPO / "requirements" / f"{lock}.lock").read_text()) for lock in LOCKS}
    whole = sorted({package for packages in locks.values() for package in packages})
    try:
        found = offline(whole, records(given.advisories)) if given.advisories else online()
    except UnknownError as error:
        print(f"not audited: {error}", file=sys.stderr)
        return UNKNOWN
    for finding in sorted(set(found)):
        print(told(finding, [lock for lock, packages in locks.items() if finding.package in packages]))
    print(f"{len(whole)} packages of {len(LOCKS)} locks, {len(set(found)) or 'no'} known flaws")
    return FLAWED if found else 0


def locked(text: str) -> list[Package]:
    """The packages of a lock; one may be there twice, for two releases of Python."""
    return [Package(canonicalize_name(name), version) for name, version in _PINNED.findall(text)]


def told(finding: Finding, locks: Iterable[str]) -> str:
    way = f"fixed in {', '.join(finding.fixed)}" if finding.fixed else "no release mends it yet"
    package = finding.package
    return f"{package.name} {package.version} ({', '.join(locks)}.lock): {finding.advisory}, {way}"


def online() -> list[Finding]:
    """What pip-audit says of all locks. UnknownError where it could look up less than everything."""
    return [finding for lock in LOCKS for finding in _asked(REPO / "requirements" / f"{lock}.lock")]


def _asked(lock: Path) -> list[Finding]:
    options = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(lock)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return answered(said.stdout, said.stderr)


def answered(out: str, err: str) -> list[Finding]:
    """The flaws in pip-audit's JSON. It takes a package that the database does not answer for as one without flaws."""
    try:
        listed = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or ["pip-audit said nothing"])[-1]
        raise UnknownError(f"the advisory database can't be reached ({last}); {_WAY}") from None
    if skipped := [each for each in listed if "vulns" not in each]:
        raise UnknownError(
            f"the advisory database did not answer for {len(skipped)} of {len(listed)} packages, such as "
            f"{skipped[0]['name']} ({skipped[0].get('skip_reason', 'it gave no reason')}); {_WAY}"
        )
    return [
        Finding(Package(canonicalize_name(each["name"]), each["version"]), flaw["id"], tuple(flaw["fix_versions"]))
        for each in listed
        for flaw in each["vulns"]
    ]


_WAY: Final = "nothing is known of them. Without a network: make audit ADVISORIES=<OSV's all.zip for PyPI>"


def records(place: Path) -> Iterator[Json]:
    """OSV's records in an archive or a folder. UnknownError where there are none."""
    count = 0
    for text in _texts(place):
        count += 1
        yield json.loads(text)
    if not count:
        raise UnknownError(f"{place} holds no advisory (*.json)")


def _texts(place: Path) -> Iterator[bytes]:
    try:
        if place.is_dir():
            yield from (path.read_bytes() for path in sorted(place.rglob("*.json")))
            return
        with zipfile.ZipFile(place) as archive:
            yield from (archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".json"))
    except (OSError, zipfile.BadZipFile) as error:
        raise UnknownError(f"{place} can't be read: {error}") from error


def offline(packages: Iterable[Package], advisories: Iterable[Json]) -> list[Finding]:
    """The flaws of these packages by OSV's records; what was withdrawn is none."""
    named = defaultdict[str, list[Package]](list)
    for package in packages:
        named[package.name].append(package)
    return [
        Finding(package, record["id"], fixes(affected))
        for record in advisories
        if "withdrawn" not in record
        for affected in record.get("affected") or ()
        for package in named.get(_pypi_name(affected), ())
        if affects(affected, package.version)
    ]


def _pypi_name(affected: Mapping[str, Any]) -> str:
    package = affected.get("package") or {}
    return canonicalize_name(package["name"]) if package.get("ecosystem") == "PyPI" else ""


def affects(affected: Mapping[str, Any], version: str) -> bool:
    """Whether the record names this version, by itself or within a range."""
    ranges = (r for r in affected.get("ranges") or () if r.get("type") == "ECOSYSTEM")
    return version in (affected.get("versions") or ()) or any(_within(r["events"], version) for r in ranges)


def _within(events: Iterable[Mapping[str, str]], version: str) -> bool:
    """Whether a range's events leave the version affected: introduced at or before it, and not fixed until then."""
    inside, wanted = False, Version(version)
    for event in sorted(events, key=lambda e: _version(next(iter(e.values())))):
        (kind, at), *_ = event.items()
        if kind == "introduced" and wanted >= _version(at):
            inside = True
        if (kind == "fixed" and wanted >= _version(at)) or (kind == "last_affected" and wanted > _version(at)):
            inside = False
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def fixes(affected: Mapping[str, Any]) -> tuple[str, ...]:
    events = (event for each in affected.get("ranges") or () for event in each.get("events") or ())
    return tuple(event["fixed"] for event in events if "fixed" in event and len(event["fixed"]) < 40)  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main())
