"""`linnet fetch` from a real S3 server (versitygw)."""

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from fetcher.running import Command, contents, shell_digest
from fetcher.site import plain, serving
from fetcher.sources.buckets import KEY, SECRET, Bucket, cutting

pytestmark = pytest.mark.integration

FILES = {
    "model.joblib": os.urandom(300_000),
    "linnet.json": json.dumps({"metrics": {"auc": 0.991}}).encode(),
    "sub/folder/a b#c+d%20é~.txt": b"odd name",
    "empty": b"",
}


@pytest.fixture
def fetch(fetch: Command, s3: Bucket) -> Command:
    return fetch.secret(**s3.keys)


def test_tree(fetch: Command, s3: Bucket) -> None:
    """A prefix is a tree: its files, its digest, its self-report."""
    ended = fetch.given("--uri", s3.put(FILES)).run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == FILES
    assert ended.outcome["digest"] == shell_digest(fetch.to)
    assert ended.outcome["linnet"] == {"metrics": {"auc": "0.991"}}


def test_neighbors_stay_out(fetch: Command, s3: Bucket) -> None:
    """A prefix ends at a slash: `m/v1` is not `m/v10`."""
    s3.put({"a": b"other"}, prefix="near/v10")
    assert fetch.given("--uri", s3.put({"a": b"mine"}, prefix="near/v1")).run().code == 0
    assert contents(fetch.to) == {"a": b"mine"}


def test_single_object(fetch: Command, s3: Bucket) -> None:
    """A URI may name one object."""
    uri = s3.put(FILES) + "/model.joblib"
    assert fetch.given("--uri", uri).run().code == 0
    assert contents(fetch.to) == {"model.joblib": FILES["model.joblib"]}


def test_archive(fetch: Command, s3: Bucket) -> None:
    """A URI that names an archive is unpacked, from a bucket too."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("model/weights.bin", b"weights")
    uri = s3.put({"model.zip": packed.getvalue()}) + "/model.zip"
    ended = fetch.given("--uri", uri).run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == {"model/weights.bin": b"weights"}


def test_archive_in_a_tree(fetch: Command, s3: Bucket) -> None:
    """An archive that is one file of a tree stays packed: some servers load archives."""
    assert fetch.given("--uri", s3.put({"model.zip": b"as it is"})).run().code == 0
    assert contents(fetch.to) == {"model.zip": b"as it is"}


def test_workload_identity(fetch: Command, s3: Bucket, certificate: Path, tmp_path: Path) -> None:
    """A pod with a web identity token gets its keys from the token service, over TLS."""
    keys = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": "", "Expiration": "2099-01-01T00:00:00Z"}
    answer = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    for element in ("Credentials", "AssumeRoleWithWebIdentityResult", "AssumeRoleWithWebIdentityResponse"):
        answer = f"<{element}>{answer}</{element}>"
    (tmp_path / "token").write_text("projected-canary")
    with serving(certificate) as service:
        service.pages["/"] = plain(answer.encode())
        fetch.keys = None
        fetch.environ = {
            "AWS_ENDPOINT_URL": s3.keys["AWS_ENDPOINT_URL"],
            "AWS_ENDPOINT_URL_STS": service.url,
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/models",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "SSL_CERT_FILE": str(certificate.with_name("ca.pem")),
        }
        ended = fetch.apart().given("--uri", s3.put(FILES), "--identity", "--allowed-prefix", "s3://models/").run()
    assert ended.code == 0, ended.output
    assert "projected-canary" in service.requests[0][0]
    assert "canary" not in ended.output


def test_include(fetch: Command, s3: Bucket) -> None:
    """Only what `include` names is fetched."""
    fetch.given("--uri", s3.put(FILES), "--include", "*.joblib", "--include", "sub/**").run()
    assert sorted(contents(fetch.to)) == ["model.joblib", "sub/folder/a b#c+d%20é~.txt"]


@pytest.mark.parametrize("path", ["models/nothing/here", "models/nothing/", "no-such-bucket/x"])
def test_not_found(fetch: Command, path: str) -> None:
    """A prefix, object or bucket that isn't there is NotFound, with the URI."""
    fetch.secret(allowedPrefix="s3://no-such-bucket/" if "no-such" in path else "s3://models/")
    ended = fetch.given("--uri", f"s3://{path}").run()
    assert (ended.code, ended.reason) == (2, "NotFound")
    assert f"s3://{path}" in ended.message


def test_wrong_secret(fetch: Command, s3: Bucket) -> None:
    """A wrong key is Forbidden at once, says whose key, and prints none of it."""
    ended = fetch.secret(AWS_SECRET_ACCESS_KEY="wrong-canary-key").given("--uri", s3.put(FILES)).run()
    assert (ended.code, ended.reason) == (2, "Forbidden")
    assert "spec.source.credentials" in ended.message
    assert "SignatureDoesNotMatch" in ended.message
    assert "canary" not in ended.output


def test_unknown_key(fetch: Command, s3: Bucket) -> None:
    """A key that the server doesn't know is an access problem, not a missing object."""
    ended = fetch.secret(AWS_ACCESS_KEY_ID="nobody-knows-me").given("--uri", s3.put(FILES)).run()
    assert (ended.code, ended.reason) == (2, "Unauthorized")


def test_anonymous(fetch: Command, s3: Bucket) -> None:
    """Without keys the request is anonymous; the message says that none were given."""
    uri = s3.put(FILES)
    fetch.secret(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    ended = fetch.given("--uri", uri, "--deadline", "30s").run()
    assert (ended.code, ended.reason) == (2, "Forbidden")
    assert "without credentials" in ended.message


def test_half_a_key(fetch: Command, s3: Bucket) -> None:
    """A Secret with one of the two keys is told as such."""
    ended = fetch.secret(AWS_SECRET_ACCESS_KEY="").given("--uri", "s3://models/x").run()
    assert (ended.code, ended.reason) == (2, "Unauthorized")
    assert "AWS_SECRET_ACCESS_KEY" in ended.message


def test_allowed_prefix(fetch: Command, s3: Bucket) -> None:
    """The Secret's allowedPrefix decides: below it yes, beside it no."""
    uri = s3.put(FILES, prefix="team-a/m")
    fetch.secret(allowedPrefix="s3://models/team-a/").given("--uri", uri)
    assert fetch.run().code == 0
    ended = fetch.secret(allowedPrefix="s3://models/team").run()
    assert (ended.code, ended.reason) == (2, "CredentialsNotAllowed")


def test_unreachable(fetch: Command) -> None:
    """An endpoint where nobody listens is tried again, then given up with code 1."""
    fetch.secret(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    ended = fetch.given("--uri", "s3://models/x", "--attempts", "3").run()
    assert (ended.code, ended.reason) == (1, "Unreachable")
    assert "refused" in ended.message
    assert "attempt 3 of 3" in ended.output


def test_metadata_endpoint(fetch: Command) -> None:
    """The endpoint may not be the metadata service."""
    fetch.secret(AWS_ENDPOINT_URL="http://169.254.169.254")
    assert fetch.given("--uri", "s3://models/x", "--deadline", "20s").run().reason == "AddressNotAllowed"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives a process hosts of its own")
def test_name_of_metadata_endpoint(fetch: Command, tmp_path: Path) -> None:
    """The endpoint may not be a name of the metadata service either."""
    (tmp_path / "hosts").write_text("169.254.169.254 innocent.test\n")
    script = f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"'
    fetch.apart("unshare", "--mount", "sh", "-c", script, "sh").secret(AWS_ENDPOINT_URL="http://innocent.test")
    ended = fetch.given("--uri", "s3://models/x", "--deadline", "20s").run()
    assert ended.reason == "AddressNotAllowed", ended.output


def test_plain_http_is_asked_for(fetch: Command, s3: Bucket) -> None:
    """An endpoint written as https is never spoken to in plain http."""
    fetch.secret(AWS_ENDPOINT_URL=s3.keys["AWS_ENDPOINT_URL"].replace("http:", "https:"))
    ended = fetch.given("--uri", s3.put(FILES), "--attempts", "2").run()
    assert (ended.code, ended.reason) == (1, "Unreachable")


def test_connections_are_cut(fetch: Command, s3: Bucket) -> None:
    """Connections that end in the middle of objects are continued, and the bytes are right."""
    files = {"a.bin": os.urandom(80 * 2**20), "b.bin": os.urandom(3 * 2**20), "c.bin": b"small"}
    uri = s3.put(files)
    with cutting(s3.port, after=1_500_000, times=4) as port:
        ended = fetch.secret(AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}").given("--uri", uri).run()
    assert ended.code == 0, ended.output
    assert contents(fetch.to) == files
    assert "broke off" in ended.output


def test_bounded_memory(fetch: Command, s3: Bucket) -> None:
    """300 MB in one object pass through less than 200 MB of memory."""
    ended = fetch.apart().given("--uri", s3.put({"big": os.urandom(2**20) * 300})).run()
    assert ended.outcome["bytes"] == 300 * 2**20
    assert ended.peak < 200 * 10**6


def test_many_files(fetch: Command, s3: Bucket) -> None:
    """More objects than one page of a listing holds."""
    files = {f"part-{n:04}": str(n).encode() for n in range(1100)}
    ended = fetch.given("--uri", s3.put(files)).run()
    assert ended.outcome["files"] == len(files)
    assert contents(fetch.to) == files


def test_reserved_name(fetch: Command, s3: Bucket) -> None:
    """The fetcher's own name in a bucket is refused: it would hide the marker."""
    ended = fetch.given("--uri", s3.put({".linnet/fetched.json": b"{}", "a": b"1"})).run()
    assert (ended.code, ended.reason) == (2, "UnsafePath")


def test_no_secret_in_output(fetch: Command, s3: Bucket) -> None:
    """The keys are in no line, message or file, in success and in failure."""
    outputs = [fetch.apart().given("--uri", s3.put(FILES)).run()]
    outputs.append(fetch.secret(AWS_SESSION_TOKEN="canary-session").run())
    outputs.append(fetch.given("--uri", "s3://no-such-bucket/x").run())
    assert all("canary" not in ended.output and SECRET not in ended.output for ended in outputs)
    kept = b"".join(path.read_bytes() for path in (fetch.to / ".linnet").rglob("*") if path.is_file())
    assert b"canary" not in kept
