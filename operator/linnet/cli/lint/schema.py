"""What the API server would say of an object by its kind's schema: JSON types, patterns, CEL rules, map keys."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from linnet.api.generate.crds import Kind, crd
from linnet.cli.lint.cel import compiled, text

Schema = Mapping[str, Any]
Ask = Callable[[Schema, Any, str], Iterator[str]]
"""What is looked for in one value: of its schema, the value, and its path."""
_JSON: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


def refusals(kind: Kind, item: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that begin with the field's path. A rule about what the object was before says nothing here.

    As with the API server, no rule is asked of values of other types than its author had in mind.
    """
    whole = {"apiVersion": item["apiVersion"], "kind": item["kind"], "spec": item.get("spec")}
    whole["metadata"] = {"name": str(item["metadata"].get("name") or "")}
    yield from tuple(_of(_schema(kind), whole, "", _types)) or _of(_schema(kind), whole, "", _rules)


@cache
def _schema(kind: Kind) -> Schema:
    """The kind's schema, made once: that takes as long as thousands of rules."""
    found: Schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def _of(schema: Schema, value: Any, path: str, ask: Ask) -> Iterator[str]:
    """What is found of the value, and of its parts."""
    yield from ask(schema, value, path)
    if isinstance(value, dict):
        known, others = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, part in value.items():
            if (below := known.get(key, others)) and part is not None:
                yield from _of(below, part, f"{path}.{key}".lstrip("."), ask)
    elif isinstance(value, list) and "items" in schema:
        for index, part in enumerate(value):
            yield from _of(schema["items"], part, f"{path}[{index}]", ask)


def _types(schema: Schema, value: Any, path: str) -> Iterator[str]:
    expected = schema.get("type")
    if expected is not None and not _fits(value, expected):
        yield f"{path}: must be of type {expected}, not {type(value).__name__}{_quoted(value, expected)}"


def _rules(schema: Schema, value: Any, path: str) -> Iterator[str]:
    rules = schema.get("x-kubernetes-validations") or ()
    if not rules and isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: should match {schema['pattern']}"
    for rule in rules:
        if "oldSelf" not in rule["rule"] and not compiled(rule["rule"])({"self": value}):
            yield f"{path}{rule.get('fieldPath', '')}".lstrip(".") + f": {_message(rule, value)}"
    if isinstance(value, list):
        yield from _twice(schema, value, path)


def _message(rule: Mapping[str, str], value: Any) -> str:
    """The rule's message: what an expression makes of the value, where it has one."""
    return text(rule["messageExpression"])({"self": value}) if "messageExpression" in rule else rule["message"]


def _fits(value: Any, expected: str) -> bool:
    """True is no integer, though Python has it so."""
    return isinstance(value, _JSON[expected]) and (expected == "boolean" or not isinstance(value, bool))


def _quoted(value: Any, expected: str) -> str:
    """The way out for a number where a string belongs."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f": write '{value}', in quotes" if number and expected == "string" else ""


def _twice(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    """Items of a list that is a map by some keys, or a set."""
    keys, seen = schema.get("x-kubernetes-list-map-keys") or (), set()
    alone = schema.get("x-kubernetes-list-type") == "set"
    for index, part in enumerate(value if keys or alone else ()):
        key = (part,) if alone else tuple(part.get(k) for k in keys)
        if key in seen:
            yield f"{path}[{index}]: there is another {', '.join(map(str, key))}"
        seen.add(key)
