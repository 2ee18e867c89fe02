"""Builds what a plan sees from the cache, and from the few live reads that the cache can't answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from linnet.adapters.cache.cache import Cache, models_of, revisions
from linnet.adapters.cache.evidence import Recalled
from linnet.adapters.cache.lineage import belongs
from linnet.adapters.cluster import resources
from linnet.adapters.cluster.errors import ConflictError, KubeError
from linnet.adapters.cluster.ownership import controller
from linnet.adapters.cluster.resources import Resource
from linnet.api.labels import OWNER_LABELS
from linnet.api.names import SAFETY
from linnet.api.parts.conditions import time_or_none
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer
from linnet.core.observed import (
    DeploymentObserved,
    ModelObserved,
    ModelVersionObserved,
    Platform,
    RetrainObserved,
    Scrape,
    ScrapeTarget,
)
from linnet.core.plan import Manifest, Ref
from linnet.core.registry import model_version
from linnet.core.requests.answers import ACCEPTED
from linnet.core.requests.lifecycle import RequestObserved
from linnet.core.requests.waiting import Asks, Proof, Requests, is_answered, read
from linnet.core.resources import objects, routes
from linnet.core.resources.accounts import AllowedAccounts
from linnet.core.resources.deletion import Ending
from linnet.core.resources.objects import Parent
from linnet.core.resources.routes import RouteView
from linnet.core.rollout import reconcile
from linnet.core.rollout.traffic import gateway_features
from linnet.core.webhooks import Call, Reply

_log = logging.getLogger(__name__)


async def _believed(_namespace: str, _version: str) -> None:
    """Believe the cache."""


@dataclass(frozen=True)
class Sources:
    """The parts of an observation that don't come from the cache come from here; each is one adapter's function."""

    platform: Callable[[], Platform]
    now: Callable[[], datetime]
    proof: Callable[[str], Awaitable[Proof]]
    """Since when the namespace's API server has refused forged requests."""
    told: Callable[[Parent], Awaitable[bool]]
    """Whether the platform's endpoint for events has taken this Request's answer; it is sent, and nobody waits."""
    unprotected: Callable[[str], Awaitable[tuple[str, ...]]]
    """A sentence for each admission policy that is not in force in the namespace."""
    accounts: Callable[[str, Iterable[str]], Awaitable[AllowedAccounts]]
    """Choose among these ServiceAccounts those that pods of ours may run as, each with the URIs that it is for."""
    features: Callable[[str, Iterable[str]], Awaitable[Mapping[str, frozenset[str] | None]]]
    """What these Gateways of the namespace can do."""
    session_kinds: Callable[[], Awaitable[frozenset[str] | None]]
    """The kinds of route that have sessions in this cluster."""
    evidence: Callable[[Parent], Awaitable[Recalled]]
    scrape: Callable[[Iterable[ScrapeTarget]], Awaitable[Scrape]]
    ask: Callable[[Iterable[Question]], Awaitable[Mapping[Question, Answer]]]
    """The platform's Prometheus; questions come only where it has one."""
    call: Callable[[Iterable[Call]], Awaitable[Mapping[Call, Reply]]]
    """The platform's endpoints; returns at once."""
    refused: Callable[[Ref], frozenset[tuple[str, str]]] = lambda _: frozenset()
    """Kind and name of what the API server refused at its last write, for this object."""
    confirm: Callable[[str, str], Awaitable[None]] = _believed
    """Read the ModelVersion of this namespace and name, which the cache lacks, into the cache, if it is there."""


class Gatherer:
    """One method for each kind gathers all that a plan for an object of that kind sees."""

    def __init__(self, cache: Cache, sources: Sources) -> None:
        self._cache = cache
        self._sources = sources

    def parent(self, ref: Ref) -> Parent | None:
        return self._get(resources.own(ref.kind), ref.namespace, ref.name)

    def _get(self, resource: Resource, namespace: str, name: str) -> Parent | None:
        obj = self._cache.get(resource, namespace, name)
        return as_parent(obj) if obj is not None else None

    async def model(self, parent: Parent) -> ModelObserved:
        deployments = self._cache.of_model(resources.DEPLOYMENT, parent.namespace, parent.name)
        current = parent.status.get("current")
        await self._confirm(parent.namespace, [f"{parent.name}-v{current}"] if current else [])
        return ModelObserved(
            model=parent,
            versions=self._versions(parent.namespace, parent.name),
            platform=self._sources.platform().of(parent.namespace),
            serving=frozenset(version for d in deployments for version in serving(d, parent.name)),
            policies=self._policies(parent),
        )

    def _policies(self, model: Parent) -> tuple[Parent, ...]:
        return tuple(map(as_parent, self._cache.of_model(resources.RETRAIN_POLICY, model.namespace, model.name)))

    async def version(self, parent: Parent) -> ModelVersionObserved:
        jobs = self._owned(resources.JOB, "ModelVersion", parent)
        model = _name_of(parent, "model")
        named = (as_parent(d) for d in self._cache.of_model(resources.DEPLOYMENT, parent.namespace, model))
        deployments = tuple(d for d in named if _name_of(d, "model") == model)
        policies = self._owned(resources.NETWORK_POLICY, "ModelVersion", parent)
        observed = ModelVersionObserved(
            version=parent,
            jobs=tuple(objects.job(j) for j in jobs),
            pods=self._pods("ModelVersion", parent),
            platform=self._sources.platform().of(parent.namespace),
            requests=await self._requests("ModelVersion", parent),
            allowed_service_accounts=await self._accounts(parent),
            deployments=deployments,
            egress_policy=next((objects.meta(p) for p in policies), None),
            policies={p.name: p for d in deployments if (p := self._policy_of(d)) is not None},
            refused_by=self._refusing(parent.namespace, [parent]),
        )
        if model_version.relies_on_status(observed, self._sources.now()):
            await self._confirm_state(parent)
        return observed

    async def _confirm_state(self, version: Parent) -> None:
        """Compare the version with the API server's. ConflictError if it was seen as it is no more."""
        await self._sources.confirm(version.namespace, version.name)
        newest = self.parent(Ref("ModelVersion", version.namespace, version.name))
        if newest is not None and newest.resource_version != version.resource_version:
            raise ConflictError(f"ModelVersion {version.name} was written meanwhile")

    async def deployment(self, parent: Parent) -> DeploymentObserved:
        unread = await self._unread(parent.namespace, _depends_on(parent))
        versions = self._versions(parent.namespace, *models_of(parent.spec, parent.status))
        recalled, requests, accounts, unprotected = await asyncio.gather(
            self._sources.evidence(parent),
            self._requests("Deployment", parent),
            self._accounts(parent, *versions),
            self._sources.unprotected(parent.namespace),
        )
        observed = DeploymentObserved(
            deployment=parent,
            model=self.parent(Ref("Model", parent.namespace, _name_of(parent, "model"))),
            versions=versions,
            quarantined=tuple(as_parent(v) for v in self._cache.quarantined(parent.namespace)),
            refused_elsewhere=tuple(d for d in self._refusing(parent.namespace, versions) if d.uid != parent.uid),
            workloads=tuple(objects.workload(w) for w in self._owned(resources.WORKLOAD, "Deployment", parent)),
            services=tuple(objects.service(s) for s in self._owned(resources.SERVICE, "Deployment", parent)),
            pods=self._pods("Deployment", parent),
            others=self._others(parent),
            scrape=None,
            evidence=recalled.data,
            evidence_held=recalled.held,
            evidence_loss=recalled.loss,
            evidence_unread=recalled.unread,
            platform=self._sources.platform().of(parent.namespace),
            requests=requests,
            allowed_service_accounts=accounts,
            unprotected=unprotected,
            unread=unread,
            policy=self._policy_of(parent),
            routes=self._routes(parent),
            autoscalers=tuple(objects.autoscaler(a) for a in self._owned(resources.AUTOSCALER, "Deployment", parent)),
            budget=next((objects.meta(b) for b in self._owned(resources.BUDGET, "Deployment", parent)), None),
            refused=self._sources.refused(Ref("Deployment", parent.namespace, parent.name)),
            ending=self._ending("Deployment", parent),
        )
        observed = await self._of_gateways(observed)
        now = self._sources.now()
        targets, questions = reconcile.scrape_targets(observed, now), reconcile.questions(observed, now)
        replies = await self._sources.call(reconcile.calls(observed, now))
        scrape, answers = await asyncio.gather(self._scrape(targets), self._sources.ask(questions))
        return replace(observed, scrape=scrape, answers=answers, replies=replies)

    def _refusing(self, namespace: str, versions: Iterable[Parent]) -> tuple[Parent, ...]:
        """Find the Deployments that keep a quarantine of what one of these versions is."""
        digests = {d for v in versions if isinstance(d := v.status.get("digest"), str)}
        return tuple(as_parent(d) for d in self._cache.refusing(namespace, sorted(digests)))

    async def _scrape(self, targets: Collection[ScrapeTarget]) -> Scrape | None:
        return await self._sources.scrape(targets) if targets else None

    def _policy_of(self, deployment: Parent) -> Parent | None:
        return self._get(resources.ROLLOUT_POLICY, deployment.namespace, _name_of(deployment, "policy"))

    async def policy(self, parent: Parent) -> RetrainObserved:
        model = _name_of(parent, "model")
        cron_jobs = self._owned(resources.CRON_JOB, "RetrainPolicy", parent)
        return RetrainObserved(
            policy=parent,
            model=self.parent(Ref("Model", parent.namespace, model)),
            versions=self._versions(parent.namespace, model),
            cron_job=objects.cron_job(cron_jobs[0]) if cron_jobs else None,
            jobs=tuple(objects.job(j) for j in self._owned(resources.JOB, "RetrainPolicy", parent)),
            pods=self._pods("RetrainPolicy", parent),
            platform=self._sources.platform().of(parent.namespace),
            requests=await self._requests("RetrainPolicy", parent),
            allowed_service_accounts=await self._accounts(parent),
        )

    async def _confirm(self, namespace: str, versions: Iterable[str]) -> None:
        """Ask for what the cache lacks and much follows from: a LIST may have been of an earlier time."""
        for name in versions:
            if self._cache.get(resources.MODEL_VERSION, namespace, name) is None:
                await self._sources.confirm(namespace, name)

    async def _unread(self, namespace: str, versions: Iterable[str]) -> frozenset[str]:
        """Ask for what the cache lacks, and return what could not be read: no rollout ends for it."""
        asked = [*versions]
        read = await asyncio.gather(*(self._is_read(namespace, name) for name in asked))
        return frozenset(name for name, is_read in zip(asked, read, strict=True) if not is_read)

    async def _is_read(self, namespace: str, name: str) -> bool:
        try:
            await self._confirm(namespace, [name])
        except KubeError as error:
            _log.warning("ModelVersion %s/%s was not read: %s", namespace, name, error)
            return False
        return True

    def _versions(self, namespace: str, *models: str) -> tuple[Parent, ...]:
        all_of = (self._cache.of_model(resources.MODEL_VERSION, namespace, model) for model in models)
        found = (as_parent(v) for versions in all_of for v in versions)
        return tuple(sorted(found, key=lambda v: (v.spec.get("version", 0), v.name)))

    def _all(self, resource: Resource, kind: str, parent: Parent) -> list[Manifest]:
        found = self._cache.children(resource, parent.namespace, kind, parent.name)
        return sorted(found, key=lambda o: str(o["metadata"]["name"]))

    def _owned(self, resource: Resource, kind: str, parent: Parent) -> list[Manifest]:
        """Find the children of this very uid: a namesake's are another's, and a stranger's are nobody's."""
        return [o for o in self._all(resource, kind, parent) if belongs(self._cache, resource, o, kind, parent)]

    def _pods(self, kind: str, parent: Parent) -> tuple[objects.Pod, ...]:
        """Find its pods: no plan sees another one, and no other is read or asked anything."""
        return tuple(objects.pod(p) for p in self._owned(resources.POD, kind, parent))

    def _ending(self, kind: str, parent: Parent) -> tuple[Ending, ...]:
        """Find the children that are being deleted; the pods are known anyway."""
        watched = (r for r in resources.CHILDREN if r != resources.POD)
        found = ((r, o) for r in watched for o in self._all(r, kind, parent) if o["metadata"].get("deletionTimestamp"))
        return tuple(Ending(r.kind, objects.meta(o)) for r, o in found if belongs(self._cache, r, o, kind, parent))

    def _routes(self, parent: Parent) -> tuple[RouteView, ...]:
        http = (routes.view("HTTPRoute", r) for r in self._owned(resources.HTTP_ROUTE, "Deployment", parent))
        grpc = (routes.view("GRPCRoute", r) for r in self._owned(resources.GRPC_ROUTE, "Deployment", parent))
        return (*http, *grpc)

    def _others(self, parent: Parent) -> frozenset[tuple[str, str, str | None]]:
        unread = [
            (r, o) for r in (resources.BUDGET, resources.NETWORK_POLICY) for o in self._all(r, "Deployment", parent)
        ]
        labeled = [(r, o) for r in (resources.WORKLOAD, resources.SERVICE) for o in self._all(r, "Deployment", parent)]
        foreign = [(r, o) for r, o in labeled if controller(o) != parent.uid]
        return frozenset((r.kind, str(o["metadata"]["name"]), controller(o)) for r, o in (*unread, *foreign))

    async def request(self, parent: Parent) -> RequestObserved:
        target = parent.spec.get("target") or {}
        kind, name = str(target.get("kind", "")), str(target.get("name", ""))
        there = self.parent(Ref(kind, parent.namespace, name)) if kind in OWNER_LABELS else None
        told = not is_answered(parent.status) or await self._sources.told(parent)
        return RequestObserved(parent, there, told)

    async def _requests(self, kind: str, parent: Parent) -> Requests:
        """Ask whether requests can be believed only when one waits: the proof costs requests to the API server."""
        target = (parent.namespace, kind, parent.name)
        refused = self._sources.refused(Ref(kind, parent.namespace, parent.name))
        self._cache.postpone(target, [name for of, name in refused if of == resources.REQUEST.kind])
        found, excerpt = self._cache.requests(target, *_answered(parent.status))
        waiting = read(as_parent(r) for r in found)
        if not waiting:
            return Requests()
        newest = {asks: time for asks, made in excerpt.newest.items() if (time := time_or_none(made)) is not None}
        return Requests(waiting, await self._sources.proof(parent.namespace), newest, time_or_none(excerpt.oldest))

    async def _of_gateways(self, observed: DeploymentObserved) -> DeploymentObserved:
        """Add what the Gateways can do, asked only where something depends on it."""
        named = gateway_features.gateways_in_question(observed)
        if not named:
            return observed
        features = await self._sources.features(observed.deployment.namespace, named)
        kept = await self._sources.session_kinds() if gateway_features.wants_sessions(observed) else None
        return replace(observed, gateway_features=features, session_kinds=kept)

    async def _accounts(self, *named_by: Parent) -> AllowedAccounts:
        """The accounts that any of these name, all of one namespace."""
        named = {name for each in named_by for name in account_names(each.spec)}
        return await self._sources.accounts(named_by[0].namespace, named) if named else {}


def _answered(status: Mapping[str, Any]) -> tuple[Mapping[Asks, str], list[str]]:
    """Return up to when what asks something is answered by what the status remembers, and the names in it."""
    remembered = [e for e in status.get("requests") or () if isinstance(e, Mapping)]
    until: dict[Asks, str] = {}
    for entry in remembered:
        asks = str(entry.get("verb")), str(entry.get("about"))
        if asks[0] in SAFETY and entry.get("outcome") == ACCEPTED:
            until[asks] = max(until.get(asks, ""), str(entry.get("until") or ""))
    return until, [str(entry.get("name")) for entry in remembered]


def as_parent(obj: Manifest) -> Parent:
    meta = obj["metadata"]
    return Parent(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta.get("generation", 1),
        annotations=meta.get("annotations") or {},
        deleting=bool(meta.get("deletionTimestamp")),
        spec=obj.get("spec") or {},
        status=obj.get("status") or {},
        resource_version=meta.get("resourceVersion", ""),
        created=time_or_none(meta.get("creationTimestamp")),
        owner=controller(obj),
    )


def serving(deployment: Manifest | None, model: str) -> frozenset[int]:
    """Return the Model's versions that a Deployment serves, could go back to, or brings to traffic."""
    of_spec = _model_of((deployment or {}).get("spec"))
    found = revisions((deployment or {}).get("status"))
    return frozenset(r["version"] for r in found if "version" in r and (r.get("model") or of_spec) == model)


def _depends_on(deployment: Parent) -> list[str]:
    """Return the names of the ModelVersions without which a rollout ends, or a decision is on no record."""
    rollout, owed = deployment.status.get("rollout"), deployment.status.get("owed") or ()
    to = rollout.get("to") if isinstance(rollout, Mapping) else None
    names = [o["version"] for o in owed if isinstance(o, Mapping) and isinstance(o.get("version"), str)]
    if isinstance(to, Mapping) and to.get("version"):
        names.append(f"{to.get('model') or _name_of(deployment, 'model')}-v{to['version']}")
    return names


def account_names(spec: Any) -> Iterable[str]:
    """Iterate over every `serviceAccountName` in a spec, however deep: pods' and credentials'."""
    if isinstance(spec, Mapping):
        for key, value in spec.items():
            if key == "serviceAccountName" and isinstance(value, str):
                yield value
            else:
                yield from account_names(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from account_names(value)


def _model_of(spec: Any) -> str:
    reference = spec.get("model") if isinstance(spec, Mapping) else None
    return str(reference.get("name", "")) if isinstance(reference, Mapping) else ""


def _name_of(parent: Parent, field: str) -> str:
    """Return the name that a reference of the spec holds; an empty string if there is none."""
    reference = parent.spec.get(field)
    return str(reference.get("name", "")) if isinstance(reference, Mapping) else ""
