"""A document of a stranger's is a JSON value that can be kept, or refused with a sentence: nothing else comes out."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foreign.nested import nested
from linnet.foreign.document import DEPTH, LARGEST, ForeignError, read, read_object

TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-LARGEST, LARGEST) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_linnet_writes_is_read_as_it_was(value: Any) -> None:
    """The gate changes no honest document."""
    assert read(json.dumps(value)) == value
    assert read(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("[" * 4000, "nested more than 64 levels deep"),
        ("[" * 4000 + "]" * 4000, "nested more than 64 levels deep"),
        (nested(100_000), "nested more than 64 levels deep"),
        (nested(DEPTH + 1), "nested more than 64 levels deep"),
        ('{"bytes": ' + "9" * 4000 + "}", "an integer beyond 9007199254740992: 999999999999999999999999"),
        (f'{{"bytes": {LARGEST + 1}}}', "an integer beyond"),
        (f'{{"bytes": -{LARGEST + 1}}}', "an integer beyond"),
        ('{"auc": NaN}', "NaN is no JSON number"),
        ('{"auc": -Infinity}', "-Infinity is no JSON number"),
        ('{"auc": 1e400}', "a number that is none"),
        ('{"auc": 0.' + "1" * 4000 + "}", "a number that is none"),
        (b'{"message": "\xff"}', "no UTF-8"),
        ("", "no JSON document"),
        ('{"a": "b', "no JSON document"),
        ("x" * (2**20 + 1), "more than 1048576 bytes"),
    ],
)
def test_what_nobody_can_keep_is_refused_in_a_sentence(document: str | bytes, problem: str) -> None:
    """Neither the parser's stack, nor an integer that no API takes, nor half a character gets any further."""
    with pytest.raises(ForeignError, match=problem) as refused:
        read(document)
    assert len(str(refused.value)) < 200


def test_brackets_in_a_string_are_no_depth() -> None:
    """Words of a model's may hold as many brackets as they like."""
    assert read(json.dumps({"message": "[" * 5000 + '"{' * 5000})) == {"message": "[" * 5000 + '"{' * 5000}


def test_a_document_with_a_string_that_never_ends_is_read_once() -> None:
    r"""`\"` again and again: each of them could begin the string anew, and a megabyte would take hours."""
    with pytest.raises(ForeignError, match="it is"):
        read("[" * 60 + "{" * 10 + '"' + '\\"' * 500_000)


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ('{"message": "a\\ud800b"}', {"message": "a\ufffdb"}),
        ('{"\\udfff": [{"\\udc00x": 1}]}', {"\ufffd": [{"\ufffdx": 1}]}),
        ('{"message": "\ud800"}', {"message": "\ufffd"}),
        ('{"message": "\\ud83d\\ude80"}', {"message": "🚀"}),
    ],
)
def test_half_of_a_character_is_marked(document: str, value: Any) -> None:
    """Nobody can write it down again: what else is said must not be lost for it."""
    assert read(document) == value
    assert json.dumps(read(document), ensure_ascii=False).encode()


def test_an_exact_document_keeps_every_digit() -> None:
    """A metric of a training run is what its author wrote."""
    assert read('{"auc": 0.10, "n": 3}', exact=True) == {"auc": Decimal("0.10"), "n": Decimal(3)}


@pytest.mark.parametrize("exponent", ["e-99999999999999999999", "E99999999999999999999", "e-" + "9" * 300])
def test_a_number_with_an_exponent_beyond_all_is_refused_in_a_sentence(exponent: str) -> None:
    """A float makes zero of it, and a decimal an error that is none of values."""
    for digits in ("0", "-0.0", "1" if exponent[1] == "-" else "0"):
        with pytest.raises(ForeignError, match="a number that is none"):
            read(f'{{"auc": {digits}{exponent}}}', exact=True)


@pytest.mark.parametrize("document", ["[]", '"x"', "3", "null"])
def test_what_is_no_object_is_said_to_be_none(document: str) -> None:
    """A caller that asks for an object gets one, or the sentence."""
    with pytest.raises(ForeignError, match="it is no JSON object"):
        read_object(document)


@given(st.text(st.sampled_from('[]{}",:\\ud8019eE.-+n')) | st.binary())
@example('{"a":[1e')
def test_whatever_it_is_it_is_a_value_or_refused(document: str | bytes) -> None:
    """No other exception passes: an error of another class would end what others wait for."""
    with suppress(ForeignError):
        read(document)
