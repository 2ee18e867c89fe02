"""The destination's folder: the artifact is put together in `.linnet/staging` and appears in one go.

Everything of the fetcher's own is below `.linnet`, which no digest covers:
staging/download (files as they arrive), staging/unpacked, staging/journal, and fetched.json, the last thing written.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linnet.fetcher.tree import OWN


@dataclass(frozen=True)
class Staging:
    to: Path

    @property
    def folder(self) -> Path:
        return self.to / OWN / "staging"

    @property
    def download(self) -> Path:
        return self.folder / "download"

    @property
    def unpacked(self) -> Path:
        return self.folder / "unpacked"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def marker(self) -> Path:
        return self.to / OWN / "fetched.json"

    def make(self) -> None:
        self.download.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.unpacked, ignore_errors=True)
        self.unpacked.mkdir()

    def prune(self, paths: Collection[str]) -> None:
        """Remove what an earlier run downloaded and this one doesn't want, and folders left empty by it."""
        wanted = set(paths)
        for here, _, names in os.walk(self.download, topdown=False):
            for name in names:
                file = Path(here) / name
                if file.relative_to(self.download).as_posix() not in wanted:
                    file.unlink()
            if Path(here) != self.download and not os.listdir(here):  # noqa: PTH208 - only whether there is any
                Path(here).rmdir()

    def publish(self, tree: Path, marker: dict[str, Any]) -> None:
        """Put `tree` where the server looks, in place of what was there. A crash in between leaves no marker."""
        self.marker.unlink(missing_ok=True)
        make_readable(tree)
        self.clear()
        for entry in sorted(tree.iterdir()):
            entry.rename(self.to / entry.name)
        shutil.rmtree(self.folder)
        self.marker.write_text(json.dumps(marker) + "\n", encoding="utf-8")
        self.marker.chmod(0o644)

    def clear(self) -> None:
        """Remove the artifact that is there."""
        for entry in self.to.iterdir():
            if entry.name in (OWN, "lost+found"):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def discard(self) -> None:
        """Remove everything, fetched or half fetched."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.marker.unlink(missing_ok=True)
        self.clear()


def make_readable(tree: Path) -> None:
    """Set files to 0644 and folders to 0755, since the server runs as another user."""
    for here, _, names in os.walk(tree):
        for path, mode in ((Path(here), 0o755), *((Path(here) / name, 0o644) for name in names)):
            with contextlib.suppress(PermissionError):  # a mount's root may belong to somebody else
                path.chmod(mode)
