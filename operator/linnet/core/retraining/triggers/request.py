"""Runs that a person asks for: the request `run` makes a Job at once."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.names import Verb
from linnet.api.parts.conditions import Condition
from linnet.api.parts.requests import Request, pending
from linnet.core import requests
from linnet.core.plan import Manifest
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
    """`kubectl annotate rp <name> linnet.dev/request="run …"`."""

    def admit(self, context: RetrainContext) -> RetrainContext:
        """A person's request, if one waits, is obeyed or refused."""
        request = pending(context.observed.policy.request, context.former.last_request)
        if request is None:
            return context
        if not context.observed.requests_proven:
            return _refuse(context, request, requests.UNPROVEN)
        if request.verb not in VERBS:
            return replace(context, answer=requests.unknown_verb(request, "RetrainPolicy", VERBS, context.now))
        return _run(context, request)

    def sync(self, context: RetrainContext) -> RetrainContext:
        """Nothing need stand in the cluster for it."""
        return context

    def ready(self, spec: RetrainPolicySpec) -> Condition | None:
        """None: a person can always ask."""
        del spec
        return None


REQUEST: Final = PersonsRequest()


def job_name(policy: str, request_id: str) -> str:
    """A request gives one name whenever it is looked at, so that asking the API server twice starts one run."""
    return f"{policy}-run-{hashlib.sha256(request_id.encode()).hexdigest()[:10]}"


def _run(context: RetrainContext, request: Request) -> RetrainContext:
    name = job_name(context.observed.policy.name, request.id)
    started, known = f"Job {name}", context.history.find(name) is not None
    if known and name not in {r.job for r in context.former.runs or ()}:
        return _accept(context, request, started)  # made at an earlier look, whose status was not written
    if known or context.job(name) is not None:
        return _refuse(context, request, f"the id {request.id} was used for Job {name}: ask again with a new id")
    why = admission.refusal(context, admission.CHECKS_OF_A_PERSON)
    if why is not None or context.spec is None:
        return _refuse(context, request, why or "")
    manifest = _job(context.owner, context.spec, name, context.image)
    return _accept(admission.start(context, manifest, TRIGGER, f"asked for by {request.user}"), request, started)


def _job(owner: Owner, spec: RetrainPolicySpec, name: str, image: Image) -> Manifest:
    """The run's Job; it starts at once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(owner, name, run_labels(owner, spec, TRIGGER)),
        "spec": executor.of(spec).job_spec(owner, spec, TRIGGER, image),
    }


def _accept(context: RetrainContext, request: Request, message: str) -> RetrainContext:
    return replace(context, answer=requests.accepted(request, message, context.now))


def _refuse(context: RetrainContext, request: Request, message: str) -> RetrainContext:
    return replace(context, answer=requests.refused(request, message, context.now))
