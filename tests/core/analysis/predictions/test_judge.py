"""Predictions: the canary's answers against the concurrent stable's, from a pod's text to the verdict."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import pytest

from linnet.core.analysis import evidence as rollout_evidence
from linnet.core.analysis.checks import Policy, PredictionCheck, Track
from linnet.core.analysis.evidence import restored, stored
from linnet.core.analysis.metrics.classes import Buckets, Labels
from linnet.core.analysis.metrics.counters import PodCounters, count_pod
from linnet.core.analysis.metrics.selectors import MetricRules, PredictionRule, Selector
from linnet.core.analysis.predictions.evidence import PredictionEvidence, fold, start
from linnet.core.analysis.predictions.judge import judge
from linnet.core.analysis.statistics.divergence import Pair, estimate, jensen_shannon
from linnet.core.analysis.statistics.equality import gain, scatter
from linnet.core.analysis.verdict import Judgement, Look, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Buckets((0.2, 0.5))
CHECK = PredictionCheck("answers", 0.02, BOUNDS.names)
TRACKS = {"c": Track.CANARY, "s": Track.STABLE, "t": Track.STABLE}
SCORES = MetricRules(predictions=PredictionRule(Selector("score_bucket"), BOUNDS))
LABELS = MetricRules(predictions=PredictionRule(Selector("answers_total"), Labels("class", ("fraud", "fine"))))
EVEN = (0.6, 0.3, 0.1)
HIGH = (0.3, 0.3, 0.4)
Shares = tuple[float, ...]


def pod(*counts: float) -> PodCounters:
    return PodCounters(predictions=dict(zip(CHECK.classes, counts, strict=True)))


def after(looks: list[dict[str, PodCounters]], known: PredictionEvidence | None = None) -> PredictionEvidence:
    """Five seconds apart; the first of a stable pod is its baseline."""
    known, now = known or start(CHECK.classes), START
    for look in looks:
        now += timedelta(seconds=5)
        known = fold(known, look, {uid: TRACKS[uid[0]] for uid in look}, "10", now)
    return known


def judged(known: PredictionEvidence, *, required: int = 0, later: int = 0, bound: float = 0.02) -> Judgement:
    check = PredictionCheck("answers", bound, CHECK.classes)
    now = START + timedelta(seconds=(known.folded_at or 0) - START.timestamp() + later)
    return judge(
        Policy((), resemblance=check), check, known, Look(timedelta(minutes=5), timedelta(seconds=required), now)
    )


def traffic(canary: Shares, stable: Shares = EVEN, looks: int = 60, burst: int = 1) -> list[dict[str, PodCounters]]:
    """Ten answers of the canary and fifty of each of two stable pods between two looks, or as many bursts of them."""
    rng, counts = random.Random(1), {uid: [0, 0, 0] for uid in TRACKS}
    found = [{uid: pod(*each) for uid, each in counts.items()}]
    for _ in range(looks):
        for uid, shares, n in (("c", canary, 10), ("s", stable, 50), ("t", stable, 50)):
            for which in rng.choices(range(3), cum_weights=list(accumulate(shares)), k=n):
                counts[uid][which] += burst
        found.append({uid: pod(*each) for uid, each in counts.items()})
    return found


def test_other_answers_roll_back_and_the_record_shows_both_distributions() -> None:
    """Right status codes, shifted answers: the verdict says how far off they are."""
    found = judged(after(traffic(HIGH)))
    assert (found.verdict, found.reason) == (Verdict.FAIL, "AnswersDiffer")
    assert found.shape is not None
    assert [c.name for c in found.shape.classes] == ["≤0.2", "≤0.5", ">0.5"]
    assert found.shape.divergence - found.shape.error > 0.02
    assert "bits, at most 0.02 allowed" in found.message


def test_equal_answers_pass_once_there_are_enough_and_its_time_is_over() -> None:
    """Before, the message says how many are missing, and then for how long."""
    few, enough = judged(after(traffic(EVEN, looks=10))), after(traffic(EVEN, looks=150))
    assert (few.verdict, few.reason) == (Verdict.INSUFFICIENT_DATA, "TooFewAnswers")
    assert few.needed_requests
    assert few.eta_seconds == pytest.approx(few.needed_requests / 2, rel=0.01)
    assert judged(enough, required=600).reason == "StillAnalysing"
    assert judged(enough).verdict is Verdict.PASS


def test_a_difference_that_is_certain_and_small_rolls_nothing_back() -> None:
    """Equality is refuted, and the divergence is within what was allowed."""
    found = judged(after(traffic(HIGH, looks=150)), bound=0.3)
    assert found.statistic > found.bound
    assert found.verdict is Verdict.PASS


def test_a_canary_that_looks_different_by_chance_is_held() -> None:
    """Its estimate is beyond the bound, and not by more than its error."""
    found = judged(after(traffic((0.46, 0.34, 0.2), looks=150)))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "MaybeAnswersDiffer")


def test_answers_in_bursts_count_as_one_each() -> None:
    """Thirty times the same counts in bursts of thirty are no more evidence than the answers one by one."""
    one, thirty = after(traffic(HIGH, looks=9)), after(traffic(HIGH, looks=9, burst=30))
    assert judged(thirty).counts.dispersion > 20
    assert judged(thirty).statistic < 1.5 * judged(one).statistic


def test_clients_that_keep_to_a_pod_are_no_difference_of_versions() -> None:
    """Where the pods of stable differ from each other as much, a canary's pod may differ from them."""
    own = {"c": (0.3, 0.3, 0.4), "s": (0.5, 0.3, 0.2), "t": (0.8, 0.15, 0.05)}
    looks = [{uid: pod(*(100 * n * share for share in shares)) for uid, shares in own.items()} for n in range(60)]
    found = judged(after(looks))
    assert found.counts.dispersion > 50
    assert found.verdict is not Verdict.FAIL


@pytest.mark.parametrize("answered", [{"c": 1}, {"s": 1}])
def test_without_answers_on_a_track_nothing_is_concluded(answered: dict[str, int]) -> None:
    """Neither good nor bad, however many the other track has."""
    looks = [{uid: pod(90 * n * answered.get(uid, 0), 0, 0) for uid in ("c", "s")} for n in range(50)]
    assert judged(after(looks)).verdict is Verdict.INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("stable", "why"),
    [
        (PodCounters(predictions="the pod exposes no metric score"), "exposes no metric score"),
        (PodCounters(), "names no predictions"),
        (PodCounters(predictions={"≤0.3": 1.0, ">0.3": 2.0}), "by ≤0.3, >0.3, and the canary's by ≤0.2"),
    ],
)
def test_answers_that_cannot_be_compared_are_an_error_with_the_cause(stable: PodCounters, why: str) -> None:
    """An older stable that counts nothing, or by other buckets: never a verdict."""
    found = judged(after([{"c": pod(10.0 * n, 0, 90.0 * n), "s": stable} for n in range(30)]))
    assert found.verdict is Verdict.ERROR
    assert why in found.message


def test_metrics_that_went_away_are_an_error_and_a_refutation_stays() -> None:
    """A minute without a readable scrape holds; what has failed has failed."""
    good, bad = after(traffic(EVEN, looks=150)), after(traffic(HIGH))
    assert judged(good, later=61).reason == "MetricsUnreadable"
    assert judged(bad, later=61).verdict is Verdict.FAIL


def test_a_restart_counts_once_and_a_stable_pods_past_does_not_count() -> None:
    """Counters that fell are new; a new canary pod's are its own; a new stable pod's are from before."""
    looks = [{"c": pod(5, 0, 0), "s": pod(700, 0, 0)}, {"c": pod(8, 1, 0), "s": pod(710, 0, 0)}]
    looks += [{"c": pod(2, 0, 0), "s": pod(712, 0, 1), "t": pod(500, 0, 0)}, {"c": pod(2, 0, 1), "t": pod(501, 0, 0)}]
    assert after(looks).total == Pair((10, 1, 1), (13, 0, 1))


def test_a_pod_that_a_list_left_out_is_not_counted_twice() -> None:
    """It is remembered for a while."""
    looks = [{"c": pod(5, 0, 0), "s": pod(0, 0, 0)}, {"s": pod(9, 0, 0)}, {"c": pod(6, 0, 0), "s": pod(9, 0, 0)}]
    assert after(looks).total == Pair((6, 0, 0), (9, 0, 0))


def test_a_restarted_operator_judges_the_same() -> None:
    """To the last digit, and goes on from there."""
    begun = after(traffic(HIGH, looks=20))
    assert restored(data(begun)).predictions == begun


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"streams": 3}'])
def test_evidence_that_cannot_be_read_is_refused(text: str) -> None:
    """It begins anew then, as does evidence of other classes."""
    with pytest.raises(ValueError, match="evidence"):
        restored({**data(start(CHECK.classes)), "evidence.predictions": text})
    begun = rollout_evidence.Evidence(predictions=start(CHECK.classes))
    assert restored(data(start(("a", "b")))).within(begun).predictions == start(CHECK.classes)


def data(known: PredictionEvidence) -> dict[str, str]:
    return stored(rollout_evidence.Evidence(predictions=known))


def test_evidence_is_bounded() -> None:
    """A thousand pods of sixteen buckets fit beside the other evidence in a ConfigMap."""
    wide = start(tuple(str(k) for k in range(16)))
    look = {f"s-{n:032d}": PodCounters(predictions={str(k): 1e6 for k in range(16)}) for n in range(1200)}
    for at in (1, 2):
        wide = fold(wide, look, dict.fromkeys(look, Track.STABLE), "10", START + timedelta(seconds=at))
    assert len(data(wide)["evidence.predictions"]) < 300_000


class TestExposition:
    """From a pod's text to its answers by class."""

    def test_a_histogram_may_have_more_buckets_than_are_compared(self) -> None:
        """Those between are added; several series are one."""
        text = "".join(
            f'score_bucket{{a="{a}",le="{le}"}} {n}\n'
            for a in "xy"
            for le, n in (("0.1", 1), ("0.2", 3), ("0.5", 4), ("+Inf", 9))
        )
        assert count_pod(text, SCORES).predictions == {"≤0.2": 6, "≤0.5": 2, ">0.5": 10}

    def test_a_bound_that_is_missing_is_said(self) -> None:
        """With those that there are."""
        found = count_pod('score_bucket{le="0.2"} 3\nscore_bucket{le="+Inf"} 9\n', SCORES).predictions
        assert found == "the histogram of predictions has no bucket 0.5; it has 0.2"

    def test_classes_that_are_not_named_are_one(self) -> None:
        """However many values the label takes."""
        text = "".join(f'answers_total{{class="{name}"}} 2\n' for name in ("fraud", "fine", "x", "y"))
        assert count_pod(text, LABELS).predictions == {"fraud": 2, "fine": 2, "(other)": 4}

    @pytest.mark.parametrize(("rules", "family"), [(SCORES, "score"), (LABELS, "answers_total")])
    def test_a_family_that_is_announced_has_counted_nothing_and_one_that_is_not_is_missing(
        self, rules: MetricRules, family: str
    ) -> None:
        """A wrong name is never taken for a model that answers nothing."""
        announced = count_pod(f"# TYPE {family} counter\n", rules).predictions
        assert isinstance(announced, dict)
        assert set(announced.values()) == {0.0}
        assert count_pod("up 1\n", rules).predictions == f"the pod exposes no metric {family}"

    @pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
    def test_impossible_counts_are_unreadable(self, value: str) -> None:
        """They are no answers."""
        assert "predictions" in str(count_pod(f'answers_total{{class="fraud"}} {value}\n', LABELS).predictions)


class TestMathematics:
    """Worked examples, and the properties on which alpha rests."""

    def test_divergence_in_bits(self) -> None:
        """Between none and one; 10 % against 20 % is little."""
        assert jensen_shannon((0.5, 0.5), (0.5, 0.5)) == 0
        assert jensen_shannon((1, 0), (0, 1)) == 1
        assert jensen_shannon((0.1, 0.9), (0.2, 0.8)) == pytest.approx(0.0144, abs=1e-4)
        assert jensen_shannon((0.1, 0.9), (0.9, 0.1)) == pytest.approx(0.531, abs=1e-3)

    def test_the_bias_of_few_answers_is_taken_away(self) -> None:
        """Equal distributions have a mean of nothing, where the plain estimate shows 0.03 bits."""
        rng, shares = random.Random(2), [0.1] * 10
        pairs = [Pair(*(tuple(_drawn(rng, shares, 100)) for _ in "cs")) for _ in range(300)]
        plain = [jensen_shannon([c / 100 for c in p.canary], [s / 100 for s in p.stable]) for p in pairs]
        found = [estimate([p], 1.0) for p in pairs]
        assert sum(plain) / 300 == pytest.approx(0.0325, rel=0.15)
        assert sum(f.divergence for f in found) / 300 < 0.01
        assert sum(f.least > 0 for f in found) / 300 < 0.1

    def test_segments_are_compared_at_the_canarys_mix(self) -> None:
        """Other questions in another hour, more of them to the canary: no difference."""
        day, night = Pair((90, 10), (900, 100)), Pair((40, 360), (10, 90))
        assert estimate([day, night], 1.0).divergence == 0
        assert estimate([day.plus(night)], 1.0).divergence > 0.2

    def test_the_mean_of_an_intervals_evidence_is_at_most_one(self) -> None:
        """For any distribution that both tracks share, whatever was learned before: summed over all outcomes."""
        past = Pair((7, 1, 0), (20, 30, 50))
        for shares in ((0.2, 0.3, 0.5), (0.9, 0.05, 0.05), (1 / 3, 1 / 3, 1 / 3)):
            mean = sum(
                _chance(canary, shares) * _chance(stable, shares) * math.exp(gain(Pair(canary, stable), past))
                for canary in _outcomes(2)
                for stable in _outcomes(3)
            )
            assert mean <= 1 + 1e-12

    def test_the_first_interval_is_worth_nothing(self) -> None:
        """Nothing was learned before it."""
        assert gain(Pair((9, 0), (0, 9)), Pair((), ())) == 0

    def test_scatter_of_independent_groups_is_one(self) -> None:
        """Its mean is exact; threes of a kind are three times as much."""
        rng = random.Random(3)
        groups = [[_drawn(rng, (0.7, 0.2, 0.1), 40) for _ in "ab"] for _ in range(500)]
        total, threes = scatter([]), scatter([])
        for pair in groups:
            total = total.plus(scatter(pair))
            threes = threes.plus(scatter([[3 * n for n in group] for group in pair]))
        assert total.observed / total.expected == pytest.approx(1, abs=0.1)
        assert threes.ratio == pytest.approx(3, abs=0.3)


def _drawn(rng: random.Random, shares: Shares | list[float], n: int) -> list[int]:
    counts = [0] * len(shares)
    for which in rng.choices(range(len(shares)), shares, k=n):
        counts[which] += 1
    return counts


def _outcomes(n: int) -> list[tuple[int, ...]]:
    """All counts of three classes that add up to n."""
    cuts = [(0, a, b, n) for a in range(n + 1) for b in range(a, n + 1)]
    return [tuple(high - low for low, high in pairwise(cut)) for cut in cuts]


def _chance(counts: tuple[int, ...], shares: Shares) -> float:
    ways = math.factorial(sum(counts)) / math.prod(map(math.factorial, counts))
    return ways * math.prod(share**n for share, n in zip(shares, counts, strict=True))
