"""What a Deployment goes by: its own strategy, analysis and deadlines, and what it leaves out by its RolloutPolicy.

Block by block, never field by field: who reads a block has all of it before them. Where a policy and
the Deployment's traffic or replicas contradict each other is found here: the API server sees one object at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.api.parts.conditions import Reason
from linnet.api.parts.strategy import Step, Strategy
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import defaults, preflight, unsupported
from linnet.core.resources.objects import Parent

BLOCKS: Final = ("strategy", "analysis", "deadlines")
ROOT: Final = "policy.spec"
"""The path of a RolloutPolicy's spec in a Deployment's conditions."""
KEEP_ALL: Final = Strategy(revision_history=50)
"""While it is not known how many former revisions are to be kept, none is forgotten."""


@dataclass(frozen=True)
class Effective:
    """The spec with every block in its place; `obstacle` says why no rollout can start by it, if so."""

    spec: DeploymentSpec
    obstacle: tuple[Reason, str] | None = None


def effective(spec: DeploymentSpec, policy: Parent | None) -> Effective:
    """What this spec says together with the RolloutPolicy that it names; `policy` None: that is not there."""
    if spec.policy is None:
        return _fitting(spec, spec)
    name = spec.policy.name
    if policy is None:
        return Effective(_unknown(spec), (Reason.POLICY_NOT_FOUND, not_found(name)))
    given = parse_spec(RolloutPolicySpec, policy.spec, ROOT)
    if isinstance(given, Invalid):
        return Effective(_unknown(spec), (Reason.INVALID_SPEC, _named(given.message, name)))
    return _fitting(spec, merged(spec, given))


def _fitting(own: DeploymentSpec, whole: DeploymentSpec) -> Effective:
    if (sentence := next(misfits(whole), None)) is not None:
        return Effective(whole, (Reason.INVALID_SPEC, located(sentence, own.wire())))
    if (sentence := next(unsupported.in_blocks(whole), None)) is not None:
        return Effective(whole, (Reason.NOT_YET_SUPPORTED, located(sentence, own.wire())))
    return Effective(whole)


def merged(spec: DeploymentSpec, policy: RolloutPolicySpec) -> DeploymentSpec:
    """The policy's block where the Deployment has none of its own."""
    return spec.model_copy(update={b: getattr(policy, b) for b in BLOCKS if getattr(spec, b) is None})


def _unknown(spec: DeploymentSpec) -> DeploymentSpec:
    return spec.model_copy(update={"strategy": spec.strategy or KEEP_ALL})


def not_found(name: str) -> str:
    return (
        f"spec.policy.name: there is no RolloutPolicy {name} in this namespace: create it, name another, or remove "
        "spec.policy and write strategy, analysis and deadlines here"
    )


def located(sentence: str, own: Mapping[str, Any]) -> str:
    """A sentence that begins with a path of the whole spec, told of the object in which that block is written."""
    inherited = any(sentence.startswith(f"spec.{b}") and own.get(b) is None for b in BLOCKS)
    policy = own.get("policy")
    return _named(f"policy.{sentence}", policy["name"]) if policy and inherited else sentence


def _named(sentence: str, name: str) -> str:
    return f"{sentence} (RolloutPolicy {name})"


def misfits(spec: DeploymentSpec) -> Iterator[str]:
    """What the strategy asks for and the traffic or the replicas can't give: by CEL where one object holds both."""
    strategy = spec.strategy
    if strategy is None:
        return
    if not (spec.traffic and spec.traffic.type == "Gateway"):
        for index, step in enumerate(strategy.steps or ()):
            yield from _without_gateway(step, f"spec.strategy.canary.steps[{index}]")
    yield from preflight.unknown_checks(strategy.steps or (), defaults.check_names(spec.analysis))
    if strategy.capacity == "InPlace" and spec.autoscaling is not None:
        yield "spec.strategy.capacity: InPlace needs a fixed number of pods: use Surge, or replicas for autoscaling"
    alone = spec.autoscaling is None and (spec.replicas is None or spec.replicas <= 1)
    if strategy.capacity == "InPlace" and alone and strategy.all_at_once is None:
        yield (
            "spec.strategy.capacity: InPlace with one replica needs strategy allAtOnce: use Surge, that strategy, "
            "or more replicas"
        )


def _without_gateway(step: Step, path: str) -> Iterator[str]:
    if (step.set_weight or 0) > defaults.MOST_WEIGHT:
        bound = f"with traffic type Replicas a weight is at most {defaults.MOST_WEIGHT} (got {step.set_weight})"
        yield f"{path}.setWeight: {bound}: beyond it, promote"
    for field in ("mirror", "match_headers", "set_replicas"):
        if getattr(step, field) is not None:
            name = type(step).model_fields[field].alias
            yield f"{path}.{name}: needs traffic type Gateway: use setWeight, pause and analyze"
