"""What is known of one rollout, a part for each kind of check, and how it lies in a ConfigMap.

A part is compact and bounded, and read again it is the same to the last digit. What can't be read is not believed in
part: the rollout counts anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from linnet.core.analysis import codec
from linnet.core.analysis.checks import Policy
from linnet.core.analysis.codec import FormatError
from linnet.core.analysis.counts import evidence as counts
from linnet.core.analysis.counts.evidence import CountEvidence
from linnet.core.analysis.metrics.fold import MAX_PODS
from linnet.core.analysis.pod_health.silence import Silence
from linnet.core.analysis.predictions import evidence as predictions
from linnet.core.analysis.predictions.evidence import PredictionEvidence
from linnet.core.analysis.prometheus.evidence import Measurements

FORMAT: Final = "3"
PREFIX: Final = "evidence."
"""What its keys begin with, among the others of a rollout's ConfigMap."""


@dataclass(frozen=True)
class Evidence:
    """All that is known. A kind that no check asks for has no part."""

    counts: CountEvidence = field(default_factory=CountEvidence)
    predictions: PredictionEvidence | None = None
    prometheus: Measurements | None = None
    silence: Silence | None = None

    def bounded(self) -> Evidence:
        """The evidence with no more pods than can be stored: about 15 kB for each check or slice, and 70 kB."""
        return replace(
            self,
            counts=self.counts.bounded(),
            predictions=self.predictions.bounded() if self.predictions is not None else None,
            silence=self.silence.bounded(MAX_PODS) if self.silence is not None else None,
        )

    def until(self, now: float) -> Evidence:
        """The evidence without times that are still to come: whoever wrote it had a clock that was ahead, and nothing
        must wait until now has caught up with it.
        """
        return replace(
            self,
            counts=self.counts.until(now),
            predictions=self.predictions and self.predictions.until(now),
            prometheus=self.prometheus and self.prometheus.until(now),
            silence=self.silence and self.silence.until(now),
        )

    def fits(self) -> bool:
        """Whether all counters are as many numbers as their streams count."""
        return self.counts.fits() and (self.predictions is None or self.predictions.fits())

    def within(self, begun: Evidence) -> Evidence:
        """The evidence, with the parts that `begun` has; answers that were counted by other classes begin anew."""
        compared, other = self.predictions, begun.predictions
        same = compared is not None and other is not None and compared.answers.classes == other.answers.classes
        measured = begun.prometheus and (self.prometheus or begun.prometheus)
        return replace(self, predictions=compared if same else other, prometheus=measured)


def start(policy: Policy, *, queries: bool = False) -> Evidence:
    """The evidence of a rollout that has seen nothing yet; `queries`: whether the platform's Prometheus is asked."""
    compared = policy.resemblance
    return Evidence(
        counts=counts.start(policy.checks),
        predictions=predictions.start(compared.classes) if compared is not None else None,
        prometheus=Measurements() if queries else None,
    )


def stored(evidence: Evidence) -> dict[str, str]:
    """The evidence as entries of a ConfigMap's `data`."""
    parts = codec.dump(Evidence, evidence.bounded())
    return {f"{PREFIX}format": FORMAT, **{f"{PREFIX}{name}": codec.text(part) for name, part in parts.items()}}


def restored(data: Mapping[str, str]) -> Evidence:
    """The evidence that was stored; FormatError, a ValueError, if it is not ours or of another format."""
    return _restored(tuple(sorted((key, text) for key, text in data.items() if key.startswith(PREFIX))))


@lru_cache(maxsize=32)
def _restored(items: tuple[tuple[str, str], ...]) -> Evidence:
    """Several questions are answered from the same evidence within a look."""
    data = {key.removeprefix(PREFIX): text for key, text in items}
    if data.pop("format", None) != FORMAT:
        raise FormatError(f"the evidence is not of format {FORMAT!r}")
    try:
        found = codec.load(Evidence, {name: codec.parsed(text) for name, text in data.items()})
    except FormatError as error:
        raise FormatError(f"the evidence can't be read: {error}") from error
    if not found.fits():
        raise FormatError("the evidence can't be read: its counters are not those of its streams")
    return found
