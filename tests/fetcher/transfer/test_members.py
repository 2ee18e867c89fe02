"""What archives say of themselves is read in bounded memory and time, whatever it says."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from fetcher.running import Command, Ended, contents
from fetcher.site import Site, plain

pytestmark = pytest.mark.slow
"""Each is a process of its own, whose memory is measured: `make test` plays them."""

MOST = 150 * 10**6
"""Bytes; the container has 512 MiB."""
MIB = 2**20
BLOCK = tarfile.BLOCKSIZE


def header(kind: bytes, size: int, name: str = "m") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def negative(kind: bytes) -> bytes:
    """A header of the size -512, as base 256 has it."""
    block = bytearray(header(kind, 0))
    block[124:136] = b"\xff" * 10 + b"\xfe\x00"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


@cache
def zipped(data: bytes) -> bytes:
    """One part of a file of gzip, which may have many."""
    return gzip.compress(data, 1)


def extended(body: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header(kind, len(body)) + padded(body)


def record(keyword: str, value: str) -> bytes:
    rest = f" {keyword}={value}\n".encode()
    length = next(n for n in range(len(rest), len(rest) + 9) if len(str(n)) + len(rest) == n)
    return str(length).encode() + rest


def gibibyte(kind: bytes, unit: bytes = bytes(MIB)) -> Iterator[bytes]:
    """An entry whose gibibyte tarfile reads before it looks at it."""
    yield header(kind, 2**30)
    for _ in range(2**30 // len(unit)):
        yield unit


def sparse() -> Iterator[bytes]:
    """A map of a sparse file with half a billion places."""
    yield extended(record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0"))
    yield header(tarfile.REGTYPE, 2**30) + padded(b"500000000\n" + b"0\n" * 251)
    for _ in range(2**30 // MIB):
        yield b"0\n" * (MIB // 2)


def old_sparse() -> Iterator[bytes]:
    """The same in an older way: blocks which say that another follows."""
    first = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    first[482], first[148:156] = 1, b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    yield bytes(first)
    block = (b"%011o\0" % 1 * 42)[:504] + b"\x01" + bytes(7)
    for _ in range(2**29 // BLOCK):
        yield block


def everywhere() -> Iterator[bytes]:
    """Words about all members, again and again."""
    for each in range(1_500):
        yield extended(record(f"key{each}", "x" * 120_000), tarfile.XGLTYPE)
        yield header(tarfile.DIRTYPE, 0)


def many() -> Iterator[bytes]:
    """Headers of 200 KiB for each of many members."""
    whole = extended(record("comment", "x" * 200_000)) + header(tarfile.DIRTYPE, 0)
    for _ in range(1_500):
        yield whole


def one(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter((data + header(tarfile.REGTYPE, 0) + bytes(2 * BLOCK),))


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (lambda: gibibyte(tarfile.XHDTYPE), "headers of more than is read: 256.0 KiB for one member"),
        (lambda: gibibyte(tarfile.XGLTYPE), "headers of more than is read"),
        (lambda: gibibyte(tarfile.GNUTYPE_LONGNAME), "headers of more than is read"),
        (lambda: gibibyte(tarfile.GNUTYPE_LONGLINK), "headers of more than is read"),
        (sparse, "headers of more than is read"),
        (old_sparse, "headers of more than is read"),
        (many, "headers of more than is read"),
        (everywhere, "more than 256.0 KiB of all of its members"),
        (one(extended(b"2 " * 100_000 + b"=")), "an extended header that can't be read"),
        (one(extended(record("comment", "9" * 200_000))), "a number of more than 63 digits"),
        (one(header(tarfile.DIRTYPE, 0) + negative(tarfile.REGTYPE)), "a size below zero"),
        (one(header(tarfile.DIRTYPE, 0) + negative(tarfile.XHDTYPE)), "headers of more than is read"),
        (one(header(tarfile.DIRTYPE, 0) + extended(record("size", "-1536"))), "a size below zero"),
    ],
    ids=[
        *("pax", "global", "long name", "long link", "sparse", "old sparse", "many", "everywhere"),
        *("records", "digits", "negative", "negative header", "negative by a header"),
    ],
)
def test_headers_without_end_are_refused(
    fetch: Command, site: Site, parts: Callable[[], Iterator[bytes]], sentence: str
) -> None:
    """A small archive that would take gigabytes, or hours, is told in a sentence."""
    packed = b"".join(map(zipped, parts()))
    ended = brought(fetch, site, "m.tgz", packed)
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output
    assert sentence in ended.message
    assert ended.peak < MOST


def table(entries: int) -> bytes:
    """A zip of empty files, whose names are long."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("a" * 400, b"")
    data = packed.getvalue()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    listed = data[start:end]
    whole = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(listed) * entries, start, 0)
    return data[:start] + listed * entries + whole


def compressed(how: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as package, package.open("m", "w", force_zip64=True) as file:
        for _ in range(400):
            file.write(bytes(MIB))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (lambda: table(200_000), "a table of contents of more than 32.0 MiB"),
        (lambda: compressed(zipfile.ZIP_BZIP2), "'m' is compressed otherwise than by deflate"),
        (lambda: compressed(zipfile.ZIP_LZMA), "'m' is compressed otherwise than by deflate"),
    ],
    ids=["table", "bzip2", "lzma"],
)
def test_a_zip_that_takes_gigabytes_is_refused(
    fetch: Command, site: Site, archive: Callable[[], bytes], sentence: str
) -> None:
    """By its table of contents, or by a compression that zipfile unpacks whole."""
    packed = archive()
    ended = brought(fetch, site, "m.zip", packed)
    assert (ended.code, ended.reason) == (2, "UnsafeArchive"), ended.output
    assert sentence in ended.message
    assert ended.peak < MOST


@pytest.mark.parametrize("how", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_honest_archives_say_is_read(fetch: Command, site: Site, tmp_path: Path, how: int) -> None:
    """Long names, links to them, attributes, times with fractions, words about all members, in each tar's way."""
    name = "folder/" * 30 + "ü" * 60 + "x" * 60
    packed = io.BytesIO()
    words = {"comment": "of all"} if how == tarfile.PAX_FORMAT else None
    with tarfile.open(fileobj=packed, mode="w:gz", format=how, pax_headers=words) as tar:
        file, link = tarfile.TarInfo(name), tarfile.TarInfo("link" * 40)
        file.size, file.mtime, link.type, link.linkname = 3, 1.5, tarfile.LNKTYPE, name
        file.pax_headers = {"SCHILY.xattr.user.note": "a\nb = c" * 5_000}
        tar.addfile(file, io.BytesIO(b"abc"))
        tar.addfile(link)
    ended = brought(fetch, site, "m.tgz", packed.getvalue())
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {name: b"abc", "link" * 40: b"abc"}


def brought(fetch: Command, site: Site, name: str, archive: bytes) -> Ended:
    site.pages[f"/{name}"] = plain(archive)
    return fetch.apart().given("--uri", f"{site.url}/{name}").run()
