"""One object that can't be decoded costs itself, or a part of itself: never its list, its watch, or the process."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.objects import child, own
from foreign.nested import managed, nested, page, text_of
from linnet.foreign.document import ForeignError
from linnet.foreign.objects import DEPTH, Lines, decoded, harmless

LEVELS = [150, 255, 500, 988, 1500, 6000, 9000]
GOOD = json.dumps(child("Service", "good", "iris")).encode()


@pytest.mark.parametrize("levels", LEVELS)
def test_a_list_outlives_an_object_that_is_nested_too_deeply(levels: int) -> None:
    """The others of the page are whole, and so is the page; the hostile one lacks what was too deep."""
    bad = text_of(child("Service", "bad", "iris"), managed=managed(nested(levels)))
    found = decoded(page(GOOD, bad, GOOD, token="next"))
    assert [item["metadata"]["name"] for item in found.value["items"]] == ["good", "bad", "good"]
    assert found.value["metadata"] == {"resourceVersion": "9", "continue": "next"}
    assert found.value["items"][1]["metadata"]["labels"] == json.loads(GOOD)["metadata"]["labels"]
    assert found.hurt == (("ml/bad",) if levels > 180 else ())


@pytest.mark.parametrize("levels", LEVELS[1:])
def test_of_a_deep_spec_everything_else_is_read(levels: int) -> None:
    """Status, annotations and the rest of the spec are what a person's abort is answered by."""
    whole = own("Deployment", "iris", status={"stable": {"version": 2}})
    found = decoded(text_of(whole, affinity=nested(levels, "a"), managed=managed(nested(levels))))
    assert found.value["status"] == {"stable": {"version": 2}}
    assert found.value["spec"]["pod"]["affinity"]["a"]["a"] is not None
    assert nested_levels(found.value) <= DEPTH + 1
    assert found.hurt == ("ml/iris",)


def nested_levels(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(nested_levels, inner), default=0)


@pytest.mark.parametrize("levels", LEVELS)
def test_a_watch_event_is_harmless_to_any_parser(levels: int) -> None:
    """kopf decodes the line itself, by Python's own parser, and ends with the first one that this refuses."""
    event = (
        b'{"type":"ADDED","object":' + text_of(child("Service", "bad", "iris"), managed=managed(nested(levels))) + b"}"
    )
    line, _ = harmless(event)
    said = json.loads(line)
    assert said["type"] == "ADDED"
    assert said["object"]["metadata"]["name"] == "bad"


@pytest.mark.parametrize(
    "words", [b'"\xff\xfe"', b'"\\ud800"', b'"\\udfff\\ud800"', b"[" * 3000 + b"]" * 3000, b"NaN", b"9" * 6000]
)
def test_what_is_no_unicode_or_no_number_stays_within_its_object(words: bytes) -> None:
    """managedFields hold the caller's own bytes; elsewhere the object itself is left out, and named as unknown."""
    bad = text_of(child("Service", "bad", "iris")).replace(b'"managedFields": []', b'"managedFields": [%s]' % words)
    found = decoded(page(GOOD, bad, GOOD))
    assert [item["metadata"]["name"] for item in found.value["items"]] == ["good", "bad", "good"]
    worse = GOOD.replace(b'"good"', words)
    assert len(decoded(page(GOOD, worse, GOOD)).value["items"]) >= 2


def test_an_object_can_not_pretend_to_be_another_item() -> None:
    """What stands in a string, or in an array of its own, is no item of the list."""
    fake = json.dumps(child("Service", "forged", "iris"))
    bad = child("Service", "bad", "iris", spec={"items": [json.loads(fake)], "text": f"}}],{fake},[{{"})
    found = decoded(page(text_of(bad, managed=managed(nested(2000))), GOOD))
    assert [item["metadata"]["name"] for item in found.value["items"]] == ["bad", "good"]
    assert found.value["items"][0]["spec"] == bad["spec"]


WORDS = st.text(st.sampled_from('ab{}[]:," \\/é\n'), max_size=6) | st.sampled_from(["items", "fieldsV1"])
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | WORDS, lambda v: st.lists(v, max_size=4) | st.dictionaries(WORDS, v, max_size=4)
)


@given(st.dictionaries(WORDS, VALUES, max_size=4), VALUES, st.integers(200, 400), st.booleans())
def test_whatever_stands_around_what_is_too_deep_is_read(
    spec: dict[str, object], beside: object, levels: int, spaced: bool
) -> None:
    """Brackets in strings are none, and what belongs to the fields that are left out takes nothing else with it."""
    bad = child("Service", "bad", "iris", spec=spec)
    bad["metadata"]["managedFields"] = [beside, "deep", beside, {"f:a": beside}]
    separators = (", ", ": ") if spaced else (",", ":")
    deep = b'{"f:{":{},"f:a":' * levels + b"[]" + b"}" * levels
    text = json.dumps(bad, separators=separators, ensure_ascii=False).encode().replace(b'"deep"', deep)
    found = decoded(b'{"items":[%s,%s],"metadata":{"a":{"b":[{}]}}}' % (text, GOOD))
    assert found.value == {
        "items": [
            {**bad, "metadata": {**bad["metadata"], "managedFields": None}},
            json.loads(GOOD),
        ],
        "metadata": {"a": {"b": [{}]}},
    }
    assert found.hurt == ("ml/bad",)


def test_an_empty_list_is_an_empty_list() -> None:
    assert decoded(page()).value["items"] == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"<html>", b'{"a":', b'"' * 3, b'{"items":[{]}', b'{"a":"' + b'\\"' * 200_000]
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """A proxy's page is no answer, and is not read again from each of its quotes."""
    with pytest.raises(ForeignError):
        decoded(data)


@given(st.lists(st.integers(1, 40), min_size=1), st.lists(st.sampled_from([GOOD, b'{"kind": "x"}', b"{broken"])))
def test_lines_come_out_whole_however_they_are_cut(sizes: list[int], objects: list[bytes]) -> None:
    """The network cuts where it likes."""
    events = [b'{"type":"MODIFIED","object":' + o + b"}" for o in objects]
    stream, lines, out = b"".join(e + b"\n" for e in events), Lines(2**20), list[bytes]()
    while stream:
        for size in sizes:
            out += [line for line, _ in lines.fed(stream[:size]) if line]
            stream = stream[size:]
    kept = [harmless(e)[0] for e in events]
    assert out == [line for line in kept if line]


def test_a_line_without_end_fills_no_memory() -> None:
    """It is passed over up to its end, and the next line is read."""
    lines = Lines(1000)
    assert list(lines.fed(b"x" * 2000)) == []
    assert list(lines.fed(b"x" * 2000)) == []
    event = b'{"type":"ADDED","object":' + GOOD + b"}"
    assert list(lines.fed(b"x\n" + event + b"\n")) == [(b"", ("?",)), (event, ())]


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"ERROR","object":{"kind":"Status","code":500}}',
        b'{"type":"ERROR","object":{}}',
        b'{"type":"ADDED","object":[]}',
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":{"metadata":null}}',
    ],
)
def test_an_error_in_a_watch_begins_it_again(event: bytes) -> None:
    """kopf ends with any but an expired one, and the whole operator with it."""
    said = json.loads(harmless(event)[0])
    assert (said["type"], said["object"]["code"]) == ("ERROR", 410)
