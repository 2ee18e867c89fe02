"""What `linnet fetch` tells of a URI: no line of its log and no termination message holds a secret of it."""

import pytest

from canaries import CANARY, URIS
from fetcher.running import Command
from fetcher.site import Site, status
from linnet.fetcher.web.transport import Backend


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts of these URIs are not asked for."""

    def refused(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(Backend, "connect_tcp", refused)


@pytest.mark.parametrize("uri", URIS)
def test_however_it_is_refused(fetch: Command, uri: str) -> None:
    """As a URI, for its credentials, or because nothing is there."""
    fetch.given("--uri", uri, "--attempts", "1", "--deadline", "20s")
    for prefix in ("s3://other/", f"{uri.partition(':')[0]}://host/?*"):
        ended = fetch.secret(AWS_ENDPOINT_URL="http://127.0.0.1:1", allowedPrefix=prefix).run()
        assert ended.outcome["outcome"] == "Failed"
        assert CANARY not in ended.output
        assert CANARY.encode() not in ended.raw


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--digest", "x"]])
@pytest.mark.parametrize("form", [["--uri", "{}"], ["--uri={}"], ["{}"]])
def test_with_a_command_line_that_is_wrong(fetch: Command, form: list[str], arguments: list[str]) -> None:
    """The parser repeats arguments that it does not know."""
    uri = f"https://user:{CANARY}@host/m?sig={CANARY}"
    ended = fetch.given(*(part.format(uri) for part in form), *arguments).run()
    assert ended.reason == "InvalidArguments"
    assert CANARY not in ended.output


def test_of_an_allowed_prefix(fetch: Command, site: Site) -> None:
    """The Secret's own prefix is told, without what is secret in it."""
    site.pages["/f"] = status(200)
    fetch.secret(allowedPrefix=f"https://user:{CANARY}@host/m?sig={CANARY}")
    ended = fetch.given("--uri", f"{site.url}/f").run()
    assert ended.reason == "CredentialsNotAllowed"
    assert CANARY not in ended.output
