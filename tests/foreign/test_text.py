"""Whatever a stranger wrote, a terminal, a page or an Event shows one short line that tells what it says."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foreign.hostile import HOSTILE
from linnet.foreign.text import DEPTH, clean, clean_document, clean_lines, last_words, printable

SIGNS = st.sampled_from([*"\x1b\x9b\x9d\x07\x90;m[]()?0\n a", "\x1b[", "\x1b]", "\u202e", "\u0301", "\ufe0f"])
ANY = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cf", "Mn"]), max_size=80)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no space left on device", "no space left on device"),
        ("Größe 模型 🚀 שלום", "Größe 模型 🚀 שלום"),
        ("red \x1b[1;31mand\x1b[0m cleared\x1b[2J\x1b[H", "red and cleared"),
        ("\x1b]0;a title\x07and \x1b]8;;https://evil/\x1b\\a link\x1b]8;;\x1b\\", "and a link"),
        ("clipboard \x1b]52;c;cm0gLXJmIC8=\x1b\\end", "clipboard end"),
        ("the same \x9b2Jin \x9d0;t\x9cC1", "the same in C1"),
        ("never closed \x1b]0;goes on", "never closed ]0;goes on"),
        ("a lone \x1b", "a lone"),
        ("line\r\n\tline\u2028line\u2029line\x0bline\x85end", "line line line line line end"),
        ("abc\u202edef\u2066ghi\u200e\u061c", "abcdefghi"),
        ("pay\u200bment\ufeff\u00ad", "payment"),
        ("\U000e0068\U000e0069tags, \ufe0f\U000e0100variations", "tags, variations"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("unassigned \u0378, private \ue000", "unassigned \ufffd, private \ufffd"),
        ("z" + "\u0335" * 40 + "algo", "z" + "\u0335" * 4 + "algo"),
        ("\u3164blank\u2800", "blank"),
    ],
)
def test_what_is_shown_is_what_it_says(text: str, shown: str) -> None:
    """Words in any script stay, and what would move, hide or reorder them goes."""
    assert printable(text) == shown


@given(ANY | st.lists(SIGNS, max_size=60).map("".join))
@example(HOSTILE)
def test_no_terminal_obeys_what_is_shown(text: str) -> None:
    """Nothing that is shown is a control, a direction, a line's end or half of one, however often it is cleaned."""
    line = clean(text)
    assert line.isprintable()
    assert line.encode().decode() == line
    assert not any(unicodedata.category(c)[0] == "C" for c in line)
    assert clean(line) == line


@given(ANY, st.integers(min_value=1, max_value=50))
def test_what_is_shown_is_bounded(text: str, limit: int) -> None:
    """A sentence has its length, and one that was cut says so."""
    line = printable(text, limit)
    assert len(line) <= limit
    assert line == clean(text) or line.endswith("…")


def test_a_sentence_of_a_megabyte_is_read_at_its_beginning_only() -> None:
    """Its words come after a flood of what is not shown: a person is told that there was more, and nobody waits."""
    assert printable("\x1b[0m" * 300_000 + "words") == "…"


@pytest.mark.slow
@pytest.mark.parametrize("introducer", ["\x9d", "\x90", "\x98", "\x1b]", "\x1bP", "\x9b", "\x1b["])
def test_sequences_that_never_end_are_read_once(introducer: str) -> None:
    """Each of a million could begin a title that goes on to the end: whoever looks would wait for hours."""
    assert clean(introducer * 1_000_000 + "m\x07words").endswith("words")


@pytest.mark.parametrize(
    "value", [10**5000, None, ["a", "\x1b"], ValueError("\x1b[2Jno")], ids=lambda value: type(value).__name__
)
def test_what_is_no_text_is_told_nevertheless(value: object) -> None:
    """A field that should hold text may hold anything, and an error is told by its words."""
    assert printable(value).isprintable()
    assert printable(value) != ""


def test_a_document_is_clean_in_every_string() -> None:
    """Keys and values, however deep; numbers and the like stay what they are."""
    assert clean_document({"a\x1b[2J": [{"b": "c\n\x07"}, 1, None, True]}) == {"a": [{"b": "c"}, 1, None, True]}


def test_a_document_without_bottom_is_cut() -> None:
    """What lies deeper than anything that is shown costs nothing and ends nobody's command."""
    deep: object = "bottom"
    for _ in range(900):
        deep = [deep]
    shown, levels = clean_document(deep), 0
    while isinstance(shown, list):
        shown, levels = shown[0], levels + 1
    assert (shown, levels) == ("…", DEPTH)


def test_last_words_are_the_end() -> None:
    """Of a traceback the last line says what went wrong; what stood before it is not kept."""
    told = "Traceback\n" * 900 + "ValueError: \x1b[31mno such file\x1b[0m\n"
    assert last_words(told, 26) == "…ValueError: no such file"
    assert last_words("\x1b[2J" * 9, 40) == ""
    assert len(last_words("x" * 900)) == 300


def test_lines_keep_their_order_and_indentation() -> None:
    """A traceback stays readable, and nothing in it is obeyed."""
    assert clean_lines("Traceback:\n  File \x1b[2J'x'\n    raise\r\nValueError: \u202eno") == (
        "Traceback:\n  File 'x'\n    raise\nValueError: no"
    )
