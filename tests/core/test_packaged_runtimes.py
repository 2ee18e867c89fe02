"""The packaged runtimes read what the real servers expose: the lines are MLServer 1.7.1's, word for word."""

from importlib import resources

import yaml

from linnet.api.model import ModelSpec
from linnet.core.exposition import count_pod
from linnet.core.runtimes import catalogue, freeze, metric_rules

INFER = 'method="POST",path="/v2/models/{model_name}/infer"'
READY = 'method="GET",path="/v2/models/{model_name}/ready"'
BUCKET = 'rest_server_request_duration_seconds_bucket{app_name="mlserver"'
MLSERVER = f"""
# TYPE rest_server_requests_total counter
rest_server_requests_total{{app_name="mlserver",{READY},status_code="200"}} 141.0
rest_server_requests_total{{app_name="mlserver",{INFER},status_code="200"}} 4713.0
rest_server_requests_total{{app_name="mlserver",{INFER},status_code="422"}} 3.0
rest_server_requests_total{{app_name="mlserver",{INFER},status_code="500"}} 12.0
# TYPE rest_server_request_duration_seconds histogram
{BUCKET},le="0.25",{READY},status_code="200"}} 141.0
{BUCKET},le="+Inf",{READY},status_code="200"}} 141.0
{BUCKET},le="0.25",{INFER},status_code="200"}} 4709.0
{BUCKET},le="+Inf",{INFER},status_code="200"}} 4713.0
# TYPE rest_server_requests_in_progress gauge
rest_server_requests_in_progress{{app_name="mlserver",method="GET"}} 1.0
rest_server_requests_in_progress{{app_name="mlserver",method="POST"}} 3.0
"""


def test_mlserver_counts_inference_and_leaves_probes_out() -> None:
    """Requests, errors, slow and waiting ones are those of the infer route, whatever the Model is called."""
    packaged = resources.files("linnet").joinpath("runtimes/mlserver.yaml").read_text()
    spec = ModelSpec.model_validate({"format": {"name": "sklearn"}, "source": {"uri": "s3://models/1"}})
    frozen = freeze("tumor-risk", spec, catalogue([yaml.safe_load(packaged)]))

    seen = count_pod(MLSERVER, metric_rules(frozen.metrics))

    assert (seen.requests, seen.errors, seen.in_flight) == (4728, 12, 3)
    assert seen.latency is not None
    assert dict(seen.latency["latency"]) == {0.25: 4709, float("inf"): 4713}
