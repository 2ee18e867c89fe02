"""JSON schemas for kubeconform, made without any download from the web.

Those of Kubernetes' own kinds come from the swagger.json inside the pinned `k8s.io/kubernetes` Go module, ours
from crds/. All are strict: a field that is not in them is an error.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from hack.cluster import layout
from hack.cluster.programs import golang, parts
from hack.cluster.steps import say

Schema = dict[str, Any]
INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
LOOSE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"oneOf": INT_OR_STRING},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "number"}, {"type": "string"}]},
}
"""Definitions that the swagger calls strings, though numbers are accepted too."""


def folder() -> Path:
    """The folder with `<group>_<kind>_<version>.json`. Kubernetes' are made once for each version, ours each time."""
    made = layout.cache() / f"schemas-{version()}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    if not made.exists():
        say(f"schemas of Kubernetes {version()}")
        partial = made.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial, kubernetes(json.loads(swagger().read_text())["definitions"]))
        partial.rename(made)
    write(made, own(layout.REPO / "crds"))
    return made


def version() -> str:
    return parts.pinned((parts.KUBERNETES / "go.mod").read_text(), "k8s.io/kubernetes")


def swagger() -> Path:
    """The API's description, in the module cache of the build."""
    return golang.module(parts.KUBERNETES, "k8s.io/kubernetes") / "api" / "openapi-spec" / "swagger.json"


def write(target: Path, schemas: Iterator[tuple[str, Schema]]) -> None:
    for name, schema in schemas:
        (target / name).write_text(json.dumps(schema))


def file_name(group: str, version: str, kind: str) -> str:
    """As kubeconform fills the pattern that it is given; it takes the core group's version for its name.

    >>> file_name("apps", "v1", "Deployment"), file_name("", "v1", "Pod")
    ('apps_deployment_v1.json', 'v1_pod_v1.json')
    """
    return f"{group or version}_{kind.lower()}_{version}.json"


def kubernetes(definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """One self-contained schema for each kind."""
    for name, definition in definitions.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            used = {key: strict(LOOSE.get(key, definitions[key])) for key in reachable(name, definitions)}
            schema = {"$ref": f"#/definitions/{name}", "definitions": used}
            yield file_name(gvk["group"], gvk["version"], gvk["kind"]), schema


def reachable(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [ref.rsplit("/", 1)[1] for ref in references(definitions[key])]
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def own(crds: Path) -> Iterator[tuple[str, Schema]]:
    """One schema for each version of each of our kinds."""
    for path in sorted(crds.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        for served in spec["versions"]:
            schema = strict(served["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            yield file_name(spec["group"], served["name"], spec["names"]["kind"]), schema


def strict(schema: Schema) -> Schema:
    """The schema with unknown fields refused wherever fields are named."""
    out = {key: strict(value) if key in {"items", "additionalProperties"} else value for key, value in schema.items()}
    if out.pop("x-kubernetes-int-or-string", False) is True:
        out["oneOf"] = INT_OR_STRING
    if "properties" in out:
        out["properties"] = {name: strict(field) for name, field in out["properties"].items()}
        out.setdefault("additionalProperties", False)
    return out
