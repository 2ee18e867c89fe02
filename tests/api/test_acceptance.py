"""What a real API server says to the CRDs: what it takes, what it refuses, and in which words."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from control_plane import ApiServer
from samples import (
    DIGEST,
    OTHER_DIGEST,
    Object,
    changed,
    deployment,
    model,
    model_version,
    retrain_policy,
    rollout_policy,
)

pytestmark = pytest.mark.integration

STEPS = "spec.strategy.canary.steps"
CHECKS = "spec.analysis.checks"
ALIKE = {"name": "p", "signal": "Predictions", "maxDivergence": "0.02"}
SLICED = {"name": "s", "signal": "Errors", "max": "0.1", "slice": {"label": "country", "values": ["de", "fr"]}}
REQUESTS = "spec.pod.resources.requests"
HOOKS = "spec.strategy.hooks"
HOOK = {"name": "approved", "at": "ConfirmPromotion", "endpoint": "desk"}
ASKED = {"name": "p", "signal": "Prometheus", "query": {"name": "q"}, "max": "1"}
GATEWAY = {"type": "Gateway", "parentRefs": [{"name": "public"}]}


def attached(*refs: Object) -> Object:
    return {"type": "Gateway", "parentRefs": list(refs)}


LISTENERS = attached(
    *[{"name": "public", "sectionName": name} for name in ("http", "https")],
    {"name": "public", "namespace": "infra"},
    {"name": "private", "port": 80},
    {"name": "private", "port": 8080},
)
KNOWN = {"name": "e", "signal": "Errors", "max": "0.01"}
AUTOSCALING = {"minReplicas": 1, "maxReplicas": 2, "metrics": [{"type": "CPU", "target": 70}]}


def unformatted(item: Object) -> Object:
    return {**item, "spec": {key: value for key, value in item["spec"].items() if key != "format"}}


TWELVE_LINES = """\
apiVersion: linnet.dev/v1alpha1
kind: Model
metadata: {name: twelve-lines, namespace: default}
spec:
  format: {name: sklearn}
  source: {uri: s3://models/tumor-risk/2026-11-20}
---
apiVersion: linnet.dev/v1alpha1
kind: Deployment
metadata: {name: twelve-lines, namespace: default}
spec:
  model: {name: twelve-lines}
"""

WHOLE_MODEL = """\
format: {name: sklearn, version: "1"}
source:
  uri: s3://models/tumor-risk/2026-11-20
  digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
  include: ["*.joblib", "*.json"]
  credentials: {secretName: models-read}
runtime: {name: mlserver, image: registry.example/mlserver:1.7.1, args: [mlserver, start, /tmp]}
metrics: {auc: "0.991"}
lineage: {code: git@3f2c, data: s3://data/x, parameters: {max_depth: "6"}, image: trainer:1, trainedBy: team-risk}
card: {owner: team-risk, intendedUse: triage, limitations: adults only}
gate:
  metrics:
  - {name: auc, direction: Higher, min: "0.95", maxRegression: {absolute: "0.01"}}
  contract: {configMapName: tumor-risk-golden}
  approval: {count: 1, expireAfter: 168h}
keepVersions: 10
"""

WHOLE_DEPLOYMENT = """\
model: {name: tumor-risk}
policy: {name: gentle}
replicas: 4
runtime: {args: [--tensor-parallel-size, "2"]}
pod:
  resources: {requests: {cpu: 1, memory: 1Gi}, limits: {nvidia.com/gpu: 1}}
  nodeSelector: {pool: gpu}
  tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
  affinity: {nodeAffinity: {}}
  topologySpread: [{topologyKey: topology.kubernetes.io/zone}]
  env: [{name: OMP_NUM_THREADS, value: "2"}]
  sharedMemory: 2Gi
  gracePeriod: 1m
  storage: {size: 20Gi, class: fast, cache: None}
traffic: {type: Replicas, protocols: [HTTP]}
strategy:
  canary:
    steps:
    - {setWeight: 10}
    - {analyze: {for: 5m}}
    - {setWeight: 50}
    - {pause: {maxTime: 24h, onExpiry: RollBack}}
    - {analyze: {for: 10m}}
  bake: {time: 30m, holdbackPercent: 5}
  capacity: Surge
  hooks:
  - {name: change-freeze, at: PreRollout, endpoint: calendar}
  - {name: approved, at: ConfirmPromotion, endpoint: desk}
  - {name: report, at: PostRollout, endpoint: desk}
  onNewVersion: Queue
  revisionHistory: 10
analysis:
  interval: 5s
  warmUp: 30s
  alpha: "0.01"
  detect: {ratio: "5", power: "0.9"}
  onInsufficientData: Hold
  checks:
  - {name: errors, signal: Errors, maxRatioToStable: "1", minExcess: "0.002"}
  - {name: latency, signal: Latency, threshold: 250ms, maxShareSlower: "0.05"}
  - {name: business, signal: Metric, metric: {name: missed_total}, maxRatioToStable: "1.5"}
  - {name: slo, signal: Prometheus, query: {name: http-success}, min: "0.99"}
  - {name: by-country, signal: Errors, maxRatioToStable: "1", slice: {label: country, values: [de, Österreich]}}
deadlines: {fetch: 1h, ready: 10m, evidence: 1h, hook: 8h}
paused: false
"""

_WHOLE = yaml.safe_load(WHOLE_DEPLOYMENT)
WHOLE_ROLLOUT_POLICY = yaml.safe_dump({block: _WHOLE[block] for block in ("strategy", "analysis", "deadlines")})

WHOLE_POLICY = """\
model: {name: tumor-risk}
deployment: {name: tumor-risk}
triggers:
- {name: weekly, schedule: {cron: "0 3 * * 0", timeZone: Europe/Berlin}}
- {name: degraded, metric: {signal: Errors, above: "0.02", for: 30m}}
training:
  job:
    image: trainer:1
    command: [python, train.py]
    env: [{name: SEED, value: "1"}]
    pod: {resources: {requests: {cpu: 500m}}}
    deadline: 6h
    retries: 1
cooldown: 6h
budget: {runs: 4, per: 7h}
pauseAfterRejections: 2
suspend: false
"""


def refusal(api: ApiServer, item: Object) -> str:
    """The message with which the object is refused."""
    answer = api.create(item, dry_run=True)
    assert answer.status_code in {400, 422}, f"taken: {item['spec']}"
    return str(answer.json()["message"])


def stored(api: ApiServer, item: Object) -> Object:
    """The object as it is after being created anew."""
    api.http.delete(f"/apis/{item['apiVersion']}/namespaces/default/{item['kind'].lower()}s/{item['metadata']['name']}")
    answer = api.create(item)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_the_twelve_line_pair_is_stored_as_written(api: ApiServer) -> None:
    """No default is written into an object, so that Git and the cluster agree."""
    for item in yaml.safe_load_all(TWELVE_LINES):
        back = stored(api, item)
        assert back["spec"] == item["spec"]
        assert set(back) == {"apiVersion", "kind", "metadata", "spec"}
    assert len([line for line in TWELVE_LINES.splitlines() if line != "---"]) <= 12


@pytest.mark.parametrize(
    ("make", "spec"),
    [
        (model, WHOLE_MODEL),
        (deployment, WHOLE_DEPLOYMENT),
        (retrain_policy, WHOLE_POLICY),
        (rollout_policy, WHOLE_ROLLOUT_POLICY),
    ],
    ids=["Model", "Deployment", "RetrainPolicy", "RolloutPolicy"],
)
def test_every_field_is_taken_and_stored_as_written(api: ApiServer, make: Callable[..., Object], spec: str) -> None:
    """An object that uses every field comes back unchanged."""
    item = {**make("everything"), "spec": yaml.safe_load(spec)}
    answer = api.create(item, dry_run=True)
    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"] == item["spec"]


REFUSED: list[tuple[Object, list[str]]] = [
    (
        changed(deployment(), "spec.traffic", {**GATEWAY, "labels": {"linnet.dev/managed": "false"}}),
        ["spec.traffic.labels", "choose another prefix"],
    ),
    (changed(deployment(), HOOKS, [{**HOOK, "endpoint": "https://evil.example"}]), [f"{HOOKS}[0].endpoint", "match"]),
    (changed(deployment(), HOOKS, [{**HOOK, "url": "https://x"}]), [f'unknown field "{HOOKS}[0].url"']),
    (changed(deployment(), HOOKS, [{**HOOK, "at": "Rollback"}]), [f"{HOOKS}[0].at", '"ConfirmPromotion"']),
    (
        changed(deployment(), "spec.strategy", {"allAtOnce": {}, "capacity": "InPlace", "hooks": [HOOK]}),
        [f"{HOOKS}:", "allAtOnce with capacity InPlace takes PostRollout hooks only"],
    ),
    (changed(deployment(), HOOKS, [HOOK, HOOK]), [f"{HOOKS}[1]", "Duplicate value"]),
    (changed(deployment(), REQUESTS, {"cpu": 0.5}), [f"{REQUESTS}.cpu", "must be of type integer,string"]),
    (changed(deployment(), REQUESTS, {"cpu": True}), [f"{REQUESTS}.cpu", 'string: "boolean"']),
    (changed(deployment(), "spec.pod.storage", {"size": 10}), ["spec.pod.storage.size", 'string: "integer"']),
    (changed(deployment(), HOOKS, [{**HOOK, "name": f"h{n}"} for n in range(9)]), [HOOKS, "at most 8 items"]),
    (changed(deployment(), "spec.replicass", 3), ['unknown field "spec.replicass"']),
    (changed(deployment(), "spec.selector", {"matchLabels": {"a": "b"}}), ['unknown field "spec.selector"']),
    (changed(model(), "spec.source.url", "s3://aucket/b"), ['unknown field "spec.source.url"']),
    (
        changed(deployment(), STEPS, [{"setWeight": 101}]),
        ["spec.strategy.canary.steps[0].setWeight", "less than or equal to"],
    ),
    (
        changed(deployment(), STEPS, [{"setWeight": -1}]),
        ["spec.strategy.canary.steps[0].setWeight", "greater than or equal"],
    ),
    (
        changed(deployment(), STEPS, [{"setWeight": 51}]),
        ["spec.strategy.canary.steps:", "at most 50: beyond it, promote"],
    ),
    (
        changed(deployment(), STEPS, [{"setWeight": 10, "pause": {}}]),
        ["spec.strategy.canary.steps[0]:", "exactly one of setWeight, pause, analyze"],
    ),
    (changed(deployment(), STEPS, [{}]), ["spec.strategy.canary.steps[0]:", "exactly one of setWeight"]),
    (
        changed(deployment(), STEPS, [{"setWeight": 50}, {"pause": {}}, {"setWeight": 10}]),
        ["spec.strategy.canary.steps:", "never decrease"],
    ),
    (
        changed(deployment(), STEPS, [{"mirror": {"percent": 10}}]),
        ["spec.strategy.canary.steps:", "traffic type Gateway"],
    ),
    (
        changed(deployment(), STEPS, [{"pause": {"onExpiry": "Promote"}}]),
        ["spec.strategy.canary.steps[0].pause.onExpiry", "goes with maxTime"],
    ),
    (changed(deployment(), STEPS, [{"pause": {"maxTime": "soon"}}]), ["steps[0].pause.maxTime:", "such as 30s, 5m"]),
    (
        changed(deployment(), STEPS, [{"pause": {"maxTime": "1h", "onExpiry": "Abort"}}]),
        ["steps[0].pause.onExpiry:", "Unsupported value", "RollBack"],
    ),
    (
        changed(deployment(), STEPS, [{"analyze": {"for": "5m", "checks": []}}]),
        ["steps[0].analyze.checks:", "at least 1"],
    ),
    (
        changed(changed(deployment(), CHECKS, [KNOWN]), STEPS, [{"analyze": {"for": "5m", "checks": ["e", "f"]}}]),
        ["spec.strategy.canary.steps:", "one of its names is no check's"],
    ),
    (
        changed(changed(rollout_policy(), CHECKS, [KNOWN]), STEPS, [{"analyze": {"for": "5m", "checks": ["f"]}}]),
        ["spec.strategy.canary.steps:", "analyze.checks names checks of analysis.checks"],
    ),
    (
        changed(rollout_policy(), STEPS, [{"setWeight": 50}, {"setWeight": 10}]),
        ["spec.strategy.canary.steps:", "weights of the steps never decrease"],
    ),
    (
        changed(rollout_policy(), "spec.strategy", {"allAtOnce": {}, "canary": {"steps": []}}),
        ["spec.strategy:", "exactly one of canary, blueGreen, allAtOnce"],
    ),
    (changed(rollout_policy(), "spec.replicas", 3), ['unknown field "spec.replicas"']),
    (rollout_policy("with.dot"), ["metadata.name:", "or no Deployment could name it"]),
    (rollout_policy("p" * 64), ["metadata.name:", "at most 63 lowercase"]),
    (changed(deployment(), "spec.policy", {}), ["spec.policy.name:", "Required"]),
    (changed(deployment(), "spec.policy", {"name": "p", "namespace": "x"}), ['unknown field "spec.policy.namespace"']),
    (changed(deployment(), CHECKS, [{"name": "e", "signal": "Errors"}]), ["checks[0]:", "maxRatioToStable, max"]),
    (
        changed(deployment(), CHECKS, [{"name": "l", "signal": "Latency", "threshold": "1s"}]),
        ["checks[0]:", "maxShareSlower, maxRatioToStable"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "l", "signal": "Latency", "maxShareSlower": "0.1"}]),
        ["checks[0].threshold:", "such as 250ms"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "m", "signal": "Metric", "metric": {"name": "x"}}]),
        ["checks[0]:", "Metric and Feedback need a bound: maxRatioToStable, max, or both"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "m", "signal": "Metric", "metric": {"name": "x", "per": "seconds"}}]),
        ['unknown field "spec.analysis.checks[0].metric.per"'],
    ),
    (
        changed(deployment(), "spec.analysis", {"defaultChecks": False}),
        ["spec.analysis.defaultChecks:", "write checks, or leave defaultChecks out"],
    ),
    (
        changed(
            changed(deployment(), "spec.analysis", {"defaultChecks": False, "checks": [KNOWN]}),
            STEPS,
            [{"analyze": {"for": "5m", "checks": ["errors"]}}],
        ),
        ["spec.strategy.canary.steps:", "one of its names is no check's"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "f", "signal": "Feedback"}]),
        ["checks[0]:", "Metric and Feedback need a bound"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "e", "signal": "Errors", "max": "0.1", "metric": {"name": "x"}}]),
        ["checks[0].metric:", "goes with signals Metric and Latency"],
    ),
    (
        changed(model(), "spec.runtime", {"name": "mlserver", "metrics": {"requests": [{"name": "x"}]}}),
        ["spec.runtime.metrics:", "its own histograms, feedback and predictions"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "p", "signal": "Predictions"}]),
        ["checks[0].maxDivergence:", "signal Predictions needs maxDivergence"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "p", "signal": "Predictions", "maxDivergence": "1"}]),
        ["checks[0].maxDivergence:", "lies between 0 and 1"],
    ),
    (
        changed(deployment(), CHECKS, [{**ALIKE, "max": "0.1"}]),
        ["checks[0]:", "maxDivergence, and no other bound"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "e", "signal": "Errors", "max": "0.1", "maxDivergence": "0.1"}]),
        ["checks[0].maxDivergence:", "goes with signal Predictions"],
    ),
    (
        changed(deployment(), CHECKS, [ALIKE, {**ALIKE, "name": "q"}]),
        ["spec.analysis.checks:", "at most one check of signal Predictions"],
    ),
    (
        changed(deployment(), CHECKS, [{**ASKED, "slice": SLICED["slice"]}]),
        ["checks[0].slice:", "signal Prometheus has no slice: have the platform name a query for each value"],
    ),
    (
        changed(deployment(), CHECKS, [{**ALIKE, "slice": SLICED["slice"]}]),
        ["checks[0].slice:", "slice a check of signal Metric that counts a class instead"],
    ),
    (
        changed(deployment(), CHECKS, [{**SLICED, "slice": {"label": "le", "values": ["1"]}}]),
        ["checks[0].slice.label:", "le is the label of a histogram's buckets"],
    ),
    (
        changed(deployment(), CHECKS, [{**SLICED, "slice": {"label": "a-b", "values": ["1"]}}]),
        ["checks[0].slice.label:", "should match"],
    ),
    (
        changed(deployment(), CHECKS, [{**SLICED, "slice": {"label": "a", "values": ["1", "1"]}}]),
        ["checks[0].slice.values[1]", "Duplicate value"],
    ),
    (
        changed(deployment(), CHECKS, [{**SLICED, "slice": {"label": "a", "values": [str(n) for n in range(9)]}}]),
        ["checks[0].slice.values:", "at most 8 items"],
    ),
    (
        changed(
            deployment(),
            CHECKS,
            [
                {**SLICED, "name": n, "slice": {"label": "a", "values": [str(v) for v in range(size)]}}
                for n, size in zip("abcde", (8, 8, 8, 8, 1), strict=True)
            ],
        ),
        ["spec.analysis.checks:", "at most 32 values in their slices together"],
    ),
    (
        changed(model(), "spec.runtime", {"name": "mlserver", "metrics": {"predictions": {}}}),
        ["spec.runtime.metrics.predictions:", "exactly one of histogram and counter"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "p", "signal": "Prometheus", "max": "1"}]),
        ["checks[0].query:", "needs query"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "p", "signal": "Prometheus", "query": {"name": "q"}}]),
        ["checks[0]:", "needs min or max"],
    ),
    (
        changed(deployment(), CHECKS, [{**ASKED, "min": "2", "max": "1"}]),
        ["checks[0].min:", "min is not more than max"],
    ),
    (
        changed(deployment(), CHECKS, [{**ASKED, "maxRatioToStable": "1"}]),
        ["checks[0]:", "divide by what {{stable}} has"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "e", "signal": "Errors", "max": "0.1", "min": "0.01"}]),
        ["checks[0].min:", "goes with signal Prometheus"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "e", "signal": "Errors", "max": "0.1", "query": {"name": "q"}}]),
        ["checks[0].query:", "goes with signal Prometheus"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "a", "signal": "Errors", "max": "0.1"}] * 2),
        ["checks[1]", "Duplicate value"],
    ),
    (changed(deployment(), "spec.analysis.alpha", "1"), ["spec.analysis.alpha:", "between 0 and 1"]),
    (changed(deployment(), "spec.analysis.detect", {"ratio": "1"}), ["spec.analysis.detect.ratio:", "above 1"]),
    (
        changed(changed(deployment(), "spec.replicas", 2), "spec.autoscaling", AUTOSCALING),
        ["spec.replicas:", "remove replicas"],
    ),
    (
        changed(
            changed(deployment(), "spec.pod", {"resources": {"requests": {"memory": "1Gi"}}}),
            "spec.autoscaling",
            AUTOSCALING,
        ),
        ["spec.autoscaling:", "set pod.resources.requests.cpu"],
    ),
    (
        changed(
            deployment(),
            CHECKS,
            [{"name": "l", "signal": "Latency", "threshold": "1s", "maxRatioToStable": "1", "max": "0.1"}],
        ),
        [f"{CHECKS}[0].max:", "write maxShareSlower"],
    ),
    (
        changed(deployment(), CHECKS, [{"name": "pod-health", "signal": "Errors", "max": "0.1"}]),
        [f"{CHECKS}[0].name:", "the name of the built-in check"],
    ),
    (
        changed(deployment(), "spec.autoscaling", {**AUTOSCALING, "minReplicas": 3}),
        ["spec.autoscaling.minReplicas:", "at most max"],
    ),
    (
        changed(deployment(), "spec.strategy", {"canary": {}, "capacity": "InPlace"}),
        ["spec.strategy.capacity:", "needs strategy allAtOnce"],
    ),
    (
        changed(
            changed(deployment(), "spec.strategy", {"canary": {}, "capacity": "InPlace"}),
            "spec.autoscaling",
            AUTOSCALING,
        ),
        ["spec.strategy.capacity:", "fixed number of pods"],
    ),
    (
        changed(deployment(), "spec.strategy", {"blueGreen": {}, "capacity": "InPlace"}),
        ["spec.strategy.capacity:", "a blueGreen needs pods beside stable's"],
    ),
    (
        changed(deployment(), "spec.strategy", {"allAtOnce": {}, "canary": {"steps": [{"setWeight": 10}]}}),
        ["spec.strategy:", "exactly one of canary, blueGreen, allAtOnce"],
    ),
    (
        changed(deployment(), "spec.strategy", {"bake": {"time": "1h"}}),
        ["spec.strategy:", "`canary: {}` is a canary with the steps of the default"],
    ),
    (
        changed(deployment(), "spec.strategy", {"canary": {"autoPromote": True}}),
        ['unknown field "spec.strategy.canary.autoPromote"'],
    ),
    (changed(deployment(), "spec.strategy", {"type": "BlueGreen"}), ['unknown field "spec.strategy.type"']),
    (
        changed(deployment(), "spec.autoscaling", {**AUTOSCALING, "metrics": [{"type": "CPU", "target": 10_001}]}),
        ["spec.autoscaling.metrics[0].target:", "a percentage of what the pods request: at most 10000"],
    ),
    (
        changed(deployment(), "spec.autoscaling.metrics", [{"type": "External", "name": "q", "target": 2**53}]),
        ["spec.autoscaling.metrics[0].target:", "less than or equal to 9007199254740991"],
    ),
    (
        changed(deployment(), "spec.pod.tolerations", [{"operator": "Exists", "tolerationSeconds": 2**53}]),
        ["spec.pod.tolerations[0].tolerationSeconds:", "less than or equal to"],
    ),
    (changed(deployment(), "spec.pod.env", [{"name": "A", "value": "1"}] * 2), ["spec.pod.env[1]:", "Duplicate value"]),
    (changed(model(), "spec.source.include", ["*.json", "*.json"]), ["spec.source.include[1]:", "Duplicate value"]),
    (changed(deployment(), "spec.traffic.protocols", ["HTTP", "HTTP"]), ["protocols[1]:", "Duplicate value"]),
    (
        changed(model(), "spec.gate.metrics", [{"name": "auc", "direction": "Higher", "min": "0.9"}] * 2),
        ["spec.gate.metrics[1]:", "Duplicate value"],
    ),
    (changed(deployment(), "spec.model.version", 0), ["spec.model.version:", "greater than or equal to 1"]),
    (
        changed(changed(deployment(), "spec.model.version", 1), "spec.model.digest", DIGEST),
        ["spec.model:", "at most one of version, digest"],
    ),
    (changed(deployment(), "spec.traffic", {"type": "Gateway"}), ["spec.traffic:", "needs parentRefs"]),
    (
        changed(deployment(), "spec.traffic", attached({"name": "a"}, {"name": "b"}, {"name": "a"})),
        ["spec.traffic.parentRefs:", "Gateway a is there twice"],
    ),
    (
        changed(deployment(), "spec.traffic", attached(*[{"name": "g", "sectionName": s} for s in ("a", "b", "a")])),
        ["spec.traffic.parentRefs:", "Gateway g sectionName a is there twice: leave one of them out"],
    ),
    (
        changed(deployment(), "spec.traffic", attached(*[{"name": "g", "namespace": "infra", "port": 80}] * 2)),
        ["spec.traffic.parentRefs:", "Gateway infra/g with its port is there twice"],
    ),
    (
        changed(deployment(), "spec.traffic", attached({"name": "g"}, {"name": "g", "sectionName": "https"})),
        ["spec.traffic.parentRefs:", "Gateway g is named more than once: name a sectionName each time"],
    ),
    (
        changed(deployment(), "spec.traffic", {"sessionPersistence": {}}),
        ["spec.traffic.sessionPersistence:", "goes with type Gateway"],
    ),
    (
        changed(deployment(), "spec.traffic", GATEWAY | {"sessionPersistence": {"idleTimeout": "1.5h"}}),
        ["spec.traffic.sessionPersistence.idleTimeout:", "should match"],
    ),
    (
        changed(deployment(), "spec.traffic", GATEWAY | {"sessionPersistence": {"type": "Header", "cookieConfig": {}}}),
        ["spec.traffic.sessionPersistence.cookieConfig:", "goes with type Cookie"],
    ),
    (
        changed(
            deployment(),
            "spec.traffic",
            GATEWAY | {"sessionPersistence": {"cookieConfig": {"lifetimeType": "Permanent"}}},
        ),
        ["spec.traffic.sessionPersistence.cookieConfig:", "a Permanent cookie needs absoluteTimeout"],
    ),
    (changed(deployment(), "spec.deadlines.ready", "5x"), ["spec.deadlines.ready:", "such as 30s, 5m or 1h30m"]),
    (changed(deployment(), "spec.deadlines.ready", "-5m"), ["spec.deadlines.ready:", "such as 30s, 5m or 1h30m"]),
    (changed(deployment(), "spec.deadlines.ready", 5), ["spec.deadlines.ready:", "type string"]),
    (changed(deployment(), "spec.pod.sharedMemory", "2GiB"), ["spec.pod.sharedMemory:", "'10Gi'"]),
    (changed(deployment(), "spec.pod.sharedMemory", "1e3"), ["spec.pod.sharedMemory:", "'10Gi'"]),
    (
        changed(deployment(), "spec.pod.resources.requests", {"cpu": "one"}),
        ["spec.pod.resources.requests.cpu:", "should match"],
    ),
    (changed(deployment(), "spec.pod.hostNetwork", value=True), ['unknown field "spec.pod.hostNetwork"']),
    (changed(model(), "spec.source", {"digest": DIGEST}), ["spec.source:", "exactly one of uri, mlflow"]),
    (unformatted(model()), ["spec.format:", "name the artifact's format, such as {name: sklearn}"]),
    (changed(model(), "spec.source.uri", "/etc/passwd"), ["spec.source.uri:", "s3|gs|az"]),
    (
        changed(model(), "spec.source.uri", "https://user:hunter2@store.example/m"),
        ["spec.source.uri:", "a user or password belongs in the credentials Secret"],
    ),
    (changed(model(), "spec.source.uri", "s3://key:secret@models/m"), ["spec.source.uri:", "write s3://bucket/path"]),
    (changed(model(), "spec.source.uri", "s3://models/$(HOME)"), ["spec.source.uri:", "it may hold no $("]),
    (changed(model(), "spec.source.uri", "s3://models/`id`"), ["spec.source.uri:", "backticks"]),
    (changed(model(), "spec.source.uri", "s3://127.0.0.1?/x"), ["spec.source.uri:", "a bucket's name has 3 to 63"]),
    (changed(model(), "spec.source.uri", "gs://Models/x"), ["spec.source.uri:", "a bucket's name has 3 to 63"]),
    (changed(model(), "spec.source.uri", "pvc://../x"), ["spec.source.uri:", "the claim's name"]),
    (
        changed(model(), "spec.source.uri", "https://h/m?X-Amz-Signature=0"),
        ["spec.source.uri:", "Secret of credentials"],
    ),
    (changed(model(), "spec.source.include", ["$(HOME)"]), ["spec.source.include", "without control characters"]),
    (changed(model(), "spec.source.digest", "sha256:1"), ["spec.source.digest:"]),
    (changed(model(), "spec.source.credentials", {}), ["spec.source.credentials:", "exactly one of secretName"]),
    (
        changed(model(), "spec.gate.metrics", [{"name": "auc", "direction": "Higher"}]),
        ["spec.gate.metrics[0]:", "min, max or maxRegression"],
    ),
    (changed(model(), "spec.metrics", {"auc": "high"}), ["spec.metrics.auc:", "write a number in quotes"]),
    (changed(model(), "spec.runtime", {"name": "custom"}), ["spec.runtime:", "names image, ports and readyPath"]),
    (changed(model(), "spec.runtime", {"name": "x", "readyPath": "/x"}), ["spec.runtime:", "are the catalogue's"]),
    (changed(retrain_policy(), "spec.triggers", [{"name": "none"}]), ["spec.triggers[0]:", "exactly one of schedule"]),
    (
        changed(retrain_policy(), "spec.triggers", [{"name": n, "schedule": {"cron": "0 3 * * 0"}} for n in "ab"]),
        ["spec:", "at most one trigger with a schedule"],
    ),
    (model("with.dot"), ["metadata.name:", "lowercase letters, digits and -"]),
    (deployment("1st"), ["metadata.name:", "starts with a letter"]),
    (deployment("d" * 41), ["metadata.name:", "at most 40 characters"]),
    (changed(model_version(), "metadata.name", "tumor-risk-v2"), ["metadata.name:", "<model>-v<version>"]),
    (changed(model_version(), "metadata.name", "tumor-risk-v01"), ["metadata.name:", "<model>-v<version>"]),
    (changed(model_version(), "metadata.name", "other-v1"), ["metadata.name:", "<model>-v<version>"]),
]


@pytest.mark.parametrize(("item", "words"), REFUSED, ids=[words[-1] for _, words in REFUSED])
def test_bad_input_is_refused_with_the_field_and_the_way_out(api: ApiServer, item: Object, words: list[str]) -> None:
    """The person who applies it reads what is wrong and what to write."""
    message = refusal(api, item)
    assert all(word in message for word in words), message
    assert "rule evaluation error" not in message


TAKEN = [
    model("least"),
    deployment("least"),
    retrain_policy("least"),
    rollout_policy("1" * 63),
    changed(deployment(), REQUESTS, {"cpu": "0.5", "memory": "1.5Gi", "nvidia.com/gpu": 1}),
    changed(rollout_policy(), STEPS, [{"setWeight": 100}]),
    changed(rollout_policy(), STEPS, [{"mirror": {"percent": 5}}]),
    changed(changed(rollout_policy(), CHECKS, [KNOWN]), STEPS, [{"analyze": {"for": "5m", "checks": ["e"]}}]),
    changed(changed(deployment(), "spec.policy.name", "p" * 63), STEPS, [{"analyze": {"for": "1m", "checks": ["x"]}}]),
    changed(
        changed(deployment(), "spec.analysis", {"checks": [KNOWN]}),
        STEPS,
        [{"analyze": {"for": "5m", "checks": ["latency"]}}],
    ),
    changed(retrain_policy(), "spec.triggers", []),
    changed(deployment(), STEPS, [{"setWeight": 10}, {"setWeight": 10}, {"setWeight": 50}]),
    changed(changed(deployment(), STEPS, [{"setWeight": 100}]), "spec.traffic", GATEWAY),
    changed(changed(deployment(), STEPS, [{"mirror": {"percent": 5}}]), "spec.traffic", GATEWAY),
    changed(deployment(), "spec.traffic", LISTENERS),
    changed(deployment(), "spec.autoscaling", AUTOSCALING),
    changed(deployment(), "spec.strategy", {"allAtOnce": {}, "capacity": "InPlace"}),
    changed(deployment(), "spec.strategy", {"allAtOnce": {}, "bake": {"time": "1h"}}),
    changed(deployment(), "spec.strategy", {"blueGreen": {"autoPromote": False}}),
    changed(deployment(), "spec.strategy", {"canary": {"steps": [{"setWeight": 10}]}}),
    changed(deployment(), "spec.replicas", 0),
    changed(changed(deployment(), "spec.replicas", None), "spec.autoscaling", AUTOSCALING),
    changed(deployment(), "spec.analysis.alpha", "50m"),
    changed(model(), "spec.source.uri", "https://store.example/a/b?versionId=1"),
    changed(unformatted(model()), "spec.source", {"uri": "hf://organization/model"}),
    changed(unformatted(model()), "spec.source", {"mlflow": {"server": "main", "name": "risk", "alias": "champion"}}),
    changed(model(), "spec.source.uri", "s3://models/_$folder$"),
    changed(model(), "spec.source.include", ["a$", "*.joblib", "weights/**"]),
    changed(model(), "spec.source.uri", "https://store.example:8443/a@b?part=a@b"),
    model("m" * 50),
    deployment("d" * 40),
    model_version(1_000_000, "m" * 50),
    model_version(2, "odd-v2-v2"),
]


@pytest.mark.parametrize("item", TAKEN, ids=[json.dumps(i["spec"])[:60] for i in TAKEN])
def test_what_is_at_a_bound_is_taken(api: ApiServer, item: Object) -> None:
    """A rule refuses nothing that is right."""
    answer = api.create(item, dry_run=True)
    assert answer.status_code == 201, answer.text


@pytest.fixture
def record(api: ApiServer) -> Object:
    """A ModelVersion whose digest is known."""
    item = stored(api, model_version(1, "recorded"))
    answer = api.patch(item, {"status": {"digest": DIGEST, "size": 1}}, subresource="/status")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_listeners_of_a_deployment_are_one_appliers(api: ApiServer) -> None:
    """As in an HTTPRoute: a second applier that says something else is told whose field it is, and may take it over."""
    item = changed(deployment("attached"), "spec.traffic", LISTENERS)
    other = changed(item, "spec.traffic.parentRefs", [{"name": "public", "sectionName": "grpc"}])
    apply = ("apply", "--server-side", "-f", "-")
    api.must(*apply, "--field-manager", "git", stdin=json.dumps(item))
    assert api.get(item)["spec"]["traffic"]["parentRefs"] == LISTENERS["parentRefs"]
    refused = api.kubectl(*apply, "--field-manager", "person", stdin=json.dumps(other))
    assert refused.code != 0
    assert 'conflict with "git": .spec.traffic.parentRefs' in refused.err
    api.must(*apply, "--field-manager", "person", "--force-conflicts", stdin=json.dumps(other))
    assert api.get(item)["spec"]["traffic"]["parentRefs"] == other["spec"]["traffic"]["parentRefs"]


def test_a_versions_spec_is_immutable(api: ApiServer, record: Object) -> None:
    """A record can't be rewritten, and the refusal says what to do instead."""
    answer = api.patch(record, {"spec": {"source": {"uri": "s3://models/other"}}})
    assert answer.status_code == 422
    assert "change the Model" in answer.json()["message"]


def without_status(record: Object) -> Object:
    return {key: value for key, value in record.items() if key != "status"}


def test_a_versions_digest_is_set_once(api: ApiServer, record: Object) -> None:
    """Neither another digest, nor none, nor no status at all is accepted after it is set."""
    for status in ({"digest": OTHER_DIGEST}, {"digest": None}):
        answer = api.patch(record, {"status": status}, subresource="/status")
        assert answer.status_code == 422, status
        assert "set once" in answer.json()["message"]
    answer = api.replace(without_status(record), subresource="/status")
    assert answer.status_code == 422
    assert "status" in answer.json()["message"]


def test_a_versions_image_is_set_once(api: ApiServer, record: Object) -> None:
    """It may become known later, and is the one that was tried from then on."""
    answer = api.patch(record, {"status": {"imageDigest": DIGEST}}, subresource="/status")
    assert answer.status_code == 200, answer.text
    for digest in (OTHER_DIGEST, None):
        answer = api.patch(record, {"status": {"imageDigest": digest}}, subresource="/status")
        assert answer.status_code == 422, digest
        assert "status.imageDigest is set once" in answer.json()["message"]


def test_a_write_of_the_object_leaves_its_status(api: ApiServer, record: Object) -> None:
    """A person's apply, which has no status, does not lose the digest."""
    answer = api.replace(without_status(record))
    assert answer.status_code == 200
    assert api.get(record)["status"]["digest"] == DIGEST


def test_other_fields_of_the_status_may_change(api: ApiServer, record: Object) -> None:
    """Setting the digest once does not freeze the rest."""
    answer = api.patch(record, {"status": {"size": 2}}, subresource="/status")
    assert answer.json()["status"] == {"digest": DIGEST, "size": 2}


def test_the_scale_subresource_drives_replicas(api: ApiServer) -> None:
    """`kubectl scale mld` and an autoscaler can set the number of pods."""
    item = stored(api, deployment("scaled"))
    api.patch(item, {"status": {"replicas": 3, "selector": "a=b"}}, subresource="/status").raise_for_status()
    api.must("scale", "mld", "scaled", "--replicas", "5")
    scale = api.http.get(f"/apis/{item['apiVersion']}/namespaces/default/deployments/scaled/scale").json()
    assert (scale["spec"]["replicas"], scale["status"]) == (5, {"replicas": 3, "selector": "a=b"})


def test_fields_can_be_selected_by_model(api: ApiServer) -> None:
    """`kubectl get mv --field-selector spec.model.name=…` is answered by the server."""
    stored(api, model_version(1, "chosen"))
    stored(api, model_version(1, "unchosen"))
    out = api.must("get", "mv", "--field-selector", "spec.model.name=chosen", "-o", "name")
    assert out.split() == ["modelversion.linnet.dev/chosen-v1"]


READY: Object = {
    "status": {
        "stable": {"name": "risk-v3-1", "version": 3},
        "rollout": {"id": "r", "phase": "Stepping", "to": {"name": "n", "version": 4}, "effectiveWeight": 20},
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Progressing",
                "message": "",
                "lastTransitionTime": "2026-11-20T00:00:00Z",
            }
        ],
    }
}


def test_a_list_shows_where_a_rollout_is(api: ApiServer) -> None:
    """`kubectl get mld` tells model, versions, phase, weight and readiness at one look."""
    item = stored(api, deployment("listed"))
    item["status"] = {**READY["status"], "rollout": {**READY["status"]["rollout"], "startedAt": "2026-11-20T00:00:00Z"}}
    answer = api.replace(item, subresource="/status")
    assert answer.status_code == 200, answer.text
    head, row = api.must("get", "mld", "listed").splitlines()
    assert head.split() == ["NAME", "MODEL", "VERSION", "CANARY", "PHASE", "WEIGHT", "READY", "REASON", "AGE"]
    assert row.split()[:-1] == ["listed", "tumor-risk", "3", "4", "Stepping", "20", "False", "Progressing"]


@pytest.mark.parametrize("short", ["mdl", "mv", "mld", "rp"])
def test_each_kind_has_a_short_name_and_the_category(api: ApiServer, short: str) -> None:
    """People type `kubectl get mld`, and `kubectl get linnet` lists all four kinds."""
    resources = api.http.get("/apis/linnet.dev/v1alpha1").json()["resources"]
    found = [r for r in resources if short in r.get("shortNames", ())]
    assert [r["categories"] for r in found] == [["linnet"]]


def test_kubectl_get_deployment_still_means_apps(api: ApiServer) -> None:
    """Installing Linnet changes nothing of what people type for Kubernetes' own kind."""
    stored(api, deployment("hidden"))
    assert "hidden" not in api.must("get", "deployment")


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("mld.spec.analysis", "The chance of rolling back a good version"),
        ("mld.spec.strategy.canary.steps", "The share of requests that the canary gets, in percent."),
        ("mdl.spec.source", "A new uri or digest is a new version."),
        ("mv.status", "The sha256 of the artifact's tree as it was fetched; set once."),
        ("rp.spec.training.job", "The Job that trains."),
    ],
)
def test_kubectl_explain_tells_what_a_field_means(api: ApiServer, field: str, sentence: str) -> None:
    """Nobody needs the source to learn a field."""
    said = api.must("explain", field, "--api-version", "linnet.dev/v1alpha1")
    assert sentence in " ".join(said.split())


def test_the_server_has_no_complaint_about_a_crd(api: ApiServer) -> None:
    """Structural schemas, all columns and subresources accepted."""
    items = json.loads(api.must("get", "crd", "-o", "json"))["items"]
    assert len(items) == 6
    for crd in items:
        conditions: dict[str, Any] = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
        assert conditions.get("NonStructuralSchema", "False") == "False"
        assert conditions["Established"] == "True"


def test_a_status_field_that_the_crd_does_not_know_is_dropped(api: ApiServer) -> None:
    """A newer operator can write its status under older CRDs: what is unknown is pruned, not refused."""
    item = copy.deepcopy(stored(api, model("pruned")))
    item["status"] = {"current": 1, "fromTheFuture": 1}
    answer = api.replace(item, subresource="/status")
    assert answer.json()["status"] == {"current": 1}
