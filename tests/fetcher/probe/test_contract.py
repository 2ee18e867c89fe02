"""Comparing a model's answer with what a contract expects."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.fetcher.probe import contract

INFER = {"path": "/v2/models/m/infer", "body": {"inputs": [1]}}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def case(expected: Any, **response: Any) -> contract.Case:
    return contract.parse("c", json.dumps({"request": INFER, "response": {"body": expected, **response}}))


def difference(expected: Any, got: Any, **response: Any) -> str:
    found = contract.check(case(expected, **response), 200, json.dumps(got).encode())
    return str(found or "")


@pytest.mark.slow
@given(values)
def test_everything_equals_itself(value: Any) -> None:
    """An answer that is what was expected passes, whatever it is."""
    assert difference(value, value) == ""


@pytest.mark.slow
@given(st.dictionaries(st.text(), values, max_size=4), st.dictionaries(st.text(), values, max_size=4))
def test_only_expected_keys_count(expected: dict[str, Any], more: dict[str, Any]) -> None:
    """A server may answer more keys, such as an id, than the contract names."""
    assert difference(expected, {**more, **expected}) == ""


@pytest.mark.parametrize(
    ("expected", "got", "where"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "$.a.b[1]: expected 2, got 3"),
        ({"a": 1}, {}, "$.a: expected 1, got nothing"),
        ([1, 2], [1], "$: expected 2 elements, got 1"),
        (0.5, 0.50001, "$: expected 0.5, got 0.50001"),
        (0.0, 1e-6, "$: expected 0.0, got 1e-06"),
        (1, True, "$: expected 1, got true"),
        (None, 0, "$: expected null, got 0"),
        ("1", 1, '$: expected "1", got 1'),
        pytest.param(0.5, 10**320, f"$: expected 0.5, got 1{'0' * 119}…", id="beyond a float"),
        pytest.param(1, -(10**320), f"$: expected 1, got -1{'0' * 118}…", id="below a float"),
        ({"a": 1}, [1], '$: expected {"a": 1}, got [1]'),
    ],
)
def test_differences(expected: Any, got: Any, where: str) -> None:
    """A difference names the JSON path, what was expected and what came."""
    assert difference(expected, got) == where


@pytest.mark.parametrize(
    ("expected", "got", "tolerance"),
    [
        (0.5, 0.5000004, None),
        (1000, 1000.0005, None),
        (0.5, 0.52, 0.1),
        (0.5, 0.52, "0.1"),
        (-2.0, -2.1, 0.1),
        (0.0, 0, 0),
    ],
)
def test_tolerance(expected: float, got: float, tolerance: object) -> None:
    """Numbers may differ by the tolerance, relative to the expected one."""
    assert difference(expected, got, **({} if tolerance is None else {"tolerance": tolerance})) == ""


def test_long_values_are_cut() -> None:
    """A value of any length fits a message."""
    assert len(difference("a" * 9999, "b" * 9999)) < 400


@pytest.mark.parametrize(
    ("status", "given_status", "passes"), [(None, 204, True), (None, 500, False), (422, 422, True), (422, 200, False)]
)
def test_status(status: int | None, given_status: int, passes: bool) -> None:
    """Any 2xx unless the contract names a status; a refusal can be part of a contract."""
    one = contract.parse("c", json.dumps({"request": INFER, "response": {"status": status}}))
    assert (contract.check(one, given_status, b"text") is None) is passes


def test_text_answers() -> None:
    """An answer that is no JSON is compared as text."""
    assert contract.check(case("pong"), 200, b"pong") is None
    assert contract.check(case({"a": 1}), 200, b"<html>") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"request": {}}',
        '{"request": {"path": "http://evil/"}}',
        '{"request": {"path": "/a\\r\\nHost: evil"}}',
        '{"request": {"path": "/a", "method": "GET /"}}',
        '{"request": {"path": "/a", "headers": []}}',
        '{"request": {"path": "/a"}, "response": {"status": "200"}}',
        '{"request": {"path": "/a"}, "response": {"tolerance": "much"}}',
        '{"request": {"path": "/a"}, "response": {"tolerance": -1}}',
        '{"request": {"path": "/a"}, "response": {"tolerance": true}}',
        '{"request": {"path": "/a"}, "response": {"tolerance": 1%s}}' % ("0" * 400),
        '{"request": {"path": "/a"}, "response": {"body": %s}}' % ("[" * 900 + "]" * 900),
        '{"request": {"path": "/a", "headers": {"a": "\\ud800"}}}',
        '{"request": {"path": "/a", "headers": {"a": "b\\r\\nc: d"}}}',
        '{"request": {"path": "/a", "headers": {"\\u4e2d": "b"}}}',
    ],
)
def test_malformed(text: str) -> None:
    """A case that can't be meant is refused with a sentence."""
    with pytest.raises(ValueError, match=r"."):
        contract.parse("c", text)


@pytest.mark.parametrize("depth", [60, 900, 990, 993, 996, 100_000])
def test_an_answer_of_any_depth_is_compared(depth: int) -> None:
    """Also where Python's parser just reads it, and its writer would not."""
    assert contract.check(case(1), 200, b"[" * depth + b"]" * depth) is not None
