"""The parts of a pod that a person may set: an allow-list, shared by serving and training pods.

No host paths, no host network, no privilege, no references to Secrets: whoever may create our objects must not
gain more than that by it.
"""

from typing import Annotated, Literal

from pydantic import Field

from linnet.api.parts.affinity import Affinity
from linnet.api.parts.base import (
    MOST,
    Argument,
    Duration,
    IntOrQuantity,
    Name,
    Quantity,
    Reference,
    StringMap,
    Token,
    Wire,
    keyed_by,
)

ResourceList = Annotated[dict[Token, IntOrQuantity], Field(max_length=16)]


class Resources(Wire):
    """Compute resources of the main container, as in `v1.ResourceRequirements`."""

    requests: ResourceList | None = None
    """What the scheduler reserves, such as cpu, memory, nvidia.com/gpu; a fraction in quotes: cpu: "0.5"; as much as
    limits if left out."""
    limits: ResourceList | None = None
    """What the container may use at most; without limit if left out."""


class Toleration(Wire):
    """A toleration, as `v1.Toleration`."""

    key: Token | None = None
    """The taint's key; if left out, with operator Exists, every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists or Equal; Equal if left out."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """The taint's value, for Equal; empty if left out."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; every one if left out."""
    toleration_seconds: Annotated[int, Field(ge=0, le=MOST)] | None = None
    """How long a NoExecute taint is tolerated; for ever if left out."""


class TopologySpread(Wire):
    """A spread over nodes, as `v1.TopologySpreadConstraint`; the selector is always the revision's own pods."""

    topology_key: Token
    """The node label to spread over, such as topology.kubernetes.io/zone."""
    max_skew: Annotated[int, Field(ge=1, le=100)] = 1
    """How uneven the spread may be; 1 if left out."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = "ScheduleAnyway"
    """What to do with a pod that would break the spread; ScheduleAnyway if left out."""


class EnvVar(Wire):
    """A literal environment variable. Secrets reach a pod through `credentials`, never through here."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """The variable's name."""
    value: Argument = ""
    """The variable's value, taken literally; empty if left out."""


class Storage(Wire):
    """Where the artifact lies inside the pod."""

    size: Quantity | None = None
    """Size limit of the volume; 10Gi if left out."""
    class_: Annotated[Name | None, Field(alias="class")] = None
    """StorageClass for an ephemeral volume; the node's own disk if left out."""
    cache: Literal["None", "Node"] | None = None
    """Node: share downloads between the pods of a node. None if left out."""


class PodSettings(Wire):
    """The settings of any pod that a person may choose."""

    resources: Resources | None = None
    """Compute resources of the main container; requests of 100m cpu and 256Mi memory if left out."""
    node_selector: StringMap | None = None
    """Labels that the node must carry; any node if left out."""
    tolerations: Annotated[list[Toleration], Field(max_length=16)] | None = None
    """Taints that the pod tolerates; none if left out."""
    affinity: Affinity | None = None
    """Scheduling affinity, as `v1.Affinity`; the API server checks it when the pods are made; none if left out."""
    priority_class_name: Name | None = None
    """PriorityClass of the pods; the cluster's default if left out."""
    runtime_class_name: Name | None = None
    """RuntimeClass of the pods, such as nvidia; the cluster's default if left out."""
    image_pull_secrets: Annotated[list[Reference], Field(max_length=8, json_schema_extra=keyed_by("name"))] | None = (
        None
    )
    """Secrets that the kubelet pulls images with; those of the ServiceAccount if left out."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the main container's image is pulled, as in `v1.Container`; Kubernetes' own default if left out."""
    service_account_name: Name | None = None
    """ServiceAccount of the pods; it must carry the label linnet.dev/allow-pods: "true"; the namespace's default
    account, without a token, if left out."""
    shared_memory: Quantity | None = None
    """Size of /dev/shm, such as 2Gi for servers that share tensors between processes; what the container runtime gives,
    mostly 64Mi, if left out."""
    grace_period: Duration | None = None
    """How long a stopping pod may finish its requests; 30s if left out."""
    storage: Storage | None = None
    """The volume that the artifact is brought to; 10Gi of the node's own disk if left out."""


class ServingPodSettings(PodSettings):
    """The settings of serving pods that a person may choose."""

    topology_spread: Annotated[list[TopologySpread], Field(max_length=8)] | None = None
    """How to spread the pods; as the cluster's default has it if left out."""
    env: Annotated[list[EnvVar], Field(max_length=64, json_schema_extra=keyed_by("name"))] | None = None
    """Literal environment variables of the main container; none if left out."""
