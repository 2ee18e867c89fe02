"""What a training run says that it made, checked before it is believed, and the ModelVersion that follows.

The claim is the termination message of the container `train`: JSON `{uri, digest, metrics, lineage}`. It needs no
network and no rights, and proves nothing: schema, scheme and digest are checked here, the artifact by the fetcher.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator

from linnet.api.kinds.model import Artifact, Lineage, ModelSpec, Uri
from linnet.api.kinds.model_version import ModelVersionSpec, Origin
from linnet.api.parts.base import Digest, QuantityMap, StatusWire, StringMap, Text
from linnet.api.parts.runtime import FrozenRuntime
from linnet.api.parts.uri import SUPPORTED, Location, NotYetSupportedError, Scheme, UriError, one_of, shown
from linnet.core.parse import Invalid, parse_spec
from linnet.core.plan import Manifest
from linnet.core.registry.versions import wrap
from linnet.core.resources.metadata import Owner
from linnet.foreign.document import ForeignError, read_object

LIMIT: Final = 4096
"""Bytes: the kubelet keeps no more of a container's termination message."""
_DECIMALS: Final = 12
_DIGITS: Final = 15
"""Before and after the point: what a quantity of the API may have."""
_WRITE: Final = 'write {"uri": "s3://…", "digest": "sha256:…", "metrics": {"auc": 0.99}} to /dev/termination-log'


@dataclass(frozen=True)
class Claim:
    """A claim that can be believed until the fetcher has seen the artifact."""

    uri: str
    digest: str
    metrics: Mapping[str, Decimal]
    lineage: Lineage | None


@dataclass(frozen=True)
class Refusal:
    """Why the claim is not believed: a sentence for whoever wrote the training code."""

    message: str


def read(message: str) -> Claim | Refusal:
    """The claim in a termination message. Keys that Linnet does not know are passed over."""
    if not message.strip():
        return Refusal(f"the termination message is empty: {_WRITE}")
    size = len(message.encode(errors="replace"))
    if size > LIMIT:
        return Refusal(f"the termination message has {size} bytes; {LIMIT} are allowed")
    try:
        data = read_object(message, exact=True)
    except ForeignError as error:
        cut = f"; it has {LIMIT} bytes, all that Kubernetes keeps, so it was cut" if size == LIMIT else ""
        return Refusal(f"the termination message can't be read: {error}{cut}: {_WRITE}")
    return _checked(data)


def misplaced(claimed: str, output: str | None, source: str | None) -> str | None:
    """Why a claimed artifact lies where this training may not put one; None if it lies where it should.

    `output` is spec.training.output.uri, and `source` where the Model's own artifact lies. The artifact is fetched with
    the Model's credentials, and must not be another team's; a volume can be mounted by nobody else's consent.
    """
    place = Location.parse(claimed)
    own = _read(source)
    if place.scheme is Scheme.PVC and (own is None or not place.within(own.at_root)):
        return f"uri: {shown(claimed)} is on another claim than the Model's own source: write it to that one"
    allowed = _read(output) if output is not None else own and own.at_root
    if allowed is None:
        return f"uri: nothing says where {shown(claimed)} may lie: name the place in spec.training.output.uri"
    if place.within(allowed):
        return None
    where = "spec.training.output.uri" if output is not None else "the place of its Model's own source"
    advice = "write it there" if output is not None else "write it there, or name a place in spec.training.output.uri"
    return f"uri: {shown(claimed)} is not below {shown(allowed.full)}, {where}: {advice}"


def _read(uri: str | None) -> Location | None:
    try:
        return Location.parse(uri) if uri is not None else None
    except UriError:
        return None


def version(
    owner: Owner, number: int, spec: ModelSpec, frozen: FrozenRuntime, claim: Claim, origin: Origin
) -> Manifest:
    """The ModelVersion of an accepted claim: the Model's format and runtime as they are now, the claim's artifact."""
    contract = spec.gate.contract if spec.gate else None
    return wrap(
        owner,
        ModelVersionSpec.model_validate(
            {
                "model": {"name": owner.name},
                "version": number,
                "format": spec.loaded_as,
                "source": Artifact(uri=claim.uri, digest=claim.digest, credentials=spec.source.credentials),
                "runtime": frozen,
                "origin": origin,
                "metrics": dict(claim.metrics) or None,
                "lineage": claim.lineage,
                "card": spec.card,
                "contract": contract,
            }
        ),
    )


def _checked(data: Mapping[str, Any]) -> Claim | Refusal:
    found = parse_spec(_Claim, data, root="")
    if isinstance(found, Invalid):
        return Refusal(found.message)
    lineage = Lineage.model_validate(found.lineage.model_dump()) if found.lineage else None
    return Claim(found.uri, found.digest, found.metrics or {}, lineage)


def _fetchable(uri: str) -> str:
    try:
        return Location.parse(uri).full
    except NotYetSupportedError as error:
        raise ValueError(f"{error}; write the artifact to {one_of(SUPPORTED)}") from error


def _each(convert: Callable[[Any], Any]) -> BeforeValidator:
    """A validator that converts every value of a JSON object; what is no object is left to the type."""
    return BeforeValidator(
        lambda given: {k: convert(v) for k, v in given.items()} if isinstance(given, dict) else given
    )


def _quantity(value: Any) -> Any:
    """A JSON number as the API's quantity: 0.991 stays, 1E-5 is 0.00001. What is no number is left to the type."""
    if isinstance(value, Decimal):
        if value.adjusted() >= _DIGITS:
            raise ValueError(f"{value:.3E} is larger than a quantity may be")
        return f"{value + 0:.{_DECIMALS}f}"  # + 0: the sign of a negative zero goes
    if not isinstance(value, str):
        raise ValueError("a metric is a number")  # noqa: TRY004 (pydantic reports ValueError only)
    return value


def _text(value: Any) -> Any:
    """A parameter as text: 6 is "6", true is "true"."""
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value) if isinstance(value, bool) else value


class _Lineage(StatusWire):
    """As Lineage, but unknown keys are passed over."""

    code: Text | None = None
    data: Text | None = None
    parameters: Annotated[StringMap, _each(_text)] | None = None
    image: Text | None = None
    trained_by: Text | None = None


class _Claim(StatusWire):
    uri: Annotated[Uri, AfterValidator(_fetchable)]
    digest: Digest
    metrics: Annotated[QuantityMap, _each(_quantity)] | None = None
    lineage: _Lineage | None = None
