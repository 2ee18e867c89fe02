"""What a URI may say, and for which ones a Secret's credentials may be used."""

import pytest

from linnet.api.parts.uri import shown
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.credentials import Credentials
from linnet.fetcher.location import check_credentials, location_of


@pytest.mark.parametrize(
    ("text", "scheme", "authority", "path"),
    [
        ("s3://models/tumor/2026", "s3", "models", "tumor/2026"),
        ("s3://models/a%2e%2e/b", "s3", "models", "a%2e%2e/b"),
        ("S3://models/x/", "s3", "models", "x"),
        ("https://Example.org/m/a%20b.tgz?sig=1", "https", "example.org:443", "m/a b.tgz"),
        ("http://example.org:8080/m.zip", "http", "example.org:8080", "m.zip"),
        ("pvc://claim/path/v1", "pvc", "claim", "path/v1"),
        ("pvc://claim", "pvc", "claim", ""),
    ],
)
def test_parses(text: str, scheme: str, authority: str, path: str) -> None:
    """S3 keys are literal; http paths are decoded; hosts and schemes are lower case."""
    location = location_of(text)
    assert (location.scheme, location.authority, location.path) == (scheme, authority, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models/x",
        "file:///etc/passwd",
        "s3:///key",
        "s3://bucket/a/../b",
        "s3://bucket/a//b",
        "s3://key:secret@bucket/a",
        "https://user:secret@host/a",
        "https:///a",
        "https://host:99999/a",
        "https://host/a/..%2fb",
        "https://host/a/%2e%2e/b",
        "https://host/a/%252e%252e/b",
        "https://host/a/..;x/b",
        "https://host/a\\..\\b",
        "https://host/a b",
        "pvc://claim/../other",
        "pvc://claim/a\n",
        "s3://bucket/" + "a" * 3000,
    ],
)
def test_refuses(text: str) -> None:
    """Whatever could mean another place than it seems to is InvalidURI, and no password is repeated."""
    with pytest.raises(Failure) as caught:
        location_of(text)
    assert caught.value.reason is Reason.INVALID_URI
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("text", ["gs://bucket/x", "az://c/x", "hf://org/model", "oci://registry/x:1"])
def test_later_schemes(text: str) -> None:
    """A scheme that is to come says so, and which ones work today."""
    with pytest.raises(Failure, match="not supported yet") as caught:
        location_of(text)
    assert caught.value.reason is Reason.NOT_YET_SUPPORTED


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("s3://bucket/models/x", "s3://bucket/models"),
        ("s3://bucket/models/x", "s3://bucket/models/"),
        ("s3://bucket/models", "s3://bucket/models/"),
        ("s3://bucket/anything", "s3://bucket"),
        ("https://HOST/m/x.zip?part=1", "https://host:443/m?*"),
        ("https://HOST/m/x.zip", "https://host:443/m?*"),
        ("pvc://c/x", "pvc://c/"),
    ],
)
def test_allowed(uri: str, prefix: str) -> None:
    """A URI below the Secret's allowedPrefix may use it."""
    check_credentials(location_of(uri), Credentials("Secret", {}, prefix))


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("s3://bucket/models-2/x", "s3://bucket/models"),
        ("s3://bucket/model", "s3://bucket/models"),
        ("s3://bucket2/models/x", "s3://bucket"),
        ("http://host/m/x", "https://host/m"),
        ("https://host:8443/m/x", "https://host/m"),
        ("https://host.evil.org/m/x", "https://host"),
        ("https://host/m/get?file=../../x", "https://host/m"),
        ("https://host/m/get?", "https://host/m/"),
        ("https://host/other/get?file=x", "https://host/m/?*"),
        ("https://host/m/x", ""),
        ("https://host/m/x", "https://"),
        ("https://host/m/x", "*"),
        ("gs://bucket/x", "gs://bucket"),
    ],
)
def test_not_allowed(uri: str, prefix: str) -> None:
    """Naming somebody's Secret gains nothing: no prefix, another place or half a segment is refused."""
    location = location_of(uri) if not uri.startswith("gs") else location_of("s3://bucket/x")
    with pytest.raises(Failure) as caught:
        check_credentials(location, Credentials("Secret", {}, prefix))
    assert caught.value.reason is Reason.CREDENTIALS_NOT_ALLOWED


def test_shown() -> None:
    """A URI in a message has neither its query nor its user."""
    assert shown("https://u:p@h/a?sig=1#f") == "https://h/a"
