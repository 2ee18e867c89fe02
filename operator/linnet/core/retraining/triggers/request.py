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
        for request in turn.candidates:
            why = _why_not(context, request)
            if why is None:
                return _run(context, turn, request)
            turn = turn.refused(request, why)
        return context.with_actions(*turn.actions)

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


def _why_not(context: RetrainContext, request: Request) -> str | None:
    if request.verb not in VERBS:
        return answers.unknown_verb(request.verb, "RetrainPolicy", VERBS)
    if _is_made(context, request):
        return None
    unread = "its spec can't be read" if context.spec is None else None
    return admission.refusal(context, admission.CHECKS_OF_A_PERSON) or unread


def _is_made(context: RetrainContext, request: Request) -> bool:
    """Whether its Job was made at an earlier look, whose status was not written."""
    name = job_name(context.observed.policy.name, request.uid)
    return context.history.find(name) is not None or context.job(name) is not None


def _run(context: RetrainContext, turn: Turn, request: Request) -> RetrainContext:
    name = job_name(context.observed.policy.name, request.uid)
    if context.spec is not None and not _is_made(context, request):
        manifest = _job(context.owner, context.spec, name, context.image)
        context = admission.start(context, manifest, TRIGGER, _why(request))
    return _accept(context, turn, request, f"Job {name}")


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
