"""What one reconcile sees of the cluster: gathered first, frozen, and all that a plan may depend on besides `now`.

`Parent` holds an object of ours as it came from the API server: its spec is parsed by the plan, so that an
object which admission let through but the types refuse becomes a condition, not an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from linnet.api.parts.hooks import Hooks
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.metrics.counters import PodCounters
from linnet.core.analysis.metrics.selectors import MetricRules
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer
from linnet.core.plan import Emit
from linnet.core.requests.waiting import Requests
from linnet.core.resources.accounts import AllowedAccounts
from linnet.core.resources.deletion import Ending
from linnet.core.resources.objects import AutoscalerView, CronJobView, JobView, Meta, Parent, Pod, ServiceView, Workload
from linnet.core.resources.routes import RouteView
from linnet.core.serving.runtimes import Catalogue
from linnet.core.webhooks import Call, Reply


@dataclass(frozen=True)
class Platform:
    """What the platform configured: the same for every object."""

    catalogue: Catalogue
    image: str
    """Linnet's own image: it holds the fetcher and the prober."""
    require_digest: bool = False
    image_pull_policy: str = "IfNotPresent"
    deny_egress: bool = True
    """Pods that have loaded their model may ask nobody."""
    route_kinds: frozenset[str] = frozenset()
    """Kinds of the Gateway API that the cluster serves and the operator may write."""
    prometheus: PrometheusServer | None = None
    """The server of the named queries."""
    hooks: Hooks | None = None
    """Whom hooks may name."""

    def of(self, namespace: str) -> Self:
        """What the platform has for objects of this namespace."""
        return replace(
            self,
            hooks=self.hooks.of(namespace) if self.hooks is not None else None,
            prometheus=self.prometheus.of(namespace) if self.prometheus is not None else None,
        )


@dataclass(frozen=True)
class ModelObserved:
    """A Model and every ModelVersion that names it."""

    model: Parent
    versions: tuple[Parent, ...]
    platform: Platform
    serving: frozenset[int] = frozenset()
    """Versions that some Deployment serves or is bringing to traffic: never collected."""
    policies: tuple[Parent, ...] = ()
    """The RetrainPolicies that name it: their statuses say which versions their runs made."""


@dataclass(frozen=True)
class ModelVersionObserved:
    """A ModelVersion, its validation Job and the Job's pods, and who will serve it."""

    version: Parent
    jobs: tuple[JobView, ...]
    pods: tuple[Pod, ...]
    platform: Platform
    requests: Requests
    allowed_service_accounts: AllowedAccounts = field(default_factory=dict)
    deployments: tuple[Parent, ...] = ()
    """The Deployments that follow its Model."""
    egress_policy: Meta | None = None
    """The NetworkPolicy that denies egress to its pods, if there is one."""
    policies: Mapping[str, Parent] = field(default_factory=dict)
    """The RolloutPolicies that they name."""
    refused_by: tuple[Parent, ...] = ()
    """The Deployments of the namespace whose status keeps a quarantine of its digest."""


@dataclass(frozen=True)
class ScrapeTarget:
    """One pod to read: its address is from the pod's status, its port and path from the frozen runtime.

    Namespace and Deployment are whose connections it counts among.
    """

    uid: str
    ip: str
    port: int
    path: str
    rules: MetricRules
    namespace: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class Scrape:
    """One reading of the pods: who answered, with what; `errors` says why the others did not."""

    counters: Mapping[str, PodCounters] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeploymentObserved:
    """A Deployment, what it names, and its children."""

    deployment: Parent
    model: Parent | None
    versions: tuple[Parent, ...]
    """Every ModelVersion of the Models that the spec or a revision of the status names."""
    quarantined: tuple[Parent, ...]
    """Every ModelVersion of the namespace that holds a quarantine, whatever its Model."""
    workloads: tuple[Workload, ...]
    services: tuple[ServiceView, ...]
    pods: tuple[Pod, ...]
    others: frozenset[tuple[str, str, str | None]]
    """(kind, name, controller uid) of budgets and network policies, and of foreign objects that bear a name of ours."""
    scrape: Scrape | None
    """None where nothing needs it, and at a look between two intervals."""
    evidence: Mapping[str, str] | None
    """`data` of the evidence: the operator's memory of it, or the ConfigMap's after a restart."""
    platform: Platform
    requests: Requests
    allowed_service_accounts: AllowedAccounts = field(default_factory=dict)
    refused_elsewhere: tuple[Parent, ...] = ()
    """Other Deployments of the namespace whose status keeps a quarantine of one of the versions' digests."""
    unprotected: tuple[str, ...] = ()
    """A sentence for each admission policy that is not in force in its namespace."""
    policy: Parent | None = None
    """The RolloutPolicy that it names, if that is there."""
    routes: tuple[RouteView, ...] = ()
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    """Answers of the platform's Prometheus; a question whose answer is still to come is not among them."""
    replies: Mapping[Call, Reply] = field(default_factory=dict)
    """Replies of the platform's endpoints to this rollout's hooks, as far as they are there."""
    autoscalers: tuple[AutoscalerView, ...] = ()
    budget: Meta | None = None
    """The PodDisruptionBudget, if there is one."""
    unread: frozenset[str] = frozenset()
    """Names of ModelVersions that much depends on, that the cache lacks, and that can't be read now."""
    refused: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of the objects whose last write the API server refused."""
    gateway_features: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """By Gateway: what its class names; None if that can't be read. Empty where nothing depends on it."""
    evidence_held: tuple[str, ...] = ()
    """Hashes of what the evidence's ConfigMap may hold now."""
    evidence_loss: Emit | None = None
    """The Event that says why what was saved of it does not count, where that is found at this look."""
    evidence_unread: bool = False
    """What was saved can't be read now: `evidence` is what was seen since, and must not be written over it."""
    session_kinds: frozenset[str] | None = None
    """Kinds of route whose rules have sessionPersistence here; None if that can't be read, or nothing depends on it."""
    ending: tuple[Ending, ...] = ()
    """The children, besides the pods, that are being deleted."""


@dataclass(frozen=True)
class RetrainObserved:
    """A RetrainPolicy, its CronJob, its Jobs and their pods, and the Model's versions."""

    policy: Parent
    model: Parent | None
    versions: tuple[Parent, ...]
    cron_job: CronJobView | None
    jobs: tuple[JobView, ...]
    pods: tuple[Pod, ...]
    platform: Platform
    requests: Requests
    allowed_service_accounts: AllowedAccounts = field(default_factory=dict)
