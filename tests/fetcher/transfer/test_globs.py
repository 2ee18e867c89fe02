"""Which files `spec.source.include` wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.fetcher.transfer.globs import matcher


@pytest.mark.parametrize(
    ("pattern", "wanted", "unwanted"),
    [
        ("*.joblib", ["m.joblib", "a/b/m.joblib"], ["m.joblib.bak", "joblib"]),
        ("a/*.json", ["a/x.json"], ["x.json", "a/b/x.json", "b/a/x.json"]),
        ("a/**", ["a/x", "a/b/x"], ["a", "b/a/x"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax"]),
        ("/x", ["x"], ["a/x"]),
        ("m?.bin", ["m1.bin"], ["m.bin", "m12.bin"]),
        ("m[0-9].bin", ["m1.bin"], ["ma.bin"]),
        ("m[!0-9].bin", ["ma.bin"], ["m1.bin"]),
        ("a+(b).c", ["a+(b).c"], ["aab.c"]),
        ("a/**/*.c", ["a/x.c", "a/b/b/x.c"], ["a/xc", "b/a/x.c"]),
        ("[z-a].bin", [], ["m.bin", "z.bin"]),
        ("m[!].bin", ["m!.bin"], ["m.bin", "ma.bin"]),
        ("[a-\\]", [], ["a", "-"]),
        ("*a" * 100 + "*b", ["a" * 500 + "b"], ["a" * 500]),
        ("**/" * 80 + "b", ["a/" * 500 + "b", "b"], ["a/" * 500 + "c"]),
    ],
)
def test_globs(pattern: str, wanted: list[str], unwanted: list[str]) -> None:
    """A pattern without a slash is for names at any depth, one with a slash for the whole path.

    One that has many ways to fit is answered as soon as any other, and a class that is empty fits nothing.
    """
    matches = matcher([pattern])
    assert [path for path in wanted + unwanted if matches(path)] == wanted


def test_no_globs_want_everything() -> None:
    """Without `include` the whole tree is fetched."""
    assert matcher([])("anything/at/all")


@given(st.text(max_size=20) | st.text("[]!^-az*?/\\&~|", max_size=20))
def test_globs_never_break(pattern: str) -> None:
    """Any text is a pattern: a person's typo is no crash in the pod."""
    matcher([pattern])("a/b.c")
