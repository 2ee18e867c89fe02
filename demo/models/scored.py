"""MLServer's scikit-learn runtime that also counts what the model answers: a histogram of its scores, for Predictions.

`mlserver.log` would write to a registry that MLServer 1.7.1 does not show with `parallel_workers: 0`. This module is
imported in the example's image only.
"""

from typing import Final

from mlserver.types import InferenceRequest, InferenceResponse
from mlserver_sklearn import SKLearnModel
from prometheus_client import Histogram

SCORES: Final = Histogram(
    "model_score", "Probabilities that the model has answered", buckets=(0.01, 0.1, 0.25, 0.5, 0.75)
)


class Scored(SKLearnModel):  # type: ignore[misc]
    """One observation for each record: the probability of the second class."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        response = await super().predict(payload)
        for output in response.outputs:
            if output.name == "predict_proba":
                for score in output.data[1::2]:
                    SCORES.observe(score)
        return response
