"""A pod writes its metrics itself: reading them takes time that grows with the page, and ends where it is too much."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linnet.core.analysis.checks import CountCheck, Signal
from linnet.core.analysis.metrics.classes import Buckets, Labels
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.analysis.metrics.exposition import LONGEST_LINE, ExcessError, Scanner, scanned
from linnet.core.analysis.metrics.readings import Unreadable, read
from linnet.core.analysis.metrics.selectors import HistogramRule, MetricRules, PredictionRule, Selector

RULES = MetricRules(
    requests=(Selector("r"),),
    errors=(Selector("e"),),
    latency=(HistogramRule("h"),),
    predictions=PredictionRule(Selector("p"), Labels("a", ("x",))),
)
LATENCY = CountCheck(
    name="latency",
    signal=Signal.LATENCY,
    max_ratio_to_stable=1.0,
    min_excess=0.1,
    max=None,
    threshold_seconds=1.0,
    histogram="latency",
    counter="",
)
ERRORS = CountCheck(
    name="errors",
    signal=Signal.ERRORS,
    max_ratio_to_stable=1.0,
    min_excess=0.1,
    max=None,
    threshold_seconds=None,
    histogram="",
    counter="",
)


def lines(unit: str, begin: str, size: int) -> str:
    """A page of lines as long as they may be, each of which begins so, and goes on with the unit again and again."""
    line = (begin + unit * LONGEST_LINE)[: LONGEST_LINE - 1] + "\n"
    return (line * (1 + size // len(line)))[:size]


def seconds(page: str) -> float:
    """The CPU time of this thread that the page takes, the least of several: what else runs has no part in it."""

    def once() -> float:
        begun = time.thread_time()
        count_pod(page, RULES)
        return time.thread_time() - begun

    return min(once() for _ in range(5))


BEGINS = st.sampled_from(["", "r ", "r{", 'r{a="', 'r{a="b"', "h_bucket{", "# TYPE ", "p{", "x", "x{", 'x{a="'])


@pytest.mark.slow
@settings(max_examples=60)
@given(st.text(st.sampled_from('r{}"\\=,_ \t\n0123456789.eE+-#:a\u0660'), min_size=1, max_size=4), BEGINS)
@example("1", "r ")
@example("{\n", "r")
@example("a", "r{")
@example('\\"', 'r{a="')
@example('"', "x{")
@example(" ", "r")
@example("a=", "r{")
@example(",", "r{")
def test_four_times_the_page_takes_about_four_times_as_long(unit: str, begin: str) -> None:
    """Where an expression goes back over what it has read, it would be sixteen times, and 20 KB took 44 seconds."""
    small, large = seconds(lines(unit, begin, 16_384)), seconds(lines(unit, begin, 65_536))
    assert large < 6 * max(small, 0.001)


@given(st.text(st.sampled_from('rehp_bucket{}le=",\\ \n0123456789.+InfNa#TYPE'), max_size=300), st.data())
def test_a_page_says_the_same_however_it_is_cut(page: str, data: st.DataObject) -> None:
    """A block that ends within a line is no end of the page."""
    scanner, rest = Scanner(RULES), page
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        scanner.feed(rest[:size])
        rest = rest[size:]
    assert scanner.page() == scanned(page, RULES)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("r " + "1" * 20_000 + "x\n", "a line of its metrics has more than 8192 characters"),
        ("r{" * 5000, "a line of its metrics has more than 8192 characters"),
        ("\n" * 300_000, "its metrics have more than 200000 lines"),
        ("r 1\n" * 10_001, "it has more than 10000 series of the metrics that are read"),
    ],
)
def test_too_much_of_anything_is_no_page(page: str, problem: str) -> None:
    """Nothing of such a page is believed, and the sentence says why."""
    with pytest.raises(ExcessError, match=problem):
        scanned(page, RULES)
    found = count_pod(page, RULES)
    assert (found.requests, found.latency, found.predictions) == (None, {}, None)
    assert found.problem == f"a pod can't be read: {problem}"
    assert read(ERRORS, found) == Unreadable(found.problem)


@pytest.mark.parametrize("value", ["1e17", "1e20", "1e300", "9007199254740994", "NaN", "-1", "-1e300", "+Inf", "-Inf"])
@pytest.mark.parametrize("page", ["r {}\ne 0\n", "r 10\ne {}\n", "r 1e308\nr{{a='b'}} 1e308\ne {}\n"])
def test_what_nobody_can_have_counted_is_unreadable(value: str, page: str) -> None:
    """A record with such a number is refused, and the rollback would wait for it."""
    found = read(ERRORS, count_pod(page.format(value), RULES))
    assert isinstance(found, Unreadable)
    assert len(found.problem) < 200


@pytest.mark.parametrize("value", ["1e17", "1e300", "NaN", "-1", "+Inf"])
@pytest.mark.parametrize("classes", [Labels("a", ("x",)), Buckets((0.5,))])
def test_answers_that_nobody_can_have_given_are_unreadable(value: str, classes: Labels | Buckets) -> None:
    """The same holds for what the model answers."""
    rules = MetricRules(predictions=PredictionRule(Selector("p"), classes))
    page = f'p{{a="x",le="0.5"}} {value}\np{{a="x",le="+Inf"}} {value}\n'
    assert isinstance(count_pod(page, rules).predictions, str)


def bounds(number: int, name: str = "h") -> str:
    return "".join(f'{name}_bucket{{le="{100_000 + n}"}} 1\n' for n in range(number))


@pytest.mark.parametrize("number", [3, 100, 9000])
def test_a_sentence_names_a_few_bounds_only(number: int) -> None:
    """All of them were a megabyte of one sentence, which no ConfigMap holds."""
    found = read(LATENCY, count_pod(bounds(number), RULES))
    assert isinstance(found, Unreadable)
    assert "1 s is no bound of the histogram's buckets (100000, " in found.problem
    assert len(found.problem) < 200
    scores = MetricRules(predictions=PredictionRule(Selector("p_bucket"), Buckets((0.5,))))
    told = count_pod(bounds(number, "p"), scores).predictions
    assert isinstance(told, str)
    assert len(told) < 200


@given(st.lists(st.sampled_from(["r", "e", "h_bucket", "p"])), st.lists(st.floats()), st.floats(), st.text(max_size=20))
def test_whatever_is_counted_is_no_number_that_can_not_be_kept(
    names: list[str], values: list[float], bound: float, label: str
) -> None:
    """Each reading is a pair of integers that every reader of JSON has exactly, or a short sentence."""
    text = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    pairs = zip(names, values, strict=False)
    found = count_pod("".join(f'{n}{{a="{text}",le="{bound}"}} {v!r}\n' for n, v in pairs), RULES)
    for check in (ERRORS, LATENCY):
        _is_kept(read(check, found))


def _is_kept(reading: tuple[int, int] | Unreadable) -> None:
    if isinstance(reading, Unreadable):
        assert len(reading.problem) < 200
    else:
        assert all(0 <= number <= 2**53 for number in reading)


def test_an_empty_page_has_no_problem() -> None:
    """A pod that says nothing is no pod that says too much."""
    assert count_pod("", RULES).problem == PodCounters().problem == ""
