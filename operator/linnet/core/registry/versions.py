"""Versions of a Model: their numbers, their names, and which of them is the same input again."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from linnet.api.kinds.model import ModelSpec, ModelStatus
from linnet.api.kinds.model_version import MOST_VERSIONS, ModelVersionSpec, ModelVersionStatus, Origin
from linnet.api.kinds.retrain_policy import RetrainPolicyStatus
from linnet.api.labels import MODEL, VERSION
from linnet.api.parts.conditions import Condition, find, is_true
from linnet.api.parts.runtime import FrozenRuntime
from linnet.core.parse import Invalid, parse_spec, parse_status
from linnet.core.plan import Manifest
from linnet.core.resources.metadata import Owner, metadata
from linnet.core.resources.objects import Parent
from linnet.core.serving import images

IMPORTS_AHEAD: Final = 1000
"""So far beyond Linnet's own numbers an imported one still counts as given."""


@dataclass(frozen=True)
class Version:
    """A ModelVersion, parsed."""

    name: str
    uid: str
    deleting: bool
    spec: ModelVersionSpec
    status: ModelVersionStatus
    owner: str | None = None
    """The uid of its controller."""

    def is_made_by(self, model: ModelStatus) -> bool:
        """Whether Linnet made it for the Model of this status: whoever may create versions may write any spec."""
        return words(model).get(self.number) == made(self.spec)

    @property
    def contradicts_itself(self) -> bool:
        """Whether another artifact was found than its spec names."""
        named, found = self.spec.source.digest, self.status.digest
        return named is not None and found is not None and named != found

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
            found.append(Version(parent.name, parent.uid, parent.deleting, spec, status, parent.owner))
    return tuple(sorted(found, key=lambda v: v.number))


def version_name(model: str, number: int) -> str:
    return f"{model}-v{number}"


def highest(status: ModelStatus, known: Sequence[Version]) -> int:
    """The highest number that counts as given: what somebody imports far beyond it would use the numbers up."""
    given = status.highest or 0
    own = max([given, *(v.number for v in known if v.is_made_by(status))])
    return max([own, *(v.number for v in known if v.number <= own + IMPORTS_AHEAD)])


def next_number(status: ModelStatus, known: Sequence[Version], serving: Iterable[int] = ()) -> int | None:
    """One more than any number that was ever given, so that a deleted version's number never returns; None: no more.

    Numbers that Deployments serve count, too: a Model that was deleted and comes back has forgotten its own.
    """
    taken = {v.number for v in known}
    number = max([highest(status, known), *serving]) + 1
    while number in taken:
        number += 1
    return number if number <= MOST_VERSIONS else None


def identity(spec: ModelSpec) -> str:
    """What makes a version: artifact and runtime as a person wrote them; `<source>-<runtime>`, 65 characters."""
    return f"{_hash(spec.source.wire())}-{_runtime_hash(spec)}"


def _runtime_hash(spec: ModelSpec) -> str:
    return _hash({"format": spec.loaded_as.wire(), "runtime": spec.runtime.wire() if spec.runtime else {}})


def _hash(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]


def made(spec: ModelVersionSpec) -> str:
    """The hash by which Linnet knows a version again that it made."""
    return _hash(spec.wire())


def words(status: ModelStatus) -> Mapping[int, str]:
    """Version → hash of what Linnet made. The status is the operator's own; a version may be written by anybody."""
    return {v.version: v.made for v in status.versions or () if v.made is not None}


def is_still(version: Version, model: ModelStatus) -> bool:
    """Whether this is the version of its number that the Model knows, and none that took a deleted one's name."""
    if version.number in words(model):
        return version.is_made_by(model)
    return model.current_digest is None or version.digest in {None, model.current_digest}


def same_input(
    model: Parent, status: ModelStatus, spec: ModelSpec, frozen: FrozenRuntime, known: Sequence[Version]
) -> Version | None:
    """The newest version with this very input, or with this digest under the same runtime.

    What a version says of its own identity counts only if Linnet made it; another is compared field by field.
    """
    sound = [v for v in known if not v.contradicts_itself]
    exact = [v for v in sound if _is_of(v, model, status, spec, frozen)]
    if exact:
        return exact[-1]
    if spec.source.digest is None:
        return None
    same = [v for v in sound if v.digest == spec.source.digest and _same_runtime(v, status, spec, frozen)]
    return same[-1] if same else None


def _is_of(version: Version, model: Parent, status: ModelStatus, spec: ModelSpec, frozen: FrozenRuntime) -> bool:
    if version.is_made_by(status):
        return version.spec.identity == identity(spec)
    if version.spec.source.wire() != spec.source.wire():
        return False
    if not words(status) and version.owner == model.uid and version.spec.identity == identity(spec):
        return True  # the status was lost, as in a restore: nobody could know the uid before the Model was there
    return _would_be_made(version, spec, frozen)


def _same_runtime(version: Version, status: ModelStatus, spec: ModelSpec, frozen: FrozenRuntime) -> bool:
    if version.is_made_by(status) and version.spec.identity is not None:
        return version.spec.identity.endswith(f"-{_runtime_hash(spec)}")
    return _would_be_made(version, spec, frozen)


def _would_be_made(version: Version, spec: ModelSpec, frozen: FrozenRuntime) -> bool:
    """Whether a version of now would be run and tried in the same way."""
    contract = spec.gate.contract if spec.gate else None
    found = version.spec
    judged_alike = found.origin.type != "Import" or found.metrics == spec.metrics
    return judged_alike and (found.format, found.runtime, found.contract) == (spec.loaded_as, frozen, contract)


def is_retrained(version: Version, model: str, policies: Iterable[RetrainPolicyStatus]) -> bool:
    """Whether a run of a policy made the version, by that policy's own status; `model` is the Model's uid."""
    origin = version.spec.origin
    if origin.type != "Retrain" or version.owner != model:
        return False
    runs = (run for status in policies for run in status.runs or ())
    return any(run.job == origin.job and run.version == version.number and run.outcome == "Succeeded" for run in runs)


def version_spec(model: str, number: int, spec: ModelSpec, frozen: FrozenRuntime) -> ModelVersionSpec:
    """What the version of the Model's present source is."""
    return ModelVersionSpec.model_validate(
        {
            "model": {"name": model},
            "version": number,
            "format": spec.loaded_as.wire(),
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


def wrap(owner: Owner, version: ModelVersionSpec) -> Manifest:
    """A ModelVersion object of this Model."""
    labels = {MODEL: owner.name, VERSION: str(version.version)}
    return {
        "apiVersion": "linnet.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": metadata(owner, version_name(owner.name, version.version), labels),
        "spec": version.wire(),
    }
