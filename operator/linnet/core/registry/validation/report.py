"""What the fetcher and the prober say of an artifact, read defensively from their termination messages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from linnet.api.kinds.model import Lineage
from linnet.api.parts.base import DIGEST, parse_signed
from linnet.core.resources.objects import ContainerState
from linnet.foreign.document import ForeignError, read_object
from linnet.foreign.text import last_words, printable


@dataclass(frozen=True)
class Report:
    """What a container reports. `outcome` is Fetched, Validated or Failed; `reason` and `message` belong to Failed."""

    outcome: str
    reason: str = ""
    message: str = ""
    digest: str | None = None
    size: int | None = None
    metrics: Mapping[str, Decimal] = field(default_factory=dict)
    lineage: Lineage | None = None


def read(container: ContainerState | None) -> Report | None:
    """A container's report: None while it has not ended, Failed with its own words where it left none."""
    if container is None or container.exit_code is None:
        return None
    try:
        data = read_object(container.message)
    except ForeignError:
        return _silent(container)
    if "outcome" not in data or not _is_digest(data.get("digest")):
        return _silent(container)
    return _parse(data)


def _is_digest(said: object) -> bool:
    return said is None or (isinstance(said, str) and re.fullmatch(DIGEST, said) is not None)


def _size(said: object) -> int | None:
    """The artifact's bytes; None for what no artifact has."""
    return said if type(said) is int and said >= 0 else None


def _silent(container: ContainerState) -> Report:
    reason = container.terminated or "Error"
    words = last_words(container.message, 400)
    return Report(
        "Failed",
        reason,
        f"container {container.name} ended with {reason}, exit code {container.exit_code}, without a report"
        + (f": {words}" if words else ""),
    )


def _parse(data: Mapping[str, Any]) -> Report:
    about = data.get("linnet") if isinstance(data.get("linnet"), dict) else {}
    assert isinstance(about, dict)
    return Report(
        outcome=printable(data["outcome"], 64),
        reason=printable(data.get("reason", ""), 64),
        message=printable(data.get("message", ""), 1024),
        digest=data.get("digest"),
        size=_size(data.get("bytes")),
        metrics=_metrics(about.get("metrics")),
        lineage=_lineage(about.get("lineage")),
    )


def _metrics(data: Any) -> dict[str, Decimal]:
    out = {}
    for name, value in data.items() if isinstance(data, dict) else ():
        try:
            out[str(name)[:63]] = parse_signed(str(value))
        except ValueError:
            continue
    return dict(list(out.items())[:64])


def _lineage(data: Any) -> Lineage | None:
    known = {f.alias or name for name, f in Lineage.model_fields.items()}
    try:
        return Lineage.model_validate({k: v for k, v in data.items() if k in known}) if isinstance(data, dict) else None
    except ValidationError:
        return None
