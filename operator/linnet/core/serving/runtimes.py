"""The runtime catalogue: which server loads which format, and how a version freezes it.

Each `runtimes/*.yaml` is one server; a platform adds its own or overrides fields by Helm values. Names in
`$(…)` are replaced once, when a version is made: MODEL_NAME (the Model's name) and MODEL_DIR (the artifact).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import field_validator

from linnet.api.kinds.model import Format, ModelSpec
from linnet.api.parts.base import Arguments, Duration, HttpPath, Image, Name, Token, Wire
from linnet.api.parts.pod import EnvVar
from linnet.api.parts.runtime import FrozenRuntime, Runtime, RuntimeMetrics, RuntimePorts

MODEL_DIR: Final = "/mnt/models"


class SupportedFormat(Wire):
    """A format that the server loads, and what it needs for that."""

    name: Name
    """The format, as in Model.spec.format.name."""
    versions: list[Token] | None = None
    """Versions of the format; any if left out."""
    env: list[EnvVar] | None = None
    """Environment that chooses this format's loader."""


class CatalogueEntry(Wire):
    """One server of the catalogue; `docs/reference/runtimes.md` describes the file."""

    name: Name
    """As in Model.spec.runtime.name."""
    image: Image | None = None
    """The default image; without one each Model names its own."""
    priority: int = 0
    """Among servers of the same format the highest is chosen."""
    formats: list[SupportedFormat]
    """What it loads."""
    args: Arguments | None = None
    """The server's arguments."""
    env: list[EnvVar] | None = None
    """The server's environment."""
    ports: RuntimePorts
    """The server's ports."""
    protocol: Literal["v2", "v1", "openai", "http"]
    """The server's inference protocol."""
    ready_path: str
    """Answers 200 once the model is loaded; may hold $(MODEL_NAME)."""
    live_path: HttpPath | None = None
    """Answers 200 while the process is sound."""
    startup: Duration | None = None
    """How long loading may take."""
    metrics: RuntimeMetrics | None = None
    """Where its requests are counted; label values may hold $(MODEL_NAME)."""

    @field_validator("metrics")
    @classmethod
    def _tells_of_requests(cls, metrics: RuntimeMetrics | None) -> RuntimeMetrics | None:
        if metrics is not None and metrics.requests is None:
            raise ValueError("metrics name requests; leave metrics out for a server that exposes none")
        return metrics


class UnknownRuntimeError(LookupError):
    """No server of the catalogue fits; the message names those that there are."""


@dataclass(frozen=True)
class Catalogue:
    """All servers that the platform offers, by name."""

    entries: Mapping[str, CatalogueEntry] = field(default_factory=dict)


def catalogue(files: Iterable[Mapping[str, Any]]) -> Catalogue:
    """Later files override fields of earlier ones of the same name. pydantic's ValidationError on a bad file."""
    merged: dict[str, dict[str, Any]] = {}
    for data in files:
        merged[data["name"]] = {**merged.get(data["name"], {}), **data}
    return Catalogue({name: CatalogueEntry.model_validate(data) for name, data in merged.items()})


def freeze(model_name: str, spec: ModelSpec, known: Catalogue) -> FrozenRuntime:
    """The runtime of a new version. UnknownRuntimeError if no server fits."""
    asked = spec.runtime
    if asked is not None and asked.name == "custom":
        return _fill(_custom(asked), model_name)
    entry = _choose(asked, spec.loaded_as, known)
    return _fill(_from_entry(entry, asked, spec.loaded_as), model_name)


def _choose(asked: Runtime | None, format_: Format, known: Catalogue) -> CatalogueEntry:
    if asked is not None:
        if asked.name not in known.entries:
            raise UnknownRuntimeError(
                f"spec.runtime.name: {asked.name!r} is not in the platform's catalogue; "
                f"known are {', '.join(sorted(known.entries)) or 'none'}, and custom"
            )
        return known.entries[asked.name]
    fitting = [e for e in known.entries.values() if supported(e, format_)]
    if not fitting:
        formats = sorted({f.name for e in known.entries.values() for f in e.formats})
        raise UnknownRuntimeError(
            f"spec.format.name: no runtime of the catalogue loads {format_.name!r}; known are "
            f"{', '.join(formats) or 'none'}. Name another format, or set spec.runtime.name to custom"
        )
    return max(fitting, key=lambda e: (e.priority, e.name))


def supported(entry: CatalogueEntry, format_: Format) -> SupportedFormat | None:
    """The entry's way of loading the format; None if it can't."""
    for known in entry.formats:
        same_version = format_.version is None or known.versions is None or format_.version in known.versions
        if known.name == format_.name and same_version:
            return known
    return None


def _from_entry(entry: CatalogueEntry, asked: Runtime | None, format_: Format) -> dict[str, Any]:
    chosen, image = supported(entry, format_), (asked and asked.image) or entry.image
    if image is None:
        raise UnknownRuntimeError(
            f"spec.runtime.image: {entry.name} has no image for all models: name the one that was built for this model"
        )
    env = [*(entry.env or ()), *((chosen and chosen.env) or ()), *((asked and asked.env) or ())]
    return {
        "name": entry.name,
        "image": image,
        "args": (asked and asked.args) or entry.args,
        "env": _last_wins(env) or None,
        "ports": entry.ports,
        "protocol": entry.protocol,
        "ready_path": entry.ready_path,
        "live_path": entry.live_path,
        "startup": entry.startup,
        "metrics": _metrics(entry, asked),
    }


def _metrics(entry: CatalogueEntry, asked: Runtime | None) -> RuntimeMetrics | None:
    """The server's, and what this model counts itself."""
    own = asked.metrics if asked is not None else None
    if own is None:
        return entry.metrics
    if entry.metrics is None:
        raise UnknownRuntimeError(
            f"spec.runtime.metrics: {entry.name} exposes no metrics page that a model could add to; "
            "leave it out, or set spec.runtime.name to custom"
        )
    histograms = {h.name: h for h in (*(entry.metrics.histograms or ()), *(own.histograms or ()))}
    added = {
        "histograms": list(histograms.values()) or None,
        "feedback": own.feedback or entry.metrics.feedback,
        "predictions": own.predictions or entry.metrics.predictions,
    }
    return entry.metrics.model_copy(update=added)


def _custom(asked: Runtime) -> dict[str, Any]:
    return {
        "name": asked.name,
        "image": asked.image,
        "args": asked.args,
        "env": asked.env,
        "ports": asked.ports,
        "protocol": asked.protocol or "http",
        "ready_path": asked.ready_path,
        "live_path": asked.live_path,
        "metrics": asked.metrics,
    }


def _last_wins(env: Iterable[EnvVar]) -> list[EnvVar]:
    return list({variable.name: variable for variable in env}.values())


def _fill(parts: dict[str, Any], model_name: str) -> FrozenRuntime:
    plain = FrozenRuntime.model_construct(**{k: v for k, v in parts.items() if v is not None})
    return FrozenRuntime.model_validate(_replace(plain.wire(), model_name))


def _replace(value: Any, model_name: str) -> Any:
    if isinstance(value, str):
        return value.replace("$(MODEL_NAME)", model_name).replace("$(MODEL_DIR)", MODEL_DIR)
    if isinstance(value, dict):
        return {k: _replace(v, model_name) for k, v in value.items()}
    return [_replace(v, model_name) for v in value] if isinstance(value, list) else value
