"""The resources that the operator touches are a fixed table, as its RBAC is one, so that nothing need be discovered."""

from dataclasses import dataclass
from typing import Final

from linnet.api.labels import ANSWERED, MANAGED
from linnet.api.names import API_VERSION


@dataclass(frozen=True)
class Resource:
    """A resource is what the API server has a path for."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def watched_as(self) -> str:
        """The name is unique among all resources: the kind alone is not, since Deployment is also apps/v1's."""
        return f"{self.plural}.{self.group}".rstrip(".")


MODEL: Final = Resource(API_VERSION, "Model", "models")
MODEL_VERSION: Final = Resource(API_VERSION, "ModelVersion", "modelversions")
DEPLOYMENT: Final = Resource(API_VERSION, "Deployment", "deployments")
RETRAIN_POLICY: Final = Resource(API_VERSION, "RetrainPolicy", "retrainpolicies")
REQUEST: Final = Resource(API_VERSION, "Request", "requests")
ROLLOUT_POLICY: Final = Resource(API_VERSION, "RolloutPolicy", "rolloutpolicies")

WORKLOAD: Final = Resource("apps/v1", "Deployment", "deployments")
REPLICA_SET: Final = Resource("apps/v1", "ReplicaSet", "replicasets")
SERVICE: Final = Resource("v1", "Service", "services")
BUDGET: Final = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY: Final = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
POD: Final = Resource("v1", "Pod", "pods")
JOB: Final = Resource("batch/v1", "Job", "jobs")
CRON_JOB: Final = Resource("batch/v1", "CronJob", "cronjobs")

CONFIG_MAP: Final = Resource("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT: Final = Resource("v1", "ServiceAccount", "serviceaccounts")
HTTP_ROUTE: Final = Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
GRPC_ROUTE: Final = Resource("gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes")
GATEWAY: Final = Resource("gateway.networking.k8s.io/v1", "Gateway", "gateways")
GATEWAY_CLASS: Final = Resource("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses", namespaced=False)
AUTOSCALER: Final = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
EVENT: Final = Resource("events.k8s.io/v1", "Event", "events")
LEASE: Final = Resource("coordination.k8s.io/v1", "Lease", "leases")
ADMISSION_POLICY: Final = Resource(
    "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
)
ADMISSION_BINDING: Final = Resource(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)

OWN: Final = (MODEL, MODEL_VERSION, DEPLOYMENT, RETRAIN_POLICY, REQUEST)
NAMED: Final = (ROLLOUT_POLICY,)
"""Resources that people write and objects of ours name: they are read, and never reconciled."""
ROUTES: Final = (HTTP_ROUTE, GRPC_ROUTE)
"""Resources of an API that a cluster may not have: they are watched where it is served when the operator starts."""
CHILDREN: Final = (
    WORKLOAD,
    REPLICA_SET,
    SERVICE,
    BUDGET,
    NETWORK_POLICY,
    CRON_JOB,
    JOB,
    POD,
    AUTOSCALER,
    *ROUTES,
)
"""Resources that are watched with the label linnet.dev/managed=true, filtered by the server.

They are read in this order: pods after what makes them, or they would seem to be nobody's, and a Job that is done would
seem to have lost its pod.
"""
WATCHED: Final = (*OWN, *NAMED, *CHILDREN)


def selector(resource: Resource) -> str:
    """Return the labels by which the server filters what is watched of a resource; empty where all of it is."""
    if resource == REQUEST:
        return f"!{ANSWERED}"
    return f"{MANAGED}=true" if resource in CHILDREN else ""


_ALL = (*WATCHED, CONFIG_MAP, SERVICE_ACCOUNT, EVENT)
_BY_NAME = {(r.api_version, r.kind): r for r in _ALL}
_OWN_BY_KIND = {r.kind: r for r in OWN}


def of(api_version: str, kind: str) -> Resource:
    """Return the resource of a kind; LookupError for one that the operator has no rights on."""
    try:
        return _BY_NAME[api_version, kind]
    except KeyError:
        raise LookupError(f"{api_version} {kind} is not among the resources that the operator works with") from None


def own(kind: str) -> Resource:
    """Return the resource of a `Ref.kind`."""
    return _OWN_BY_KIND[kind]
