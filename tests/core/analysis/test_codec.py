"""What is stored: read again it is the same to the last digit, and whatever else is there is refused with its place."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreign.hostile import DOCUMENTS
from linnet.core.analysis import codec
from linnet.core.analysis.checks import CountCheck, Policy, PredictionCheck, Signal, Track
from linnet.core.analysis.codec import FormatError, Inline, KeyedBy, NotKept, Row
from linnet.core.analysis.counts import judge as counts_judge
from linnet.core.analysis.evidence import PREFIX, Evidence, restored, start, stored
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.fold import fold
from linnet.core.analysis.pod_health.silence import NO_SILENCE, Server, listen
from linnet.core.analysis.predictions import evidence as predictions
from linnet.core.analysis.predictions import judge as predictions_judge
from linnet.core.analysis.verdict import Look
from linnet.foreign.document import ForeignError
from linnet.foreign.document import read as read_foreign


@dataclass(frozen=True)
class Point:
    x: int
    y: float | None = None


@dataclass(frozen=True)
class Bounds:
    low: float
    high: float | None


@dataclass(frozen=True)
class Sample:
    number: int
    real: float
    flag: bool
    name: str
    maybe: str | None
    span: timedelta
    track: Track
    tracks: frozenset[Track]
    many: tuple[int, ...]
    by_name: Mapping[str, Row[Point]]
    by_track: Annotated[Mapping[Track, float], KeyedBy("Ago")]
    bounds: Annotated[Bounds, Inline(without=())]
    point: Point
    note: NotKept[str] = field(default="none", compare=False)


REAL = st.floats(-1e50, 1e50)
POINT = st.builds(Point, st.integers(-(10**60), 10**60), st.none() | REAL)
SAMPLES = st.builds(
    Sample,
    number=st.integers(-(10**60), 10**60),
    real=REAL,
    flag=st.booleans(),
    name=st.text(),
    maybe=st.none() | st.text(),
    span=st.timedeltas(timedelta(0), timedelta(days=10_000)),
    track=st.sampled_from(Track),
    tracks=st.frozensets(st.sampled_from(Track)),
    many=st.lists(st.integers(0, 9)).map(tuple),
    by_name=st.dictionaries(st.text(), POINT, max_size=3),
    by_track=st.dictionaries(st.sampled_from(Track), REAL),
    bounds=st.builds(Bounds, REAL, st.none() | REAL),
    point=POINT,
    note=st.text(),
)
GOOD = Sample(
    1, 0.1, True, "n", None, timedelta(seconds=2.5), Track.CANARY, frozenset(Track), (1, 2),
    {"a": Point(1, 0.5)}, {Track.STABLE: 3.0}, Bounds(0.25, None), Point(2),
)  # fmt: skip
WIRE = {
    "number": 1, "real": "0.1", "flag": True, "name": "n", "span": "2.5", "track": "canary",
    "tracks": ["canary", "stable"], "many": [1, 2], "byName": {"a": [1, "0.5"]}, "stableAgo": "3.0", "low": "0.25",
    "point": {"x": 2},
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def through_text(hint: type[Any], value: object) -> Any:
    return codec.load(hint, codec.parsed(codec.text(codec.dump(hint, value))))


@given(SAMPLES)
def test_what_was_written_is_read_again(sample: Sample) -> None:
    """Floats to the last digit, integers of any size that anything counts to, text of any kind."""
    assert through_text(Sample, sample) == sample


def test_it_looks_as_records_are_published() -> None:
    """Keys in camelCase, floats as decimals, integers as numbers; what is unset or not kept is left out."""
    assert codec.dump(Sample, GOOD) == WIRE
    assert codec.load(Sample, {**WIRE, "later": 1}).note == "none"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "1"}, "number: must be an integer, and is 1"),
        ({"number": True}, "number: must be an integer"),
        ({"number": 1.5}, "number: must be an integer"),
        ({"number": 10**61}, "number: must be an integer up to 1e+60"),
        ({"real": "nan"}, "real: must be a number up to 1e+60"),
        ({"real": "1e999"}, "real: must be a number up to 1e+60"),
        ({"real": "one"}, "real: must be a number, and is one"),
        ({"real": []}, "real: must be a number, and is list"),
        ({"flag": 1}, "flag: must be true or false"),
        ({"name": None}, "name: must be a string, and is None"),
        ({"span": "1e30"}, "span: must be a number of seconds"),
        ({"track": "blue"}, "track: must be one of stable, canary, and is blue"),
        ({"track": []}, "track: must be one of stable, canary, and is list"),
        ({"tracks": {}}, "tracks: must be an array, and is dict"),
        ({"many": [1, "2"]}, "many.1: must be an integer"),
        ({"byName": {"a": [1]}}, "byName.a: has 1 entries, and must have 2"),
        ({"byName": {"a": [1, {}]}}, "byName.a.y: must be"),
        ({"byName": []}, "byName: must be an object"),
        ({"stableAgo": {}}, "stableAgo: must be"),
        ({"point": {}}, "point.x: is missing"),
        ({"low": None}, "low: must be"),
    ],
)
def test_what_is_something_else_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    """The path leads to the value, and a long one is cut."""
    with pytest.raises(FormatError, match=re.escape(said)):
        codec.load(Sample, {**WIRE, **change})


@given(JSON, st.sampled_from(sorted(WIRE)))
def test_reading_is_total(data: Any, key: str) -> None:
    """Whatever stands anywhere, it is a value or a FormatError, and no other exception."""
    for document in (data, {**WIRE, key: data}):
        with contextlib.suppress(FormatError):
            assert isinstance(codec.load(Sample, document), Sample)


@pytest.mark.parametrize("text", ["", "{", "[" * 6000, '{"a":' * 6000, "9" * 5000, "\ud800"])
def test_text_that_is_no_json_or_too_deep_is_refused(text: str) -> None:
    """Depth costs no stack: nothing is nested more deeply than the types are."""
    with pytest.raises(FormatError):
        codec.load(Sample, codec.parsed(text))


@pytest.mark.parametrize("text", DOCUMENTS)
def test_what_the_gate_for_foreign_documents_refuses_is_no_evidence_either(text: str) -> None:
    """This reader knows the standard library alone, and takes no hostile document that the other one does not."""
    with pytest.raises(ForeignError):
        read_foreign(text)
    with pytest.raises(FormatError):
        codec.load(Sample, codec.parsed(text))
    for entry in (f"{PREFIX}counts", f"{PREFIX}silence", f"{PREFIX}predictions", f"{PREFIX}prometheus"):
        with pytest.raises(FormatError):
            restored({**stored(start(POLICY, queries=True)), entry: text})


@pytest.mark.parametrize("real", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_left_out(real: float) -> None:
    """Records have no way to say it."""
    assert codec.dump(Bounds, Bounds(1.0, real)) == {"low": "1.0"}


POLICY = Policy(
    (CountCheck("errors", Signal.ERRORS, max_ratio_to_stable=1.0), CountCheck("slow", Signal.LATENCY, max=0.1)),
    resemblance=PredictionCheck("answers", 0.02, ("low", "high")),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACKS = {"c": Track.CANARY, "s": Track.STABLE}


def looked(known: Evidence, number: int) -> Evidence:
    """One look more, as the operator adds it."""
    at = NOW + timedelta(seconds=5 * number)
    pod = PodCounters(10.0 * number, 1.0, predictions={"low": 5.0 * number, "high": 1.0}, in_flight=4.0)
    pods = dict.fromkeys(TRACKS, pod)
    servers = {uid: Server(track, 0, ready=True) for uid, track in TRACKS.items()}
    compared = known.predictions
    return Evidence(
        fold(known.counts, pods, TRACKS, "w", at),
        predictions.fold(compared, pods, TRACKS, "w", at) if compared is not None else None,
        known.prometheus,
        listen(known.silence or NO_SILENCE, servers, pods, at),
    )


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value in the JSON."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items):
        yield data, key
        yield from places(value)


OTHER_TYPES: Final[tuple[Any, ...]] = (None, True, "x", "nan", "", [], {}, [1], [[]], {"a": 1}, 1.5, [1, 2], ["1", "2"])
OTHER_NUMBERS: Final[tuple[Any, ...]] = (10**70, 10**60, -(10**60), -1, 0, "-1", "0", "1e60", "1e-300")
WRONG: st.SearchStrategy[Any] = st.sampled_from((*OTHER_TYPES, *OTHER_NUMBERS))


@settings(max_examples=50)
@given(st.data())
def test_evidence_that_somebody_changed_is_refused_or_goes_on(data: st.DataObject) -> None:
    """Whatever is put for any value, missing parts included: the next look neither raises nor hangs."""
    kept = stored(looked(looked(start(POLICY, queries=True), 1), 2))
    key = data.draw(st.sampled_from(sorted(kept.keys() - {f"{PREFIX}format"})))
    document = {"": json.loads(kept[key])}
    container, place = data.draw(st.sampled_from([(c, k) for c, k in places(document)]))
    container[place] = data.draw(WRONG)
    kept[key] = json.dumps(document[""])
    try:
        known = restored(kept).within(start(POLICY))
    except ValueError:
        return
    again = looked(known, 3)
    look = Look(timedelta(0), timedelta(0), NOW)
    assert len(counts_judge.judge_all(POLICY, again.counts, look)) == 2
    assert len(predictions_judge.judge_all(POLICY, again.predictions, look)) == 1
