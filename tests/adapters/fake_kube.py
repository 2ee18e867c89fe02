"""An API server in memory, as far as one adapter can tell: names, uids, versions, conflicts, field managers."""

import copy
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from linnet.adapters.cluster.errors import AlreadyExistsError, ConflictError, NotFoundError
from linnet.adapters.cluster.resources import Resource

Json = dict[str, Any]
Key = tuple[Resource, str, str]


@dataclass
class FakeKube:
    """`calls` holds (verb, plural, name) of every request; `fails` an error to raise before the verb's next call."""

    objects: dict[Key, Json] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    openapi: Json = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def put(self, resource: Resource, obj: Json) -> Json:
        """Somebody else writes."""
        obj = copy.deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(next(self.numbers))
        obj["metadata"].setdefault("uid", f"uid-{next(self.numbers)}")
        self.objects[self._key(resource, obj)] = obj
        return copy.deepcopy(obj)

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        self._called("get", resource, name)
        return copy.deepcopy(self._found(resource, namespace, name))

    async def schemas(self, resource: Resource) -> Json:
        self._called("schemas", resource, "")
        return copy.deepcopy(self.openapi)

    async def create(self, resource: Resource, manifest: Json, *, dry_run: bool = False) -> Json:
        self._called("create", resource, manifest["metadata"]["name"])
        if self._key(resource, manifest) in self.objects:
            raise AlreadyExistsError(f"{manifest['metadata']['name']} already exists")
        made = copy.deepcopy(manifest)
        made["metadata"]["managedFields"] = [
            {"manager": "linnet", "operation": "Update", "fieldsV1": _fields(manifest)}
        ]
        return made if dry_run else self.put(resource, made)

    async def apply(self, resource: Resource, manifest: Json) -> Json:
        meta = manifest["metadata"]
        self._called("apply", resource, meta["name"])
        known = self.objects.get(self._key(resource, manifest))
        if known is None or known["metadata"]["uid"] != meta["uid"]:
            raise ConflictError("uid mismatch")
        spec = {**known.get("spec", {}), **manifest.get("spec", {})}
        managed = [e for e in known["metadata"].get("managedFields", []) if e["operation"] != "Apply"]
        former = [e for e in known["metadata"].get("managedFields", []) if e["operation"] == "Apply"]
        if former and not managed:
            spec = copy.deepcopy(manifest.get("spec", {}))
        managed.append({"manager": "linnet", "operation": "Apply", "fieldsV1": _fields(manifest)})
        made = {**known, "spec": spec, "metadata": {**known["metadata"], **meta, "managedFields": managed}}
        return self.put(resource, made)

    async def patch(self, resource: Resource, namespace: str, name: str, body: Any, **_: Any) -> Json:
        self._called("patch", resource, name)
        known = self._found(resource, namespace, name)
        if isinstance(body, list):
            known["metadata"]["managedFields"] = body[1]["value"]
            return self.put(resource, known)
        if body["metadata"]["uid"] != known["metadata"]["uid"]:
            raise ConflictError("uid mismatch")
        return self.put(resource, {**known, "spec": {**known.get("spec", {}), **body.get("spec", {})}})

    async def replace_status(self, resource: Resource, manifest: Json) -> Json:
        meta = manifest["metadata"]
        self._called("status", resource, meta["name"])
        known = self._found(resource, meta["namespace"], meta["name"])
        if known["metadata"]["resourceVersion"] != meta["resourceVersion"]:
            raise ConflictError("the object has been modified")
        return self.put(resource, {**known, "status": manifest["status"]})

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, **_: Any) -> Json:
        self._called("delete", resource, name)
        if self._found(resource, namespace, name)["metadata"]["uid"] != uid:
            raise ConflictError("uid mismatch")
        del self.objects[resource, namespace, name]
        return {"kind": "Status", "status": "Success"}

    async def items(self, resource: Resource, namespace: str | None, **_: Any) -> tuple[list[Json], str]:
        self._called("list", resource, "")
        found = [o for k, o in self.objects.items() if k[0] == resource and namespace in {None, k[1]}]
        return copy.deepcopy(found), str(next(self.numbers))

    async def pages(self, resource: Resource, namespace: str | None, **options: Any) -> AsyncIterator[Json]:
        items, version = await self.items(resource, namespace, **options)
        yield {"metadata": {"resourceVersion": version}, "items": items}

    def verbs(self) -> list[str]:
        return [verb for verb, _, _ in self.calls]

    def _called(self, verb: str, resource: Resource, name: str) -> None:
        self.calls.append((verb, resource.plural, name))
        if (error := self.fails.pop(verb, None)) is not None:
            raise error

    def _found(self, resource: Resource, namespace: str, name: str) -> Json:
        try:
            return self.objects[resource, namespace, name]
        except KeyError:
            raise NotFoundError(f"{resource.plural} {name} not found") from None

    @staticmethod
    def _key(resource: Resource, obj: Json) -> Key:
        return resource, obj["metadata"]["namespace"], obj["metadata"]["name"]


def _fields(manifest: Json) -> Json:
    return {"f:spec": {f"f:{k}": {} for k in manifest.get("spec", {})}}


def kube() -> Any:
    return cast("Any", FakeKube())
