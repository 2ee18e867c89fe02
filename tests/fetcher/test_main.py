"""What a pod can do to `linnet fetch`: kill it, stop it, restart it, give it little space or memory."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fetcher.running import Command, contents, shell_digest
from fetcher.site import Answer, Site, plain, ranged, send

BODY = os.urandom(200_000)
MIB = 2**20


def stalling(body: bytes, after: int, gate: threading.Event) -> Answer:
    """Ranges; answers beyond `after` bytes of the file wait for the gate."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        span = handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        if int(span[0]) >= after:
            gate.wait(60)
        ranged(body)(handler)

    return answer


def until(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.integration
def test_killed_then_run_again(fetch: Command, site: Site, gate: threading.Event) -> None:
    """Killed in the middle, nothing is published; run again, it asks only for what is missing."""
    body = os.urandom(100 * MIB)
    site.pages["/f"] = stalling(body, 64 * MIB, gate)
    journal = fetch.to / ".linnet/staging/journal"
    running = fetch.given("--uri", f"{site.url}/f").start()
    until(lambda: journal.exists() and journal.read_text().count('"one') == 2)
    running.kill()
    assert contents(fetch.to) == {}
    gate.set()
    before = len(site.requests)
    ended = fetch.run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": body}
    asked = [headers["Range"] for _, headers in site.requests[before + 1 :]]
    assert set(asked) == {f"bytes={64 * MIB}-{96 * MIB - 1}", f"bytes={96 * MIB}-{100 * MIB - 1}"}
    assert "64.0 MiB of 100.0 MiB are here" in ended.output
    assert not journal.exists()


def test_terminated(fetch: Command, site: Site, gate: threading.Event) -> None:
    """SIGTERM ends it at once, also while it waits for a server, and says so."""
    site.pages["/f"] = stalling(BODY, 0, gate)
    running = fetch.given("--uri", f"{site.url}/f").start()
    until(lambda: site.requests)
    ended = running.terminate()
    assert (ended.code, ended.reason) == (1, "Interrupted")


@pytest.mark.slow
def test_deadline(fetch: Command, site: Site, gate: threading.Event) -> None:
    """The deadline ends a fetch that a server keeps waiting, and names the field to raise."""
    site.pages["/f"] = stalling(BODY, 0, gate)
    ended = fetch.apart().given("--uri", f"{site.url}/f", "--deadline", "300ms").run()
    assert (ended.code, ended.reason) == (1, "Timeout")
    assert "spec.deadlines.fetch" in ended.message


def test_restarted_with_digest(fetch: Command, site: Site) -> None:
    """A container that is started again finds the expected tree, and makes no request."""
    site.pages["/f"] = plain(BODY)
    first = fetch.given("--uri", f"{site.url}/f").run()
    count = len(site.requests)
    second = fetch.given("--digest", first.outcome["digest"]).run()
    assert (second.code, second.outcome["digest"], len(site.requests)) == (0, first.outcome["digest"], count)
    assert second.outcome["files"] == 1


@pytest.mark.parametrize("tamper", ["change", "add", "link"])
def test_tampered_tree_is_fetched_anew(fetch: Command, site: Site, tamper: str) -> None:
    """A tree that is not exactly the expected one is replaced, stray links included."""
    site.pages["/f"] = plain(BODY)
    fetch.given("--digest", fetch.given("--uri", f"{site.url}/f").run().outcome["digest"])
    match tamper:
        case "change":
            (fetch.to / "f").write_bytes(b"evil")
        case "add":
            (fetch.to / "extra.py").write_bytes(b"evil")
        case "link":
            (fetch.to / "extra.py").symlink_to("/etc/passwd")
    assert fetch.run().code == 0
    assert contents(fetch.to) == {"f": BODY}
    assert not (fetch.to / "extra.py").is_symlink()


def test_wrong_digest(fetch: Command, site: Site) -> None:
    """Another artifact than the expected one: both digests are told and nothing stays on disk."""
    site.pages["/f"] = plain(BODY)
    expected = "sha256:" + "0" * 64
    ended = fetch.given("--uri", f"{site.url}/f", "--digest", expected).run()
    assert (ended.code, ended.reason) == (2, "DigestMismatch")
    found = next(word for word in ended.message.replace(",", " ").split() if word.startswith("sha256:"))
    assert found != expected
    assert expected in ended.message
    assert not [path for path in fetch.to.rglob("*") if path.is_file()]


def test_new_content_replaces_the_old(fetch: Command, site: Site) -> None:
    """Without an expected digest a second run brings what is there now, and only that."""
    site.pages["/old"] = plain(b"1")
    site.pages["/new"] = plain(b"2")
    fetch.given("--uri", f"{site.url}/old").run()
    fetch.arguments = ["--uri", f"{site.url}/new"]
    assert fetch.run().code == 0
    assert contents(fetch.to) == {"new": b"2"}


def test_self_report(fetch: Command, site: Site) -> None:
    """A linnet.json at the root is reported with the outcome."""
    site.pages["/linnet.json"] = plain(b'{"metrics": {"auc": 0.99}, "lineage": {"code": "git@1"}, "x": 1}')
    ended = fetch.given("--uri", f"{site.url}/linnet.json").run()
    assert ended.outcome["linnet"] == {"metrics": {"auc": "0.99"}, "lineage": {"code": "git@1"}}


def test_malformed_self_report(fetch: Command, site: Site) -> None:
    """A linnet.json that can't be read is a warning: the artifact is there all the same."""
    site.pages["/linnet.json"] = plain(b'{"metrics": ' + b"[" * 50_000)
    ended = fetch.given("--uri", f"{site.url}/linnet.json").run()
    assert (ended.code, ended.outcome["outcome"]) == (0, "Fetched")
    assert "linnet.json" in ended.outcome["warning"]
    assert len(ended.raw) <= 4096


@pytest.mark.integration
def test_bounded_memory(fetch: Command, site: Site) -> None:
    """300 MB pass through less than 200 MB of memory."""
    body = os.urandom(MIB) * 300
    site.pages["/f"] = ranged(body)
    ended = fetch.apart().given("--uri", f"{site.url}/f").run()
    assert ended.outcome["bytes"] == len(body)
    assert ended.outcome["digest"] == shell_digest(fetch.to)
    assert ended.peak < 200 * 10**6


def test_size_limit(fetch: Command, site: Site) -> None:
    """What passes spec.pod.storage.size is not begun: both numbers and the field are named."""
    site.pages["/f"] = ranged(BODY)
    ended = fetch.given("--uri", f"{site.url}/f", "--size-limit", "100k").run()
    assert (ended.code, ended.reason, len(site.requests)) == (2, "NoSpace", 1)
    for part in (str(len(BODY)), "97.7 KiB", "spec.pod.storage.size"):
        assert part in ended.message


@pytest.fixture
def small_disk(fetch: Command) -> Iterator[Command]:
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a small file system")
    fetch.to.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", fetch.to], check=True)
    yield fetch
    subprocess.run(["umount", fetch.to], check=True)


def test_no_space(small_disk: Command, site: Site) -> None:
    """A disk that is too small is noticed before the first byte of the artifact."""
    site.pages["/f"] = ranged(bytes(5 * MIB))
    ended = small_disk.given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason, len(site.requests)) == (2, "NoSpace", 1)
    assert str(5 * MIB) in ended.message


def test_disk_fills_up(small_disk: Command, site: Site) -> None:
    """Where the length is not told beforehand, a disk that fills up is NoSpace too."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, {}, bytes(5 * MIB))

    site.pages["/f"] = endless
    ended = small_disk.given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason) == (2, "NoSpace")
    assert "spec.pod.storage.size" in ended.message


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it runs as another user")
def test_folder_not_writable(fetch: Command, site: Site, tmp_path: Path) -> None:
    """A volume that the pod's user may not write is told in one sentence, not in a traceback."""
    site.pages["/f"] = plain(BODY)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    fetch.apart("setpriv", "--reuid=65532", "--regid=65532", "--clear-groups")
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert "can't be written" in ended.output, ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--uri", "s3://bucket/x", "--digest", "abc"],
        ["--uri", "s3://bucket/x", "--deadline", "soon"],
        ["--uri", "s3://bucket/x", "--size-limit", "big"],
        [],
    ],
)
def test_wrong_arguments(fetch: Command, arguments: list[str]) -> None:
    """A wrong command line is an outcome like any other."""
    ended = fetch.given(*arguments).run()
    assert (ended.code, ended.reason) == (2, "InvalidArguments")


def test_starts_light(tmp_path: Path) -> None:
    """Neither command loads the operator's libraries."""
    code = (
        "import sys, linnet.fetcher.main, linnet.fetcher.probe.main\n"
        "heavy = {'kopf', 'kubernetes', 'pydantic', 'httpx', 'aiohttp', 'obstore', 'prometheus_client', 'yaml'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://127.0.0.1?/x/y",
        "s3://evil.example?/models/1",
        "s3://a;b/x",
        "s3://%31/x",
        "s3://..%2f/x",
        "s3://127.0.0.1%3f/x",
        "s3://[::1]/x",
    ],
)
def test_a_bucket_is_no_host(fetch: Command, uri: str) -> None:
    """The S3 library makes a host's name of it: what would be another server, or its panic, is refused at once."""
    ended = fetch.given("--uri", uri, "--deadline", "5s").run()
    assert (ended.code, ended.reason) == (2, "InvalidURI"), ended.output
