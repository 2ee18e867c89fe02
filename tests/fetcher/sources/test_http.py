"""`linnet fetch` from a real HTTP server: what it brings, what it refuses, and how it goes on after faults."""

import os
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fetcher.running import Command, contents, shell_digest
from fetcher.site import Answer, Site, breaking, in_turn, plain, ranged, send, serving, status

pytestmark = pytest.mark.slow
"""They talk to real servers, or move megabytes: `make test` plays them."""

BODY = os.urandom(300_000)
BIG = os.urandom(70 * 2**20)


def test_fetches(fetch: Command, site: Site) -> None:
    """One file: its bytes, its digest, readable by every user, and progress in the log."""
    site.pages["/m/model.bin"] = ranged(BODY)
    ended = fetch.given("--uri", f"{site.url}/m/model.bin").run()
    assert (ended.code, ended.outcome["outcome"]) == (0, "Fetched")
    assert contents(fetch.to) == {"model.bin": BODY}
    assert ended.outcome["digest"] == shell_digest(fetch.to)
    assert (ended.outcome["files"], ended.outcome["bytes"]) == (1, len(BODY))
    assert (fetch.to / "model.bin").stat().st_mode & 0o777 == 0o644
    assert "(100 %)" in ended.output
    assert ended.output.strip().splitlines()[-1].encode() == ended.raw


@pytest.mark.parametrize("answer", [plain(BODY), ranged(BODY), ranged(b""), plain(b"")])
def test_any_server(fetch: Command, site: Site, answer: Answer) -> None:
    """With ranges or without, and an empty file too."""
    site.pages["/f"] = answer
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert list(contents(fetch.to)) == ["f"]


def test_length_untold(fetch: Command, site: Site) -> None:
    """A server that streams chunks without a length is read to its end."""

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        chunk = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
        send(handler, 200, {"Transfer-Encoding": "chunked", "Connection": "close"}, chunk)

    site.pages["/f"] = chunked
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": BODY}


@pytest.mark.parametrize(
    ("code", "reason"),
    [(401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound"), (410, "NotFound"), (400, "Rejected")],
)
def test_final_answers(fetch: Command, site: Site, code: int, reason: str) -> None:
    """What only a person can change is asked for once, and ends with code 2 and the URI in the message."""
    site.pages["/f"] = status(code)
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason, len(site.requests)) == (2, reason, 1)
    assert f"{site.url}/f" in ended.message
    assert str(code) in ended.message


def test_passing_faults(fetch: Command, site: Site) -> None:
    """A server that is busy for a while is asked again, and each attempt is in the log."""
    site.pages["/f"] = in_turn(status(503, Retry_After="0"), status(429), status(500), ranged(BODY))
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0
    assert contents(fetch.to) == {"f": BODY}
    assert "503" in ended.output
    assert "attempt 4 of 6" in ended.output


@pytest.mark.parametrize("said", ["\xb2", "9" * 5000, "-1", "soon"])
def test_a_wait_that_is_no_number_is_none(fetch: Command, site: Site, said: str) -> None:
    """A server may write anything in Retry-After: it is asked again as if it had written nothing."""
    site.pages["/f"] = in_turn(status(503, Retry_After=said), ranged(BODY))
    assert fetch.given("--uri", f"{site.url}/f").run().code == 0
    assert contents(fetch.to) == {"f": BODY}


def test_a_size_of_five_thousand_digits_is_none(fetch: Command, site: Site) -> None:
    """The file is then read as one whose size was not told, and it is no fault of ours."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 206, {"Content-Range": f"bytes 0-0/{'9' * 5000}", "Content-Length": "1"}, BODY[:1])

    site.pages["/f"] = in_turn(endless, plain(BODY))
    assert fetch.given("--uri", f"{site.url}/f").run().reason != "Internal"


def test_gives_up(fetch: Command, site: Site) -> None:
    """A server that stays broken is given up with code 1: another start may help."""
    site.pages["/f"] = status(503)
    ended = fetch.given("--uri", f"{site.url}/f", "--attempts", "3").run()
    assert (ended.code, ended.reason, len(site.requests)) == (1, "Unreachable", 3)
    assert "503" in ended.message


def test_nobody_listens(fetch: Command) -> None:
    """A port that is closed is Unreachable, and the message says so."""
    ended = fetch.given("--uri", "http://127.0.0.1:1/f", "--attempts", "2").run()
    assert (ended.code, ended.reason) == (1, "Unreachable")
    assert "refused" in ended.message.lower()


def test_resumes_by_range(fetch: Command, site: Site) -> None:
    """Connections that break off in the middle are continued from where they broke."""
    site.pages["/f"] = breaking(BIG, after=5_000_000, times=4)
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": BIG}
    starts = [int(span.removeprefix("bytes=").partition("-")[0]) for span in site.ranges]
    assert len(set(starts)) == len(starts) > 3, "no byte is asked for twice"


@pytest.mark.parametrize("tag", ['"v\xe91"', '"v\xc3\xa91"'], ids=["latin-1", "utf-8"])
def test_a_tag_goes_back_byte_by_byte(fetch: Command, site: Site, tag: str) -> None:
    """An ETag may hold bytes that are no ASCII (RFC 9110, 8.8.3), whatever its server means by them."""
    site.pages["/f"] = breaking(BODY, after=100_000, times=1, tag=tag)
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": BODY}
    assert [headers.get("If-Range") for _, headers in site.requests] == [None, tag, tag]


def test_starts_over_without_ranges(fetch: Command, site: Site) -> None:
    """A server without ranges that breaks off is read again from the start."""

    def broken(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, {"Content-Length": str(len(BODY))}, BODY[:1000])

    site.pages["/f"] = in_turn(plain(BODY), broken, plain(BODY))
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"f": BODY}
    assert f"1000 of {len(BODY)}" in ended.output


def test_changed_meanwhile(fetch: Command, site: Site) -> None:
    """A file that is replaced while it is read is never put together from two versions."""
    new = os.urandom(len(BIG))
    site.pages["/f"] = in_turn(ranged(BIG), ranged(BIG), ranged(new, '"two"'))
    first = fetch.given("--uri", f"{site.url}/f").run()
    assert (first.code, first.reason) == (1, "Changed")
    assert contents(fetch.to) == {}
    second = fetch.run()
    assert second.code == 0
    assert contents(fetch.to) == {"f": new}


def test_follows_redirects(fetch: Command, site: Site) -> None:
    """Redirects are followed, and the file is named after the URI that a person wrote."""
    site.pages["/f.bin"] = status(302, Location="/cdn/x?sig=1")
    site.pages["/cdn/x"] = ranged(BODY)
    assert fetch.given("--uri", f"{site.url}/f.bin").run().code == 0
    assert contents(fetch.to) == {"f.bin": BODY}


def test_endless_redirects(fetch: Command, site: Site) -> None:
    """A loop of redirects ends."""
    site.pages["/f"] = status(302, Location="/f")
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason, len(site.requests)) == (2, "UnsafeRedirect", 6)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "AddressNotAllowed"),
        ("http://[fe80::1]/", "AddressNotAllowed"),
        ("http://[::ffff:169.254.169.254]/", "AddressNotAllowed"),
        ("http://[fd00:ec2::254]/", "AddressNotAllowed"),
        ("file:///etc/passwd", "UnsafeRedirect"),
        ("ftp://127.0.0.1/x", "UnsafeRedirect"),
    ],
)
def test_forbidden_redirects(fetch: Command, site: Site, location: str, reason: str) -> None:
    """No redirect leads to a node's identity or to the pod's files."""
    site.pages["/f"] = status(302, Location=location)
    ended = fetch.given("--uri", f"{site.url}/f", "--deadline", "20s").run()
    assert (ended.code, ended.reason) == (2, reason)


def test_metadata_is_no_artifact(fetch: Command) -> None:
    """The metadata service is refused as a URI too."""
    ended = fetch.given("--uri", "http://169.254.169.254/latest", "--deadline", "20s").run()
    assert (ended.code, ended.reason) == (2, "AddressNotAllowed")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives a namespace of its own a link-local address")
def test_name_of_metadata(fetch: Command, tmp_path: Path) -> None:
    """A name that resolves to a link-local address gets a connection but no request."""
    hosts = tmp_path / "hosts"
    hosts.write_text("169.254.7.7 innocent.test\n")
    seen = tmp_path / "seen"
    script = (
        f"ip link set lo up && ip addr add 169.254.7.7/32 dev lo && mount --bind {hosts} /etc/hosts || exit 99\n"
        f"python3 -u -m http.server 80 --bind 169.254.7.7 > {seen} 2>&1 & server=$!\n"
        'until grep -q Serving "$0"; do sleep 0.05; done\n'
        '"$@"; code=$?; kill $server; exit $code'
    )
    fetch.apart("unshare", "--mount", "--net", "sh", "-c", script, str(seen))
    ended = fetch.given("--uri", "http://innocent.test/f").run()
    assert (ended.code, ended.reason) == (2, "AddressNotAllowed"), ended.output
    assert "GET" not in seen.read_text()


def test_authorization(fetch: Command, site: Site) -> None:
    """The authorization reaches the server below allowedPrefix."""
    site.pages["/m/f"] = ranged(BODY)
    fetch.secret(allowedPrefix=f"{site.url}/m/", authorization="Bearer canary-1")
    assert fetch.given("--uri", f"{site.url}/m/f").run().code == 0
    assert {headers["Authorization"] for _, headers in site.requests} == {"Bearer canary-1"}


def test_authorization_in_latin_1(fetch: Command, site: Site) -> None:
    """An é is one byte of a header, and blanks around the value are none of it."""
    site.pages["/f"] = ranged(BODY)
    ended = (
        fetch.secret(allowedPrefix=site.url, authorization=" Bearer caf\xe9\n").given("--uri", f"{site.url}/f").run()
    )
    assert ended.code == 0, ended.output
    assert {headers["Authorization"] for _, headers in site.requests} == {"Bearer caf\xe9"}


@pytest.mark.parametrize(
    "value", ["Bearer canary\ncanary", "Bearer\r\nX-Canary: 1", "Bearer canary\x01", "Bearer canary字"]
)
def test_authorization_that_no_header_can_be(fetch: Command, site: Site, value: str) -> None:
    """It is told once which key of the Secret must be corrected, nothing of the value, and nobody is asked."""
    ended = fetch.secret(allowedPrefix=site.url, authorization=value).given("--uri", f"{site.url}/f").run()
    assert (ended.code, ended.reason) == (2, "Unauthorized"), ended.output
    assert "authorization of its credentials Secret must be one line" in ended.message
    assert not any(word in ended.output.lower() for word in ("bearer", "canary", "attempt"))
    assert site.requests == []


def test_authorization_stays(fetch: Command, site: Site) -> None:
    """No redirect carries the authorization to another server, or out of allowedPrefix."""
    with serving() as other:
        site.pages["/m/f"] = status(302, Location="/elsewhere")
        site.pages["/elsewhere"] = status(302, Location=f"{other.url}/x")
        other.pages["/x"] = ranged(BODY)
        fetch.secret(allowedPrefix=f"{site.url}/m", authorization="Bearer canary-1")
        assert fetch.given("--uri", f"{site.url}/m/f").run().code == 0
    assert {path for path, headers in site.requests if "Authorization" in headers} == {"/m/f"}
    assert all("Authorization" not in headers for _, headers in other.requests)


@pytest.mark.parametrize("prefix", ["", "http://127.0.0.1:1/m", "s3://bucket/"])
def test_credentials_not_allowed(fetch: Command, site: Site, prefix: str) -> None:
    """Credentials without a fitting allowedPrefix: not one request is made."""
    fetch.secret(allowedPrefix=prefix, authorization="Bearer canary-1")
    ended = fetch.given("--uri", f"{site.url}/m/f").run()
    assert (ended.code, ended.reason) == (2, "CredentialsNotAllowed")
    assert "allowedPrefix" in ended.message or "allows" in ended.message
    assert site.requests == []


def test_tls(fetch: Command, certificate: Path) -> None:
    """A certificate that nobody vouches for is refused, one that SSL_CERT_FILE vouches for is taken."""
    with serving(certificate) as secure:
        secure.pages["/f"] = ranged(BODY)
        ended = fetch.given("--uri", f"{secure.url}/f", "--attempts", "2").run()
        assert (ended.reason, "certificate" in ended.message) == ("Unreachable", True)
        assert fetch.env(SSL_CERT_FILE=str(certificate.with_name("ca.pem"))).run().code == 0
    assert contents(fetch.to) == {"f": BODY}


def test_no_redirect_to_plain_http(fetch: Command, site: Site, certificate: Path) -> None:
    """A redirect from https to http is not followed."""
    site.pages["/f"] = ranged(BODY)
    with serving(certificate) as secure:
        secure.pages["/f"] = status(302, Location=f"{site.url}/f")
        ended = fetch.env(SSL_CERT_FILE=str(certificate.with_name("ca.pem"))).given("--uri", f"{secure.url}/f").run()
    assert (ended.code, ended.reason) == (2, "UnsafeRedirect")
    assert site.requests == []


def test_no_secret_in_any_output(fetch: Command, site: Site) -> None:
    """Canaries in the query, the headers and the keys are in no line, message or file, however it ends."""
    presigned = f"{site.url}/m/f?X-Amz-Signature=canary-signature&token=canary-token"
    fetch.apart().given("--uri", presigned, "--attempts", "2").secret(
        allowedPrefix=f"{site.url}/m?*",
        authorization="Basic canary-basic",
        AWS_SECRET_ACCESS_KEY="canary-secret-key",
        AWS_SESSION_TOKEN="canary-session",
    )
    answers = [
        status(404),
        status(403),
        status(503),
        plain(b"x"),
        status(302, Location="http://169.254.1.1/?canary-loc=1"),
    ]
    for answer in [
        *answers,
        status(302, Location="gopher://x/?canary-token"),
        status(302, Location="/m/f?canary-token"),
    ]:
        site.pages["/m/f"] = answer
        ended = fetch.run()
        assert b"canary" not in ended.raw
        assert "canary" not in ended.output, ended.output
    files = [path for path in fetch.to.rglob("*") if path.is_file()]
    assert files
    assert all(b"canary" not in path.read_bytes() for path in files)
