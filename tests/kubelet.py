"""What the kubelet does with a container before it starts: volumes of Secrets, variables, and `$(NAME)` in both.

Its expansion is that of Kubernetes' third_party/forked/golang/expansion, told again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value, if there is one, and `$$` becomes `$`; every other `$` stays."""
    out, at = [], 0
    while at < len(text):
        taken, width = _read(text[at:], variables)
        out.append(taken)
        at += width
    return "".join(out)


def _read(text: str, variables: Mapping[str, str]) -> tuple[str, int]:
    if text[0] != "$" or len(text) == 1:
        return text[0], 1
    if text[1] == "$":
        return "$", 2
    closing = text.find(")")
    if text[1] != "(" or closing < 0:
        return text[:2], 2
    name = text[2:closing]
    return variables.get(name, f"$({name})"), closing + 1


def containers(manifest: Any) -> Iterator[Json]:
    """Every container of a manifest, wherever its pod stands in it."""
    if isinstance(manifest, list):
        for each in manifest:
            yield from containers(each)
    elif isinstance(manifest, dict):
        for key, value in manifest.items():
            if key in ("containers", "initContainers", "ephemeralContainers"):
                yield from value
            yield from containers(value)


def expanded(container: Json, variables: Mapping[str, str]) -> list[str]:
    """What the container gets as its command, its arguments and its literal variables."""
    texts = [*container.get("command", ()), *container.get("args", ())]
    texts += [variable["value"] for variable in container.get("env", ()) if "value" in variable]
    return [expand(text, variables) for text in texts]


@dataclass(frozen=True)
class Node:
    """A node whose root is a folder, in a namespace with these Secrets."""

    root: Path
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def started(self, container: Json, volumes: list[Json]) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment of the container, whose volumes lie below `root` instead of `/`."""
        by_name = {volume["name"]: volume for volume in volumes}
        moved = {}
        for mount in container["volumeMounts"]:
            place = self.root / mount["mountPath"].lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            moved[mount["mountPath"]] = str(place)
            self._fill(place, by_name[mount["name"]])
        environ = self._environ(container)
        arguments = [expand(text, environ) for text in container["args"]]
        return [moved.get(text, text) for text in arguments], environ

    def _fill(self, place: Path, volume: Json) -> None:
        for source in volume.get("projected", {}).get("sources", ()):
            secret = self.secrets.get(source["secret"]["name"], {})
            for item in source["secret"]["items"]:
                if item["key"] in secret:
                    (place / item["path"]).write_text(secret[item["key"]])

    def _environ(self, container: Json) -> dict[str, str]:
        environ: dict[str, str] = {}
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference is None:
                environ[variable["name"]] = expand(variable.get("value", ""), environ)
            elif reference["key"] in self.secrets.get(reference["name"], {}):
                environ[variable["name"]] = self.secrets[reference["name"]][reference["key"]]
        return environ
