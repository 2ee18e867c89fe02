"""MLServer's scikit-learn runtime that also counts what the model answers: a histogram of its scores, for Predictions.

MLServer shows what `mlserver.log` is given on its metrics port; it exists only in the example's image.
"""

import mlserver
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver_sklearn import SKLearnModel

NAME = "model_score"


class Scored(SKLearnModel):  # type: ignore[misc]
    """One observation for each record: the probability of the second class."""

    async def load(self) -> bool:
        mlserver.register(NAME, "Probabilities that the model has answered")
        return bool(await super().load())

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        response = await super().predict(payload)
        for output in response.outputs:
            if output.name == "predict_proba":
                for score in output.data[1::2]:
                    mlserver.log(**{NAME: score})
        return response
