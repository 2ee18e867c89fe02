"""The table of URI schemes: what it says of each, what the API takes, and what people are shown."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaries import CANARY, URIS
from linnet.api.parts.uri import (
    CREDENTIALS,
    GLOB,
    RESERVED,
    RULES,
    SCHEMES,
    SUPPORTED,
    Location,
    NotYetSupportedError,
    Rule,
    Scheme,
    UriError,
    check,
    claim_of,
    scheme_of,
    secrets_of,
    shown,
)


def test_every_scheme_is_in_the_table() -> None:
    """Each is either supported or reserved."""
    assert set(SCHEMES) == set(Scheme)
    assert {*SUPPORTED, *RESERVED} == set(Scheme)


@pytest.mark.parametrize("scheme", Scheme)
def test_the_form_of_a_scheme_is_taken(scheme: Scheme) -> None:
    """What the table tells people to write passes the API, and is read unless the scheme is only reserved."""
    form = SCHEMES[scheme].form
    assert check(form) == form
    assert scheme_of(form) is scheme
    if scheme in SUPPORTED:
        assert Location.parse(form).scheme is scheme
    else:
        with pytest.raises(NotYetSupportedError, match=f"{scheme}://"):
            Location.parse(form)


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("https://bücher.example/m", "xn--bcher-kva.example:443"),
        ("https://BÜCHER.Example/m", "xn--bcher-kva.example:443"),
        ("https://XN--bcher-kva.example/m", "xn--bcher-kva.example:443"),
        ("https://straße.example/m", "xn--strae-oqa.example:443"),
        ("http://例え。jp./m", "xn--r8jz45g.jp.:80"),
    ],
)
def test_a_web_host_is_compared_as_it_is_looked_up(uri: str, authority: str) -> None:
    """Unicode and punycode are two spellings of one host, and `ß` is not `ss`."""
    assert Location.parse(uri).authority == authority
    assert Location.parse(uri).within(Location.parse(f"{uri.partition(':')[0]}://{authority}/"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/a@b",
        "https://h:8080/a?x=a@b&y=://",
        "https://h?x=1",
        "pvc://claim/",
        "oci://r:5000/a@sha256:00",
        "http://[::1]:80/a",
    ],
)
def test_the_api_takes(uri: str) -> None:
    """A path and a query may hold an @, and a host a port."""
    assert check(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "s3:/b",
        "ftp://h/a",
        "s3:///a",
        "https://u@h/a",
        "https://u:p@h",
        "s3://k:s@b/a",
        "s3://bucket/a\n",
        "s3://bucket/#",
        5,
    ],
)
def test_the_api_refuses(uri: object) -> None:
    """Another scheme, no authority, a user, a fragment: with what to write instead, and nothing of the URI."""
    with pytest.raises(UriError, match="belongs in the credentials Secret") as caught:
        check(uri)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "advice"),
    [
        ("s3://models/$(AWS_SECRET_ACCESS_KEY)", "no $("),
        ("https://host/a?x=$(HOME)", "no $("),
        ("s3://models/`id`", "backticks"),
        ("s3://models/a\x1b[2J", "control characters"),
        ("s3://models/a\x9b2J", "control characters"),
        ("s3://models/a\x7f", "control characters"),
        ("s3://models\n", "control characters"),
        ("s3://models/a\\b", "backslashes"),
        ("s3://127.0.0.1?/x/y", "a bucket's name"),
        ("s3://evil.example?/models/1", "a bucket's name"),
        ("s3://a;b/x", "a bucket's name"),
        ("s3://%31/x", "a bucket's name"),
        ("s3://..%2f/x", "a bucket's name"),
        ("s3://[::1]/x", "a bucket's name"),
        ("s3://models:443/x", "a bucket's name"),
        ("s3://Models/x", "a bucket's name"),
        ("s3://models-/x", "a bucket's name"),
        ("s3://ab/x", "a bucket's name"),
        (f"gs://{'a' * 64}/x", "a bucket's name"),
        ("gs://%31/x", "a bucket's name"),
        ("pvc://../x", "the claim's name"),
        ("pvc://Claim/x", "the claim's name"),
        ("pvc://a:b/x", "the claim's name"),
        ("https://host/a?X-Amz-Algorithm=a&X-Amz-Signature=0", "the Secret of credentials"),
        ("https://host/a?sv=1&sig=0", "the Secret of credentials"),
        ("https://host/a?TOKEN=0", "the Secret of credentials"),
    ],
)
def test_the_api_says_what_to_write_instead(uri: str, advice: str) -> None:
    """Nothing that Kubernetes, a shell or a terminal obeys, no other host in a bucket's place, no signature."""
    with pytest.raises(UriError, match=re.escape(advice)) as caught:
        check(uri)
    assert "AWS_SECRET" not in str(caught.value)
    if "Secret of credentials" not in advice and scheme_of(uri) in SUPPORTED:
        with pytest.raises(UriError):
            Location.parse(uri)


@pytest.mark.parametrize("uri", ["s3://models/a$b", "s3://models/_$folder$", "gs://my.bucket-1/x", "s3://abc"])
def test_a_dollar_is_a_character(uri: str) -> None:
    """It may stand in a key, as in the markers that some tools make."""
    assert check(uri) == uri


@pytest.mark.parametrize("rule", RULES)
def test_python_and_the_api_server_read_the_patterns_alike(rule: Rule) -> None:
    """RE2 knows no lookaround and no possessive quantifier; a rule is a raw string of CEL in single quotes."""
    assert not re.search(r"\(\?[=!<]|[*+?}]\+", rule.pattern)
    assert "'" not in rule.pattern


@pytest.mark.parametrize("pattern", ["*.joblib", "weights/**", "a$", "$$", "part-$1", "[a-z]é.bin"])
def test_a_pattern_of_files(pattern: str) -> None:
    """What `include` takes."""
    assert re.search(GLOB, pattern)


@pytest.mark.parametrize("pattern", ["$(X)", "a$$(X)", "a`b", "a\x1b", "a\nb", "\x9b"])
def test_a_pattern_that_is_a_template(pattern: str) -> None:
    """What `include` refuses."""
    assert not re.search(GLOB, pattern)


@pytest.mark.parametrize("uri", URIS)
def test_no_secret_is_shown(uri: str) -> None:
    """Wherever it stands in the URI; and what may be secret is known, so that it can be struck from other texts."""
    assert CANARY not in shown(uri)
    assert any(CANARY in secret for secret in secrets_of(uri))


@pytest.mark.parametrize("read", [Location.parse, check])
@pytest.mark.parametrize("uri", URIS)
def test_an_error_repeats_nothing(uri: str, read: Callable[[str], object]) -> None:
    """Neither the parser's nor the API's: they end in conditions."""
    assert CANARY not in error_of(read, uri)


def error_of(read: Callable[[str], object], uri: str) -> str:
    try:
        read(uri)
    except UriError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a@b/c", "s3://bucket/a@b/c"),
        ("https://u:p@Host:8080/a?sig=1#f", "https://Host:8080/a"),
        ("https://[2001:db8::1]:443/a", "https://[2001:db8::1]:443/a"),
        ("pvc://claim", "pvc://claim"),
        ("hf://org/model@main", "hf://org/model@main"),
        ("https://user:pass/word@host/a", "https://…"),
        ("models/1?sig=x", "the URI"),
        ("user:secret@x://y", "the URI"),
        ("", "the URI"),
        ("s3://bucket/" + "a" * 900, "s3://bucket/" + "a" * 488),
    ],
)
def test_shown(uri: str, expected: str) -> None:
    """Enough to find the artifact, and nothing after the scheme where no host can be told from a password."""
    assert shown(uri) == expected


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=30)


@given(st.sampled_from(Scheme), words, words, words)
def test_no_user_password_or_query_is_ever_shown(scheme: Scheme, user: str, password: str, query: str) -> None:
    """Whatever characters they are made of, if the first of them marks no other part of the URI."""
    user, password = (re.sub(r"[/?#]", "x", word) for word in (user, password))
    told = shown(f"{scheme}://{user}:{password}@host/path?{query}")
    assert told == f"{scheme}://host/path"


@given(st.text(max_size=60))
def test_any_text_can_be_shown(text: str) -> None:
    """It never raises: what is shown is shown where something else went wrong already."""
    assert isinstance(shown(text), str)
    assert isinstance(secrets_of(text), frozenset)


def test_a_location_does_not_print_its_query() -> None:
    """Not even where a traceback prints the value."""
    assert CANARY not in repr(Location.parse(f"https://host/a?sig={CANARY}"))


@pytest.mark.parametrize(
    ("uri", "claim"), [("pvc://models/a/b", "models"), ("pvc://models", "models"), ("s3://models/a", None), ("", None)]
)
def test_claim(uri: str, claim: str | None) -> None:
    """The claim that a pod must mount, for that one scheme."""
    assert claim_of(uri) == claim


def test_each_credential_is_named_once() -> None:
    """Over all schemes; http and https share theirs."""
    assert len({each.key for each in CREDENTIALS}) == len(CREDENTIALS)


@pytest.mark.parametrize("host", ["é" * 64, "".join(map(chr, range(0x4E00, 0x4E00 + 2000))), "a." * 127 + "de"])
def test_a_host_that_nobody_could_look_up_is_refused(host: str) -> None:
    """Before it is encoded, which takes time by the square of its length."""
    with pytest.raises(UriError, match="253 characters, and 63 between two dots"):
        Location.parse(f"https://{host}/m")
