"""Converts pydantic's JSON schema into the structural OpenAPI v3 that an API server accepts.

A raw pydantic schema is refused: it has `$ref`, `anyOf` with null, `const`, `additionalProperties: false` and
titles. Recursive types and unions (other than with null) are refused here, since no structural schema has them.
"""

from typing import Any

from pydantic import BaseModel

from linnet.api.parts.base import MOST

Schema = dict[str, Any]
_DROPPED = frozenset({"title", "default", "additionalProperties", "$defs", "format_"})


class UnsupportedSchemaError(TypeError):
    """The type has no structural schema; the message names the place."""


def structural(model: type[BaseModel]) -> Schema:
    """The schema of one part of an object, inlined, with descriptions and CEL rules."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(raw, raw.get("$defs", {}), (model.__name__,))


def _convert(node: Schema, defs: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    if "$ref" in node:
        return _reference(node, defs, path)
    if "anyOf" in node:
        return _optional(node, defs, path)
    if "allOf" in node or "oneOf" in node:
        raise UnsupportedSchemaError(f"{'.'.join(path)}: only unions with None have a structural schema")
    out = {k: v for k, v in node.items() if k not in _DROPPED}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in out:
            out[bound.lower()] = out[f"exclusive{bound}"]
            out[f"exclusive{bound}"] = True
    if isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _convert(node["additionalProperties"], defs, (*path, "*"))
    return _children(out, defs, path)


def _children(out: Schema, defs: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    if "items" in out:
        out["items"] = _convert(out["items"], defs, (*path, "[]"))
        out.setdefault("x-kubernetes-list-type", "atomic")
    if out.get("type") == "integer":
        out |= {"format": "int64", "maximum": min(out.get("maximum", MOST), MOST)}
    if "properties" in out:
        out["properties"] = {k: _convert(v, defs, (*path, k)) for k, v in out["properties"].items()}
    out.pop("propertyNames", None)  # structural schemas don't have it
    if out.get("description"):
        out["description"] = " ".join(out["description"].split())
    return out


def _reference(node: Schema, defs: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    name = node["$ref"].rsplit("/", 1)[1]
    if name in path:
        raise UnsupportedSchemaError(f"{'.'.join(path)}: {name} is recursive")
    beside = {k: v for k, v in node.items() if k not in {"$ref", *_DROPPED}}
    return {**_convert(defs[name], defs, (*path, name)), **_tidy(beside)}


def _optional(node: Schema, defs: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    kinds = [k for k in node["anyOf"] if k.get("type") != "null"]
    if len(kinds) != 1:
        raise UnsupportedSchemaError(f"{'.'.join(path)}: only unions with None have a structural schema")
    beside = {k: v for k, v in node.items() if k not in {"anyOf", *_DROPPED}}
    return {**_convert(kinds[0], defs, path), **_tidy(beside)}


def _tidy(node: Schema) -> Schema:
    return {k: " ".join(v.split()) if k == "description" else v for k, v in node.items()}
