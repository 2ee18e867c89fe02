"""Where pods may and would rather run, as `v1.Affinity`, whole and bounded: nothing of an object is left unread.

A field that is kept without a schema is as deep and as large as its author likes. The API server checks the meaning
when the pods are made.
"""

from typing import Annotated, Literal

from pydantic import Field

from linnet.api.parts.base import StringMap, Token, Wire

_Values = Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=64)]
_Keys = Annotated[list[Token], Field(max_length=16)]
_Weight = Annotated[int, Field(ge=1, le=100)]


class NodeRequirement(Wire):
    """A condition on one label or field of a node."""

    key: Token
    """The label or field."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared."""
    values: _Values | None = None
    """What it is compared with; left out with Exists and DoesNotExist."""


class LabelRequirement(Wire):
    """A condition on one label of a pod or namespace."""

    key: Token
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How it is compared."""
    values: _Values | None = None
    """What it is compared with; left out with Exists and DoesNotExist."""


class NodeSelectorTerm(Wire):
    """Conditions that a node must meet, all of them."""

    match_expressions: Annotated[list[NodeRequirement], Field(max_length=16)] | None = None
    """Conditions on the node's labels; none if left out."""
    match_fields: Annotated[list[NodeRequirement], Field(max_length=16)] | None = None
    """Conditions on the node's fields, such as metadata.name; none if left out."""


class NodeSelector(Wire):
    """Nodes that meet one of the terms."""

    node_selector_terms: Annotated[list[NodeSelectorTerm], Field(max_length=16)]
    """One of them must hold."""


class PreferredNodes(Wire):
    """Nodes that are liked better."""

    weight: _Weight
    """How much, from 1 to 100."""
    preference: NodeSelectorTerm
    """Which nodes."""


class NodeAffinity(Wire):
    """Nodes that the pods may and would rather run on, as `v1.NodeAffinity`."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Where the pods may run at all; anywhere if left out."""
    preferred_during_scheduling_ignored_during_execution: (
        Annotated[list[PreferredNodes], Field(max_length=16)] | None
    ) = None
    """Where they would rather run; anywhere if left out."""


class LabelSelector(Wire):
    """Objects by their labels, as `metav1.LabelSelector`."""

    match_labels: StringMap | None = None
    """Labels and the values that they must have; none if left out."""
    match_expressions: Annotated[list[LabelRequirement], Field(max_length=16)] | None = None
    """Further conditions; none if left out."""


class PodAffinityTerm(Wire):
    """Pods, and the part of the cluster that counts as near them, as `v1.PodAffinityTerm`."""

    topology_key: Token
    """The node label whose equal values are one place, such as topology.kubernetes.io/zone."""
    label_selector: LabelSelector | None = None
    """Which pods; none if left out."""
    namespaces: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=16)] | None = None
    """The namespaces of these pods; the own one if left out."""
    namespace_selector: LabelSelector | None = None
    """The namespaces of these pods by label; those that are named if left out."""
    match_label_keys: _Keys | None = None
    """Labels whose values must be as the pod's own; none if left out."""
    mismatch_label_keys: _Keys | None = None
    """Labels whose values must differ from the pod's own; none if left out."""


class PreferredPods(Wire):
    """Places that are liked better for the pods that are there."""

    weight: _Weight
    """How much, from 1 to 100."""
    pod_affinity_term: PodAffinityTerm
    """Which pods, and how near."""


_Required = Annotated[list[PodAffinityTerm], Field(max_length=16)]
_Preferred = Annotated[list[PreferredPods], Field(max_length=16)]


class PodAffinity(Wire):
    """Pods to run near, as `v1.PodAffinity`."""

    required_during_scheduling_ignored_during_execution: _Required | None = None
    """Where the pods may run at all; anywhere if left out."""
    preferred_during_scheduling_ignored_during_execution: _Preferred | None = None
    """Where they would rather run; anywhere if left out."""


class PodAntiAffinity(PodAffinity):
    """Pods to stay away from, as `v1.PodAntiAffinity`."""


class Affinity(Wire):
    """Where the pods may and would rather run, as `v1.Affinity`."""

    node_affinity: NodeAffinity | None = None
    """By nodes; any node if left out."""
    pod_affinity: PodAffinity | None = None
    """Near other pods; near none in particular if left out."""
    pod_anti_affinity: PodAntiAffinity | None = None
    """Away from other pods; away from none if left out."""
