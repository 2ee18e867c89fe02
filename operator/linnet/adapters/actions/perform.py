"""Does what a plan asks for, one action at a time, and takes each answer into the cache at once."""

import logging
from contextlib import suppress
from typing import Any, Final, assert_never

from linnet.adapters.actions.deps import ActionDeps
from linnet.adapters.actions.status import put_status
from linnet.adapters.cache.cache import models_of
from linnet.adapters.cache.gatherer import serving
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError
from linnet.adapters.cluster.resources import Resource
from linnet.api.kinds.model_version import ModelVersionStatus
from linnet.core.parse import parse_status
from linnet.core.plan import (
    Action,
    AnswerRequest,
    Apply,
    Create,
    Delete,
    Emit,
    Log,
    Manifest,
    Notify,
    Patch,
    Record,
    Ref,
    SaveEvidence,
)
from linnet.core.registry import model_version
from linnet.core.requests.waiting import is_answered
from linnet.core.resources.objects import Parent

_RECORD_TRIES: Final = 5
_log = logging.getLogger(__name__)


async def perform(deps: ActionDeps, ref: Ref, parent: Parent, action: Action) -> None:
    """Do one action. Errors of `cluster.errors` pass through; what is only told never fails."""
    deps.writable()
    match action:
        case Apply(manifest):
            await deps.children.apply(manifest)
        case SaveEvidence(manifest):
            await deps.evidence.save(parent, manifest, deps.children.apply)
        case Create(manifest):
            await deps.children.create(manifest)
        case Patch():
            await _patch(deps, ref.namespace, action)
        case Delete():
            await _delete(deps, ref.namespace, action)
        case Record():
            await _record(deps, ref.namespace, action)
        case AnswerRequest():
            await _answer(deps, ref.namespace, action)
        case Emit() | Log() | Notify():
            _tell(deps, ref, parent, action)
        case _:
            assert_never(action)


def _tell(deps: ActionDeps, ref: Ref, parent: Parent, action: Emit | Log | Notify) -> None:
    match action:
        case Emit():
            deps.journal.emit(ref, parent, action)
        case Log():
            if not deps.journal.log(ref, action):
                return
        case Notify():
            pass
    deps.tell(ref, parent, action)


async def _patch(deps: ActionDeps, namespace: str, action: Patch) -> None:
    resource = resources.of(action.api_version, action.kind)
    body = {**action.body, "metadata": {**action.body.get("metadata", {}), "uid": action.uid}}
    try:
        deps.seen(resource, await deps.kube.patch(resource, namespace, action.name, body))
    except NotFoundError as error:
        deps.gone(resource, namespace, action.name, action.uid)
        raise ConflictError(str(error)) from error
    except (ForbiddenError, InvalidError) as error:
        if not action.optional:
            raise
        _log.warning("%s %s was not patched: %s", action.kind, action.name, error)


async def _delete(deps: ActionDeps, namespace: str, action: Delete) -> None:
    """Delete the object. One that is gone already, or whose name is another's by now, counts as deleted."""
    resource = resources.of(action.api_version, action.kind)
    if resource == resources.MODEL_VERSION:
        await _confirm_unused(deps, namespace, action)
    how: Any = {"grace": action.grace_seconds, "propagation": action.propagation}
    try:
        answer = await deps.kube.delete(resource, namespace, action.name, action.uid, **how)
    except NotFoundError:
        answer = {}
    except ConflictError:
        if await _is_there(deps, resource, namespace, action):
            raise
        answer = {}
    if (answer.get("metadata") or {}).get("uid") == action.uid:
        deps.seen(resource, answer)
    else:
        deps.gone(resource, namespace, action.name, action.uid)


async def _is_there(deps: ActionDeps, resource: Resource, namespace: str, action: Delete) -> bool:
    try:
        found = await deps.kube.get(resource, namespace, action.name)
    except NotFoundError:
        return False
    return bool(found["metadata"]["uid"] == action.uid)


async def _confirm_unused(deps: ActionDeps, namespace: str, action: Delete) -> None:
    """Raise ConflictError if a Deployment names the version: the cache may be late about the absence of such.

    Deployments are filtered here, since Kubernetes 1.30 knows no selectable fields of custom resources.
    """
    version = deps.cache.get(resources.MODEL_VERSION, namespace, action.name)
    if version is None:
        return
    model = version["spec"]["model"]["name"]
    listed, _ = await deps.kube.items(resources.DEPLOYMENT, namespace)
    deployments = [d for d in listed if model in models_of(d["spec"], d.get("status") or {})]
    for deployment in deployments:
        deps.seen(resources.DEPLOYMENT, deployment)
    if any(version["spec"]["version"] in serving(d, model) for d in deployments):
        raise ConflictError(f"{action.name} is in use by now")


async def _answer(deps: ActionDeps, namespace: str, action: AnswerRequest) -> None:
    """Answer the Request, once. One that is gone, or was answered meanwhile, needs no answer."""
    request = deps.cache.get(resources.REQUEST, namespace, action.name)
    if request is None or request["metadata"]["uid"] != action.uid or is_answered(request["status"]):
        return
    try:
        deps.seen(resources.REQUEST, await put_status(deps.kube, resources.REQUEST, request, action.status.wire()))
    except ConflictError:
        with suppress(KubeError):
            deps.seen(resources.REQUEST, await deps.kube.get(resources.REQUEST, namespace, action.name))
        raise
    except NotFoundError:
        deps.gone(resources.REQUEST, namespace, action.name, action.uid)


async def _record(deps: ActionDeps, namespace: str, action: Record) -> None:
    """Record the decision whole; where that is refused with less in it, down to who decided what and why."""
    refused: KubeError | None = None
    for brief in (action, *model_version.briefer(action)):
        try:
            await _record_once(deps, namespace, brief)
        except (ForbiddenError, InvalidError) as error:
            refused = refused or error
        else:
            if refused is not None:
                _log.warning("the record of decision %s has less in it: %s", action.decision.id, refused)
            return
    if refused is not None:
        raise refused


async def _record_once(deps: ActionDeps, namespace: str, action: Record) -> None:
    """Merge the record into the newest status that is known; read it again if somebody wrote first."""
    version = deps.cache.get(resources.MODEL_VERSION, namespace, action.version)
    for _ in range(_RECORD_TRIES):
        try:
            version = version or await deps.kube.get(resources.MODEL_VERSION, namespace, action.version)
            await _write_record(deps, version, action)
        except ConflictError:
            version = None
        except NotFoundError:
            _log.warning("the version is gone, so that this decision is only in the log: %s", action.version)
            return
        else:
            return
    raise ConflictError(f"{action.version} was written {_RECORD_TRIES} times meanwhile")


async def _write_record(deps: ActionDeps, version: Manifest, action: Record) -> None:
    former = parse_status(ModelVersionStatus, version.get("status") or {})
    status = model_version.record(former, action, deps.now())
    if status != former:
        deps.seen(resources.MODEL_VERSION, await put_status(deps.kube, resources.MODEL_VERSION, version, status.wire()))
