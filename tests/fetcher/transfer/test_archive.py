"""Archives: unpacked to plain files below the destination, or refused with the reason."""

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fetcher.running import Command, Ended, contents
from fetcher.site import Site, plain

pytestmark = pytest.mark.slow
"""They talk to real servers, or move megabytes: `make test` plays them."""

Fill = Callable[[tarfile.TarFile], None]
FILES = {"model/weights.bin": os.urandom(50_000), "linnet.json": b'{"metrics": {"auc": 0.9}}'}


def entry(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", target: str = "") -> Fill:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname, info.mode = kind, len(data), target, 0o4777
        tar.addfile(info, io.BytesIO(data))

    return add


def tarball(*entries: Fill, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for add in entries:
            add(tar)
    return buffer.getvalue()


def files() -> list[Fill]:
    return [entry(name, data=data) for name, data in FILES.items()]


def zipped(entries: dict[str, bytes], mode: int = 0o100644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            package.writestr(info, data)
    return buffer.getvalue()


def brought(fetch: Command, site: Site, name: str, archive: bytes, *arguments: str) -> Ended:
    site.pages[f"/{name}"] = plain(archive)
    return fetch.given("--uri", f"{site.url}/{name}", *arguments).run()


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("m.tar.gz", tarball(*files())),
        ("m.tgz", tarball(*files())),
        ("M.TAR", tarball(*files(), mode="w:")),
        ("m.zip", zipped(FILES)),
        ("m.zip", zipped(FILES, mode=0)),
    ],
)
def test_unpacks(fetch: Command, site: Site, name: str, archive: bytes) -> None:
    """The tree is what the archive holds, whatever the archive: same digest, linnet.json at its root."""
    ended = brought(fetch, site, name, archive)
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == FILES
    assert ended.outcome["linnet"] == {"metrics": {"auc": "0.9"}}


def test_written_by_tar(fetch: Command, site: Site, tmp_path: Path) -> None:
    """What `tar -C folder .` writes has `./` before each name, and is unpacked all the same."""
    for name, data in FILES.items():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_bytes(data)
    subprocess.run(["tar", "-C", tmp_path / "src", "-czf", tmp_path / "m.tgz", "."], check=True)
    assert brought(fetch, site, "m.tgz", (tmp_path / "m.tgz").read_bytes()).code == 0
    assert contents(fetch.to) == FILES


def test_modes_are_plain(fetch: Command, site: Site) -> None:
    """An archive's modes, set-user-id among them, are not taken over."""
    brought(fetch, site, "m.tgz", tarball(*files()))
    assert {stat.S_IMODE((fetch.to / name).stat().st_mode) for name in FILES} == {0o644}
    assert stat.S_IMODE((fetch.to / "model").stat().st_mode) == 0o755


def test_include(fetch: Command, site: Site) -> None:
    """Only the members that `include` names are unpacked."""
    brought(fetch, site, "m.tgz", tarball(*files()), "--include", "*.json")
    assert list(contents(fetch.to)) == ["linnet.json"]


def test_inner_links(fetch: Command, site: Site) -> None:
    """Links within the archive become plain files, so that the digest covers them."""
    links = [
        entry("model/soft", tarfile.SYMTYPE, target="weights.bin"),
        entry("hard", tarfile.LNKTYPE, target="model/weights.bin"),
        entry("chain", tarfile.SYMTYPE, target="model/soft"),
    ]
    ended = brought(fetch, site, "m.tgz", tarball(*links, *files()))
    assert ended.code == 0, ended.output
    assert {contents(fetch.to)[name] for name in ("model/soft", "hard", "chain")} == {FILES["model/weights.bin"]}
    assert not any(path.is_symlink() for path in fetch.to.rglob("*"))
    assert ended.outcome["files"] == 5


@pytest.mark.parametrize(
    "bad",
    [
        entry("../evil", data=b"x"),
        entry("a/../../evil", data=b"x"),
        entry("/tmp/evil", data=b"x"),
        entry("./../evil", data=b"x"),
        entry("a\nb", data=b"x"),
        entry("a\\..\\b", data=b"x"),
        entry(".linnet/fetched.json", data=b"{}"),
        entry("out", tarfile.SYMTYPE, target="/etc/passwd"),
        entry("out", tarfile.SYMTYPE, target="../../etc/passwd"),
        entry("out", tarfile.SYMTYPE, target="missing"),
        entry("out", tarfile.SYMTYPE, target="out"),
        entry("out", tarfile.SYMTYPE, target="model"),
        entry("out", tarfile.LNKTYPE, target="../evil"),
        entry("../evil", tarfile.DIRTYPE),
        entry("device", tarfile.CHRTYPE),
        entry("disk", tarfile.BLKTYPE),
        entry("pipe", tarfile.FIFOTYPE),
        entry("model", data=b"a file where a folder is"),
    ],
)
def test_unsafe_tar(fetch: Command, site: Site, bad: Fill) -> None:
    """One entry that leaves the folder, or is no plain file, and nothing is published."""
    ended = brought(fetch, site, "m.tgz", tarball(*files(), bad))
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output
    assert contents(fetch.to) == {}
    assert not (fetch.folder / "evil").exists()
    assert not Path("/tmp/evil").exists()


def test_write_through_link(fetch: Command, site: Site, tmp_path: Path) -> None:
    """A link followed by a file below its name writes nothing where the link points to."""
    bad = [entry("d", tarfile.SYMTYPE, target=str(tmp_path)), entry("d/evil", data=b"x")]
    assert brought(fetch, site, "m.tgz", tarball(*bad)).reason == "UnsafeArchive"
    inner = [entry("d", tarfile.SYMTYPE, target="model"), entry("d/evil", data=b"x"), *files()]
    assert brought(fetch, site, "m.tgz", tarball(*inner)).reason == "UnsafeArchive"
    assert not list(tmp_path.glob("evil"))


@pytest.mark.parametrize(
    "archive",
    [zipped({"../evil": b"x"}), zipped({"/evil": b"x"}), zipped({"link": b"/etc/passwd"}, mode=0o120777)],
)
def test_unsafe_zip(fetch: Command, site: Site, archive: bytes) -> None:
    """A zip may leave the folder no more than a tar."""
    ended = brought(fetch, site, "m.zip", archive)
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output
    assert contents(fetch.to) == {}


@pytest.mark.parametrize("name", ["m.tgz", "m.tar", "m.zip"])
@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_damaged(fetch: Command, site: Site, name: str, damage: str) -> None:
    """An archive that can't be read is told as such, not as a traceback."""
    whole = zipped(FILES) if name == "m.zip" else tarball(*files(), mode="w:gz" if name == "m.tgz" else "w:")
    archive = {"cut": whole[: len(whole) // 2], "garbage": b"<html>login</html>" * 99, "empty": b""}[damage]
    ended = brought(fetch, site, name, archive)
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output
    assert contents(fetch.to) == {}


def broken(compression: int) -> bytes:
    """A zip whose entry's data are others than were compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as package:
        package.writestr("m", os.urandom(100_000))
    data = bytearray(buffer.getvalue())
    data[40:90] = bytes(byte ^ 255 for byte in data[40:90])
    return bytes(data)


def misplaced() -> bytes:
    """A zip whose list of entries lies before its beginning."""
    data = bytearray(zipped(FILES))
    data[-6:-2] = b"\xff\xff\xff\x00"
    return bytes(data)


def sized(size: str) -> bytes:
    """A tar whose extended header tells this size."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in "ab":
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 1, {"size": size}
            tar.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("m.zip", broken(zipfile.ZIP_LZMA)),
        ("m.zip", broken(zipfile.ZIP_BZIP2)),
        ("m.zip", broken(zipfile.ZIP_DEFLATED)),
        ("m.zip", misplaced()),
        ("m.tar", sized("-2048")),
        ("m.tar", sized("9" * 30)),
    ],
    ids=["lzma", "bzip2", "deflated", "misplaced", "below zero", "huge"],
)
def test_damage_within_is_the_archives(fetch: Command, site: Site, name: str, archive: bytes) -> None:
    """What a reader of a compression complains of is no fault of the volume or of ours, and is not tried again."""
    ended = brought(fetch, site, name, archive)
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output


def test_bomb(fetch: Command, site: Site) -> None:
    """A small archive that unpacks to more than the cap is stopped on the way."""
    bomb = tarball(*(entry(f"zeros-{n}", data=bytes(2**20)) for n in range(8)))
    ended = brought(fetch, site, "m.tgz", bomb, "--max-unpacked", "5Mi")
    assert (ended.code, ended.reason) == (2, "UnsafeArchive")
    assert "5.0 MiB" in ended.message
    assert contents(fetch.to) == {}


def test_bomb_against_storage(fetch: Command, site: Site) -> None:
    """One that unpacks to more than spec.pod.storage.size is NoSpace, with the field's name."""
    bomb = tarball(*(entry(f"zeros-{n}", data=bytes(2**20)) for n in range(12)))
    ended = brought(fetch, site, "m.tgz", bomb, "--size-limit", "8Mi")
    assert (ended.code, ended.reason) == (2, "NoSpace"), ended.output
    assert "spec.pod.storage.size" in ended.message


def test_last_entry_counts(fetch: Command, site: Site) -> None:
    """A name that was added twice (`tar -r`) holds what was added last."""
    brought(fetch, site, "m.tgz", tarball(entry("f", data=b"old"), entry("f", data=b"new")))
    assert contents(fetch.to) == {"f": b"new"}
