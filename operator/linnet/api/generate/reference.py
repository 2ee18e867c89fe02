"""Makes the API's page for people from the types: `python -m linnet.api.generate.reference [--check] FILE`.

A field is described once, beside its type: `kubectl explain`, the CRDs and this page say the same words.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from linnet.api.generate.crds import KINDS, Kind, object_rules
from linnet.api.kinds.model import Uri
from linnet.api.names import API_VERSION
from linnet.api.parts import base, conditions
from linnet.api.parts.uri import RESERVED, SUPPORTED, one_of

Schema = dict[str, Any]

_WORDS: Final = {
    "duration": (base.Duration, "a Go duration in quotes or plain: `30s`, `5m`, `1h30m`, `250ms`"),
    "quantity": (base.Quantity, 'a number as a string: `"0.05"`, `"50m"`, `"10Gi"`'),
    "signed quantity": (base.SignedQuantity, 'a quantity that may be below zero: `"-0.2"`'),
    "integer or quantity": (
        base.IntOrQuantity,
        'as in Kubernetes\' own resource lists, a fraction in quotes: `1`, `"0.5"`, `"500m"`',
    ),
    "name": (base.Name, "the name of an object in the same namespace: lowercase letters, digits and `-`, at most 63"),
    "digest": (base.Digest, "`sha256:` and 64 hexadecimal digits"),
    "image": (base.Image, "a container image, with a tag or a digest"),
    "path": (base.HttpPath, "a path that begins with `/`"),
    "URI": (
        Uri,
        f"{one_of(f'`{scheme}://`' for scheme in SUPPORTED)}, without a user; "
        f"{one_of((f'`{scheme}`' for scheme in RESERVED), 'and')} are reserved",
    ),
    "condition type": (conditions.ConditionType, "one word, such as `Ready`, as `metav1.Condition` has it"),
    "reason": (conditions.ReasonWord, "one CamelCase word, as `metav1.Condition` has it"),
    "time": (base.Time, "an RFC 3339 time in UTC"),
}
"""Maps the word for a type to the type and its meaning."""
_HEAD: Final = """\
# API: `{version}`

Generated from `operator/linnet/api` by `make generate`; do not edit. The same words come from
`kubectl explain mld.spec.analysis`. All kinds are namespaced and belong to the category `linnet`.
Defaults are applied by the operator, not written into your objects. Some fields are refused for now with
`Ready=False/NotYetSupported`: the [README](../../README.md#what-is-not-yet-supported) lists them.

{kinds}

**Words for types**

| word | meaning |
|---|---|
{words}
"""


def page() -> str:
    """The whole page, as Markdown."""
    kinds = "\n".join(f"- [{k.name}](#{_anchor(k.name)}) (`{k.short}`): {_one_line(k.description)}" for k in KINDS)
    words = "\n".join(f"| {word} | {meaning} |" for word, (_, meaning) in _WORDS.items())
    parts = [_HEAD.format(version=API_VERSION, kinds=kinds, words=words)]
    parts += [_kind_section(kind) for kind in KINDS]
    shared = _shared()
    parts += ["## Types\n", *(_type_section(name, shared[name]) for name in sorted(shared))]
    return "\n".join(parts)


def _shared() -> dict[str, Schema]:
    """Every type that a spec or a status names."""
    found: dict[str, Schema] = {}
    for kind in KINDS:
        for part in (kind.spec, *([kind.status] if kind.status else [])):
            found |= _schema(part).get("$defs", {})
    return {name: schema for name, schema in found.items() if "properties" in schema}


def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True, mode="validation")


def _kind_section(kind: Kind) -> str:
    columns = ", ".join(f"{name}{' (wide)' if priority else ''}" for name, _, _, priority in kind.columns)
    limits = _bullets(object_rules(kind))
    status = f"### {kind.name} status\n\n{_body(_schema(kind.status))}" if kind.status else ""
    return (
        f"## {kind.name}\n\n{_one_line(kind.description)}\n\n"
        f"`kubectl get {kind.short}` shows: {columns}.\n\n{limits}\n"
        f"### {kind.name} spec\n\n{_body(_schema(kind.spec))}\n{status}"
    )


def _type_section(name: str, schema: Schema) -> str:
    return f"### {name}\n\n{_one_line(schema.get('description', ''))}\n\n{_body(schema)}"


def _body(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = [_row(name, field, name in required) for name, field in schema["properties"].items()]
    rules = _bullets(schema.get("x-kubernetes-validations", ()))
    table = "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]) if rows else "It has no fields."
    return f"{table}\n" + (f"\n{rules}" if rules else "")


def _bullets(rules: Any) -> str:
    bullets = "".join(f"- {_cell(rule['message'])}\n" for rule in rules)
    return f"The API server refuses what breaks a rule:\n\n{bullets}" if bullets else ""


def _row(name: str, field: Schema, required: bool) -> str:
    meaning = _one_line(field.get("description", ""))
    default = field.get("default")
    if default not in (None, [], "", False):
        meaning += f" `{default}` if left out."
    return f"| `{name}`{' (required)' if required else ''} | {_type_text(field)} | {_cell(meaning)} |"


def _type_text(field: Schema) -> str:
    """A field's type in words, with its bounds."""
    if "anyOf" in field:
        field = next(choice for choice in field["anyOf"] if choice.get("type") != "null")
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{_anchor(name)})"
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if word := _word(field):
        return word
    return {"array": _list, "object": _map, "integer": _integer, "string": _string}.get(
        field.get("type", ""), lambda _: str(field.get("type", "any"))
    )(field)


def _word(field: Schema) -> str | None:
    """The word for a type of our own, found by what makes it: its pattern or format."""
    for word, known in _KNOWN.items():
        if all(field.get(key) == value for key, value in known.items()):
            return word
    return None


def _of_type(type_: Any) -> Schema:
    schema = TypeAdapter(type_).json_schema()
    keys = ("pattern", "format", "x-kubernetes-int-or-string")
    return {key: schema[key] for key in keys if key in schema}


_KNOWN: Final = dict(
    sorted(((word, _of_type(type_)) for word, (type_, _) in _WORDS.items()), key=lambda pair: -len(pair[1]))
)
"""Maps a word to the marks of its type, most marks first: an integer or quantity has a quantity's pattern, too."""


def _list(field: Schema) -> str:
    return f"list of {_type_text(field['items'])}{_bounds(field, 'Items', 'items')}"


def _map(field: Schema) -> str:
    values = field.get("additionalProperties")
    if not isinstance(values, dict):
        return "object, as Kubernetes has it"
    return f"map of {_type_text(values)}{_bounds(field, 'Properties', 'entries')}"


def _integer(field: Schema) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and most is not None:
        return f"integer, {least:,} to {most:,}"
    return "integer" if least is None else f"integer, at least {least}"


def _string(field: Schema) -> str:
    pattern = f", `{field['pattern']}`".replace("|", "\\|") if "pattern" in field else ""
    return f"string{pattern}{_bounds(field, 'Length', 'characters')}"


def _bounds(field: Schema, what: str, unit: str) -> str:
    most = field.get(f"max{what}")
    return f", at most {most:,} {unit}" if most is not None else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def main(argv: list[str] | None = None) -> int:
    """Writes the page, or with --check returns 1 if it is stale."""
    parser = argparse.ArgumentParser(prog="python -m linnet.api.generate.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is stale")
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    text = page().rstrip("\n") + "\n"
    fresh = options.file.exists() and options.file.read_text() == text
    if options.check:
        if not fresh:
            sys.stderr.write(f"{options.file} is stale: run `make generate`\n")
        return 0 if fresh else 1
    if not fresh:
        options.file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
