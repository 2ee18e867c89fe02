"""Summarizes what a recorded check stood on, to be shown: rates with intervals, the bound, the evidence."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from linnet.cli.views.units import percent
from linnet.core.analysis import kinds
from linnet.core.analysis.checks import CountCheck
from linnet.core.analysis.counts.basis import CountBasis
from linnet.core.analysis.statistics.intervals import wilson

Json = Mapping[str, Any]
TRACKS: Final = ("canary", "stable")
CONFIDENCE: Final = "95 %"


@dataclass(frozen=True)
class Rate:
    """One track's bad requests, and where their share lies with a confidence of 95 %; bursts make that wider."""

    track: str
    bad: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.bad / self.n if self.n else 0.0

    @property
    def text(self) -> str:
        if not self.n:
            return "none yet"
        return f"{self.bad:,} of {self.n:,} bad, {self.rate:.2%} ({percent(self.low)} to {percent(self.high)})"


@dataclass(frozen=True)
class CheckSummary:
    """A check to be shown. `rates` are empty where nothing was counted; `statistic` and `bound`: natural logarithms."""

    name: str
    verdict: str
    message: str
    rates: tuple[Rate, ...] = ()
    limits: str = ""
    statistic: float = 0.0
    bound: float = 0.0
    query: str = ""

    @property
    def top(self) -> float:
        """The end of the scale on which the rates are shown."""
        return max((r.high for r in self.rates), default=0.0) or 1.0

    @property
    def evidence(self) -> str:
        """The evidence in words: chance brings the logarithm of a likelihood ratio to `bound` once in exp(bound)."""
        often = f"a good version gets %s once in {math.exp(self.bound):,.0f} rollouts"
        met = f"refuted; {often % 'there'}" if self.refuted else f"not refuted; {often % 'to the bound'}"
        return f"{self.statistic:g} of {self.bound:g}: {met}"

    @property
    def refuted(self) -> bool:
        return self.statistic >= self.bound


def summarize(check: Json) -> CheckSummary:
    """Summarizes a check as a decision records it."""
    found = _basis(check)
    message = str(check.get("message") or "").partition(" (bad: ")[0]
    statistic, bound = (float(check.get(key) or 0) for key in ("statistic", "bound"))
    about = CheckSummary(
        str(check["name"]), str(check["verdict"]), message, statistic=statistic, bound=bound, query=_query(check)
    )
    if check.get("predictions") or not any(check.get(f"{track}Requests") for track in TRACKS):
        return about
    spread = kinds.decide(found).counts.dispersion if found is not None else 1.0
    limits = "; ".join(_limits(found.check)) if found is not None else ""
    return replace(about, rates=tuple(_rate(check, track, spread) for track in TRACKS), limits=limits)


def _basis(check: Json) -> CountBasis | None:
    """The record's evidence; None where it has none that can be judged: what was counted is shown all the same."""
    try:
        found = kinds.read(check)
    except ValueError:
        return None
    return found if isinstance(found, CountBasis) else None


def _rate(check: Json, track: str, spread: float) -> Rate:
    bad, n = int(check.get(f"{track}Bad") or 0), int(check.get(f"{track}Requests") or 0)
    low, high = wilson(bad / spread, n / spread) if n else (0.0, 0.0)
    return Rate(track, bad, n, low, high)


def _limits(check: CountCheck) -> Iterator[str]:
    if (ratio := check.max_ratio_to_stable) is not None:
        times = "stable's rate" if ratio == 1 else f"{ratio:g} times stable's rate"
        yield f"not above {times}; less than {percent(check.min_excess)} above stable never rolls back"
    if check.max is not None:
        yield f"at most {percent(check.max)}"


def _query(check: Json) -> str:
    """A phrase on a named query's value and its bounds; empty for other checks."""
    if not check.get("query"):
        return ""
    bounds = (f"{word} {check[key]}" for key, word in (("min", "at least"), ("max", "at most")) if key in check)
    return f"query {check['query']} = {check.get('value', 'no value')}, {' and '.join(bounds)}"
