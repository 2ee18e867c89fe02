"""What the log strikes from its lines."""

from linnet.fetcher.command.log import Log


def test_secrets_are_struck() -> None:
    """Whoever composed a line, the environment's secrets and a presigned query are not in it."""
    log = Log.knowing({"LINNET_HTTP_AUTHORIZATION": "Bearer canary-token"}, "https://h/a?X-Sig=canary-sign")
    assert "canary" not in log.clean("a canary-token and X-Sig=canary-sign and Bearer canary-token")
