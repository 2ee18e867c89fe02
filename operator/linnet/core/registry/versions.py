"""Versions of a Model: their numbers, their names, and which of them is the same input again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.model_version import ModelVersionSpec, ModelVersionStatus, Origin
from linnet.api.labels import MODEL, VERSION
from linnet.api.parts.conditions import Condition, find, is_true
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Manifest
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.resources.objects import Parent
from linnet.core.serving import images


@dataclass(frozen=True)
class Version:
    """A ModelVersion, parsed."""

    name: str
    uid: str
    deleting: bool
    spec: ModelVersionSpec
    status: ModelVersionStatus

    @property
    def number(self) -> int:
        return self.spec.version

    @property
    def ready(self) -> bool:
        return is_true(self.status.conditions, "Ready")

    @property
    def condition(self) -> Condition | None:
        return find(self.status.conditions, "Ready")

    @property
    def digest(self) -> str | None:
        return self.status.digest or self.spec.source.digest

    @property
    def served(self) -> ModelVersionSpec:
        """The spec as it is served: with the very image by which it was validated.

        A revision is named by what a person chose, so that a digest that becomes known makes no new one.
        """
        image = images.pinned(self.spec.runtime.image, self.status.image_digest)
        return self.spec.model_copy(update={"runtime": self.spec.runtime.model_copy(update={"image": image})})


def parse(parents: Iterable[Parent]) -> tuple[Version, ...]:
    """The versions that parse, by number; one that doesn't says so itself, in its own condition."""
    found = []
    for parent in parents:
        spec = parse_spec(ModelVersionSpec, parent.spec)
        if not isinstance(spec, Invalid):
            status = parse_status(ModelVersionStatus, parent.status)
            found.append(Version(parent.name, parent.uid, parent.deleting, spec, status))
    return tuple(sorted(found, key=lambda v: v.number))


def version_name(model: str, number: int) -> str:
    return f"{model}-v{number}"


def next_number(status: ModelStatus, known: Sequence[Version], serving: Iterable[int] = ()) -> int:
    """One more than any number that was ever given, so that a deleted version's number never returns.

    Numbers that Deployments serve count, too: a Model that was deleted and comes back has forgotten its own.
    """
    return max([status.highest or 0, *(v.number for v in known), *serving]) + 1


def identity(spec: ModelSpec) -> str:
    """What makes a version: artifact and runtime as a person wrote them; `<source>-<runtime>`, 21 characters."""
    return f"{_hash(spec.source.wire())}-{_runtime_hash(spec)}"


def _runtime_hash(spec: ModelSpec) -> str:
    return _hash({"format": spec.format.wire(), "runtime": spec.runtime.wire() if spec.runtime else {}})


def _hash(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]


def same_input(spec: ModelSpec, frozen: FrozenRuntime, known: Sequence[Version]) -> Version | None:
    """The newest version with this very input, or with this digest under the same runtime."""
    wanted, runtime = identity(spec), _runtime_hash(spec)
    exact = [v for v in known if v.spec.identity == wanted]
    if exact:
        return exact[-1]
    if spec.source.digest is None:
        return None
    same = [v for v in known if v.digest == spec.source.digest and _same_runtime(v, runtime, frozen)]
    return same[-1] if same else None


def _same_runtime(version: Version, runtime: str, frozen: FrozenRuntime) -> bool:
    if version.spec.identity is not None:
        return version.spec.identity.endswith(f"-{runtime}")
    return version.spec.runtime == frozen


def manifest(owner: Owner, number: int, spec: ModelSpec, frozen: FrozenRuntime) -> Manifest:
    """The ModelVersion of the Model's present source."""
    version = ModelVersionSpec.model_validate(
        {
            "model": {"name": owner.name},
            "version": number,
            "format": spec.format.wire(),
            "source": spec.source.wire(),
            "runtime": frozen.wire(),
            "origin": Origin(type="Source").wire(),
            "identity": identity(spec),
            "metrics": spec.metrics,
            "lineage": spec.lineage.wire() if spec.lineage else None,
            "card": spec.card.wire() if spec.card else None,
            "contract": spec.gate.contract.wire() if spec.gate and spec.gate.contract else None,
        }
    )
    return wrap(owner, version)


def wrap(owner: Owner, version: ModelVersionSpec) -> Manifest:
    """A ModelVersion object of this Model."""
    labels = {MODEL: owner.name, VERSION: str(version.version)}
    return {
        "apiVersion": "linnet.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": metadata(owner, version_name(owner.name, version.version), labels),
        "spec": version.wire(),
    }
