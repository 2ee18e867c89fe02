"""Runs that a person asks for: the request `run` makes a Job at once."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.names import Verb
from linnet.api.parts.conditions import Condition
from linnet.core.plan import Manifest
from linnet.core.requests import answers
from linnet.core.requests.answers import Turn
from linnet.core.requests.waiting import Request
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.retraining import admission
from linnet.core.retraining.context import RetrainContext
from linnet.core.retraining.executors import executor
from linnet.core.retraining.executors.labels import run_labels
from linnet.core.serving.pods import Image

TRIGGER: Final = "run"
"""The trigger's name in records."""
VERBS: Final = frozenset({Verb.RUN})


@dataclass(frozen=True)
class PersonsRequest:
    """`kubectl linnet run <name>`."""

    def admit(self, context: RetrainContext) -> RetrainContext:
        """A person's request, if one waits, is obeyed or refused."""
        turn = answers.turn(context.observed.requests, context.observed.policy, context.former.requests, context.now)
        if turn.request is None:
            return context.with_actions(*turn.actions)
        if turn.request.verb not in VERBS:
            why = answers.unknown_verb(turn.request.verb, "RetrainPolicy", VERBS)
            return context.with_actions(*turn.refused(turn.request, why))
        return _run(context, turn, turn.request)

    def sync(self, context: RetrainContext) -> RetrainContext:
        """Nothing need stand in the cluster for it."""
        return context

    def ready(self, spec: RetrainPolicySpec) -> Condition | None:
        """None: a person can always ask."""
        del spec
        return None


REQUEST: Final = PersonsRequest()


def job_name(policy: str, request_uid: str) -> str:
    """A request gives one name whenever it is looked at, so that asking the API server twice starts one run."""
    return f"{policy}-run-{hashlib.sha256(request_uid.encode()).hexdigest()[:10]}"


def _run(context: RetrainContext, turn: Turn, request: Request) -> RetrainContext:
    name = job_name(context.observed.policy.name, request.uid)
    started = f"Job {name}"
    if context.history.find(name) is not None or context.job(name) is not None:
        return _accept(context, turn, request, started)  # made at an earlier look, whose status was not written
    why = admission.refusal(context, admission.CHECKS_OF_A_PERSON)
    if why is not None or context.spec is None:
        return context.with_actions(*turn.refused(request, why or ""))
    manifest = _job(context.owner, context.spec, name, context.image)
    begun = admission.start(context, manifest, TRIGGER, _why(request))
    return _accept(begun, turn, request, started)


def _job(owner: Owner, spec: RetrainPolicySpec, name: str, image: Image) -> Manifest:
    """The run's Job; it starts at once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(owner, name, run_labels(owner, spec, TRIGGER)),
        "spec": executor.of(spec).job_spec(owner, spec, TRIGGER, image),
    }


def _why(request: Request) -> str:
    return f"asked for by {request.user}" + (f": {request.reason}" if request.reason else "")


def _accept(context: RetrainContext, turn: Turn, request: Request, message: str) -> RetrainContext:
    obeyed = turn.accepted(request, message)
    return replace(context.with_actions(*obeyed.actions), requests=tuple(obeyed.remembered))
