"""Reads what the platform configured, as decisions see it: runtimes, its Prometheus, its endpoints, Linnet's image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from linnet.api.parts.hooks import Hooks
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.prometheus import query_template
from linnet.core.observed import Platform
from linnet.core.plan import Manifest
from linnet.core.serving.runtimes import catalogue
from linnet.runtimes import packaged
from linnet.settings import BadSettingError, Settings

F = TypeVar("F", bound=BaseModel)


def platform(settings: Settings) -> Platform:
    """Read the files that the settings name. BadSettingError names one that can't be used, and its wrong field."""
    files = [*packaged()]
    for path, data in _added(settings.runtimes_dir):
        files.append(data)
        _check(path, files)
    return Platform(
        catalogue=catalogue(files),
        image=settings.image,
        require_digest=settings.require_digest,
        image_pull_policy=settings.image_pull_policy,
        deny_egress=settings.deny_egress,
        prometheus=_prometheus(settings.prometheus_file),
        hooks=_read(Hooks, "LINNET_HOOKS_FILE", settings.hooks_file),
    )


def admission_policies(settings: Settings) -> tuple[Manifest, ...]:
    """Read the admission policies as they were shipped; none where the settings name no folder."""
    found = (
        [path.read_text() for path in sorted(Path(settings.policies_dir or "").glob("*.yaml"))]
        if settings.policies_dir
        else []
    )
    documents = (d for text in found for d in yaml.safe_load_all(text))
    return tuple(d for d in documents if isinstance(d, dict))


def _prometheus(file: str | None) -> PrometheusServer | None:
    """Read the server and its queries: one with a wrong placeholder stops the operator at its start, not a rollout."""
    server = _read(PrometheusServer, "LINNET_PROMETHEUS_FILE", file)
    wrong = ((name, query_template.problem(template)) for name, template in (server.queries if server else {}).items())
    if found := next(((name, said) for name, said in wrong if said), None):
        raise BadSettingError(f"LINNET_PROMETHEUS_FILE: {file}: queries.{found[0]}: {found[1]}")
    return server


def _read(type_: type[F], variable: str, file: str | None) -> F | None:
    """Return what the file of this variable holds; None if it is not set."""
    if file is None:
        return None
    place = f"{variable}: {file}"
    try:
        return type_.model_validate(yaml.safe_load(Path(file).read_text()))
    except ValidationError as error:
        raise BadSettingError(f"{place}: {_first(error)}") from error
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise BadSettingError(f"{place} can't be read: {_line(error)}") from error


def _check(path: Path, files: list[Any]) -> None:
    try:
        catalogue(files)
    except ValidationError as error:
        raise BadSettingError(f"LINNET_RUNTIMES_DIR: {path}: {_first(error)}") from error


def _added(folder: str | None) -> Iterator[tuple[Path, Any]]:
    """Iterate over the catalogue's files. Those that begin with a dot are the kubelet's own, and left out."""
    if folder is None:
        return
    path = Path(folder)
    if not path.is_dir():
        raise BadSettingError(f"LINNET_RUNTIMES_DIR={folder} is not a folder: create it, or unset the variable")
    for file in sorted(path.glob("[!.]*.yaml")):
        try:
            data = yaml.safe_load(file.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise BadSettingError(f"LINNET_RUNTIMES_DIR: {file} is no YAML: {_line(error)}") from error
        if not isinstance(data, dict) or "name" not in data:
            raise BadSettingError(f"LINNET_RUNTIMES_DIR: {file} is no runtime: it has no name")
        yield file, data


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{field}: {said.lower()}" if field else said


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
