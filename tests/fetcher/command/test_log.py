"""What the log strikes from its lines."""

from urllib.parse import quote

import pytest

from linnet.fetcher.command.log import Log

SECRET = "q7Zk+canary/9fW2"


def test_secrets_are_struck() -> None:
    """Whoever composed a line, the Secret's keys and a presigned query are not in it."""
    log = Log.knowing(["Bearer canary-token"], "https://h/a?X-Sig=canary-sign")
    assert "canary" not in log.clean("a canary-token and X-Sig=canary-sign and Bearer canary-token")


@pytest.mark.parametrize("start", range(len(SECRET)))
@pytest.mark.parametrize("length", [8, 9, 12])
def test_a_part_of_a_secret_is_struck(start: int, length: int) -> None:
    """A server that repeats eight characters of it, or a message that was cut, tells nothing."""
    part = SECRET[start : start + length]
    said = Log.knowing([SECRET]).clean(f"refused: {part}!")
    assert said == ("refused: ***!" if len(part) >= 8 else f"refused: {part}!")


def test_it_is_struck_as_a_url_would_write_it() -> None:
    """A request's address in an error message has it encoded."""
    assert "canary" not in Log.knowing([SECRET]).clean(f"GET https://h/?key={quote(SECRET, safe='')} failed")


def test_all_else_stays() -> None:
    """What stands between two secrets, before and behind them is told."""
    log = Log.knowing(["first-secret", "second-one"])
    assert log.clean("a first-secret b second-one, first-secretsecond-one c") == "a *** b ***, *** c"
    assert log.clean_document({"a": ["first-secret", 1, None]}) == {"a": ["***", 1, None]}


@pytest.mark.parametrize("between", ["\u200b", "\x1b[1m", "\u202e"])
def test_nothing_invisible_hides_a_secret(between: str) -> None:
    """What a terminal would not show is taken away before secrets are looked for."""
    said = Log.knowing(["canary-secret"]).clean(f"no {between.join('canary-secret')}")
    assert "canary" not in said
