"""Prometheus reads numbers about the operator: what it did, how long it took, what the rollouts came to."""

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from linnet.adapters.cluster.resources import Resource
from linnet.core.analysis.checks import family
from linnet.core.plan import Ref

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_VERBS: Final = {"server_side_apply": "apply", "replace": "update"}
"""The client's names → the API server's."""


class Metrics:
    """The registry is one of its own, so that two operators in one process stay apart.

    `names` False: no series tells the name of a namespace or an object, since any pod may be able to read them.
    """

    def __init__(self, *, names: bool = True) -> None:
        self._names = names
        self.registry = CollectorRegistry()
        on = self.registry
        self._reconciles = Counter("linnet_reconcile", "Reconciles by outcome.", ["kind", "outcome"], registry=on)
        self._errors = Counter("linnet_reconcile_errors", "Failed reconciles by error.", ["kind", "error"], registry=on)
        self._seconds = Histogram(
            "linnet_reconcile_seconds", "Time of one reconcile.", ["kind"], buckets=_BUCKETS, registry=on
        )
        self._requests = Counter(
            "linnet_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=on
        )
        self._rollouts = Counter("linnet_rollouts", "Rollouts by outcome.", ["outcome"], registry=on)
        self._verdicts = Counter("linnet_verdicts", "Verdicts of checks.", ["check", "verdict"], registry=on)
        self._runs = Counter("linnet_retrain_runs", "Training runs by outcome.", ["outcome"], registry=on)
        self._queries = Counter(
            "linnet_queries", "Queries to the platform's Prometheus by outcome.", ["query", "outcome"], registry=on
        )
        self._hooks = Counter(
            "linnet_hook_answers", "Answers of endpoints to hooks by outcome.", ["endpoint", "outcome"], registry=on
        )
        self._notifications = Counter(
            "linnet_notifications", "Events to endpoints by outcome.", ["endpoint", "outcome"], registry=on
        )
        self._unprotected = Gauge(
            "linnet_protection_missing",
            "1 where an admission policy is not in force as it was shipped.",
            ["policy", "namespace"],
            registry=on,
        )
        self._unreadable = Counter(
            "linnet_unreadable_objects", "Objects that could not be read, or not whole.", ["resource"], registry=on
        )
        self._objects: dict[str, Gauge] = {}
        self._labeled: dict[Ref, set[str]] = {}
        self.queue_depth = Gauge("linnet_queue_depth", "Keys that wait for a worker.", registry=on)
        self.leader = Gauge("linnet_leader", "1 while this replica leads.", registry=on)
        self.cached = Gauge("linnet_cache_objects", "Objects in the cache.", registry=on)
        self.cached_bytes = Gauge("linnet_cache_bytes", "Bytes of objects in the cache.", registry=on)

    def reconciled(self, kind: str, outcome: str) -> None:
        """Count a reconcile; `outcome` is `done`, `conflict` or `error`."""
        self._reconciles.labels(kind, outcome).inc()

    def took(self, kind: str, seconds: float) -> None:
        self._seconds.labels(kind).observe(seconds)

    def failed(self, kind: str, error: BaseException) -> None:
        self._errors.labels(kind, type(error).__name__).inc()

    def requested(self, verb: str, resource: Resource, code: str) -> None:
        self._requests.labels(_VERBS.get(verb, verb), resource.watched_as, code).inc()

    def unreadable(self, resource: str, number: int) -> None:
        """Count objects that could not be read, or not whole."""
        self._unreadable.labels(resource).inc(number)

    def queried(self, query: str, outcome: str) -> None:
        """Count a query; `outcome` is `value`, `empty` or `error`."""
        self._queries.labels(query, outcome).inc()

    def hook_answered(self, endpoint: str, outcome: str) -> None:
        """Count an endpoint's answer; `outcome` is `confirmed`, `waiting`, `refused` or `error`."""
        self._hooks.labels(endpoint, outcome).inc()

    def notified(self, endpoint: str, outcome: str) -> None:
        """Count an event to an endpoint; `outcome` is `sent`, `failed` (one try) or `dropped`."""
        self._notifications.labels(endpoint, outcome).inc()

    def protects(self, policy: str, namespace: str, missing: bool) -> None:
        """Tell whether an admission policy is missing in a namespace."""
        if self._names:
            self._unprotected.labels(policy, namespace).set(int(missing))

    def counted(self, event: str, fields: Mapping[str, Any]) -> None:
        """Count a journal event: `verdict`, `retrain_run` and the `decision` about a rollout have a counter."""
        match event:
            case "decision" if "rollout" in fields:
                self._rollouts.labels(str(fields.get("decision", ""))).inc()
            case "verdict":
                self._verdicts.labels(family(str(fields.get("check", ""))), str(fields.get("verdict", ""))).inc()
            case "retrain_run":
                self._runs.labels(str(fields.get("outcome", ""))).inc()
            case _:
                pass

    def gauges(self, ref: Ref, values: Mapping[str, float]) -> None:
        """Set the object's numbers, such as `linnet_canary_weight`; those that it no longer has disappear."""
        if not self._names:
            return
        for name, value in values.items():
            self._gauge(name).labels(ref.namespace, ref.name).set(value)
        for name in self._labeled.get(ref, set()) - set(values):
            self._gauge(name).remove(ref.namespace, ref.name)
        if values:
            self._labeled[ref] = set(values)
        else:
            self._labeled.pop(ref, None)

    def stepped_back(self) -> None:
        """Forget the numbers of a term that is over: the next leader tells its own."""
        for ref in list(self._labeled):
            self.gauges(ref, {})
        for gauge in (self.leader, self.queue_depth, self.cached):
            gauge.set(0)

    def _gauge(self, name: str) -> Gauge:
        if name not in self._objects:
            help_ = f"{name.removeprefix('linnet_').replace('_', ' ').capitalize()} of an object."
            self._objects[name] = Gauge(name, help_, ["namespace", "name"], registry=self.registry)
        return self._objects[name]

    def exposition(self) -> bytes:
        """Return the numbers in the text format of Prometheus."""
        return generate_latest(self.registry)
