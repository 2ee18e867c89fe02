"""The wire types that every kind shares: bounded strings, Go durations, quantity strings, and the base class.

Every field is bounded, because the API server refuses CEL rules whose worst case it can't bound.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from linnet.foreign.text import clean_document

_UNITS: Final = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
    "us": Decimal("0.000001"),
}
_DURATION: Final = r"^([0-9]{1,9}(\.[0-9]{1,6})?(h|ms|m|s|us))+$"
_SUFFIXES: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}
_QUANTITY: Final = r"^[0-9]{1,15}(\.[0-9]{1,12})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
_INT64: Final = 2**63
_LABEL_VALUE: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Rule = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, str]
"""A CEL rule, the message when it fails, the field that is to blame where it is not the whole part, and an expression
whose value is the message where that names an entry."""


def rules(*given: Rule) -> dict[str, Any]:
    """The CEL rules as a type's `json_schema_extra` takes them."""
    keys = ("rule", "message", "fieldPath", "messageExpression")
    return {"x-kubernetes-validations": [dict(zip(keys, rule, strict=False)) for rule in given]}


def keyed_by(*keys: str) -> dict[str, Any]:
    """What a list says whose items are told apart by these fields: each item has its own owner in server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


AS_SET: Final[dict[str, Any]] = {"x-kubernetes-list-type": "set"}
"""What a list says whose items are plain values that are there once, in no order."""
MOST: Final = 2**53 - 1
"""The greatest integer that every reader of JSON has exactly: JavaScript's, jq's, and CEL's by way of a double."""


def parse_duration(text: object) -> timedelta:
    """Parses a Go duration such as `1h30m`, `250ms` or `0s`. ValueError for others."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(_DURATION, text):
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    parts = re.findall(r"([0-9.]+)(h|ms|m|s|us)", text)
    try:
        return timedelta(microseconds=int(sum(Decimal(n) * _UNITS[unit] for n, unit in parts) * 10**6))
    except OverflowError as error:
        raise ValueError(f"{text[:32]!r}… is longer than any duration") from error


def format_duration(value: timedelta) -> str:
    """Writes the shortest Go duration of whole units, such as `1h30m`, or `0s`."""
    micros = int(value / timedelta(microseconds=1))
    text = ""
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)):
        count, micros = divmod(micros, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_quantity(text: object) -> Decimal:
    """Parses a Kubernetes quantity such as `0.95`, `50m`, `10Gi`. ValueError for others."""
    if isinstance(text, Decimal | int):
        return Decimal(text)
    match = re.fullmatch(_QUANTITY, text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not a quantity in quotes, such as '0.05', '50m' or '10Gi'")
    suffix = match[2] or ""
    return Decimal(match[0].removesuffix(suffix)) * _SUFFIXES[suffix]


def parse_signed(text: object) -> Decimal:
    """Parses a quantity that may be below zero. ValueError for others."""
    below = isinstance(text, str) and text.startswith("-")
    return -parse_quantity(text[1:]) if below and isinstance(text, str) else parse_quantity(text)


def parse_int_or_text(value: object) -> str:
    """The text of an integer or a string. ValueError for a fraction without quotes, which no CRD can take."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT64
    if whole or isinstance(value, str):
        return str(value)
    raise ValueError(f"{value!r} is neither an integer nor a string: write it in quotes, such as '0.5' or '500m'")


def format_quantity(value: Decimal) -> str:
    """Writes the plain decimal, without exponent or trailing zeros: `0.05`."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _matching(pattern: str, way_out: str) -> dict[str, Any]:
    """The schema of a string whose refusal says what to write: the server tells the pattern, the rule `way_out`."""
    return {"type": "string", "pattern": pattern, "maxLength": 32, **rules((f"self.matches(r'{pattern}')", way_out))}


def _number(pattern: str) -> dict[str, Any]:
    return _matching(pattern, "write a number in quotes, such as '0.05', '50m' or '10Gi'")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_matching(_DURATION, "write a duration such as 30s, 5m or 1h30m")),
]

Quantity = Annotated[
    Decimal,
    BeforeValidator(parse_quantity),
    PlainSerializer(format_quantity),
    WithJsonSchema(_number(_QUANTITY)),
]

SignedQuantity = Annotated[
    Decimal,
    BeforeValidator(parse_signed),
    PlainSerializer(format_quantity),
    WithJsonSchema(_number(f"^-?{_QUANTITY[1:]}")),
]
"""An evaluation metric, which may be below zero, such as R²."""

IntOrQuantity = Annotated[
    str,
    BeforeValidator(parse_int_or_text),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": _QUANTITY, "maxLength": 32}),
]
"""A quantity as Kubernetes' own resource lists take it: `cpu: 1` or `cpu: "500m"`.

Those take `cpu: 0.5`, too; the schema of a CRD can't say so: `x-kubernetes-int-or-string` has no fractions.
"""

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=_LABEL_VALUE)]
"""A name of something in the same namespace."""
DIGEST: Final = r"^sha256:[0-9a-f]{64}$"
Digest = Annotated[str, Field(min_length=71, max_length=71, pattern=DIGEST)]
REASON_SIZE: Final = 192
CheckName = Annotated[str, Field(max_length=REASON_SIZE)]
"""The name of a check, or of a slice of one: errors[country=de]. A decision names it as its reason."""
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+$")]
"""One word of a status. It is open: a later release may write another, and who does not know it changes nothing."""
Text = Annotated[str, Field(max_length=1024)]
Token = Annotated[str, Field(min_length=1, max_length=253)]
Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$")]
Argument = Annotated[str, Field(max_length=1024)]
Arguments = Annotated[list[Argument], Field(max_length=64)]
Port = Annotated[int, Field(ge=1, le=65535)]
HttpPath = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^/[A-Za-z0-9._~/-]*$")]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time in RFC 3339 and UTC, as `metav1.Time` is written."""
StringMap = Annotated[dict[Annotated[str, Field(max_length=253)], Text], Field(max_length=64)]
QuantityMap = Annotated[dict[Annotated[str, Field(max_length=63)], SignedQuantity], Field(max_length=64)]


class Wire(BaseModel):
    """A part of an object as it stands in the API server: camelCase, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    def wire(self) -> dict[str, Any]:
        """The JSON that belongs in the API server: camelCase, nothing that is unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class StatusWire(Wire):
    """A part of a status. A field that a newer operator wrote is carried past, not refused."""

    model_config = ConfigDict(extra="ignore")

    def wire(self) -> dict[str, Any]:
        """The JSON that belongs in the API server: printable, as kubectl shows it, and with integers that it takes."""
        return dict(_bounded(clean_document(super().wire())))


def _bounded(value: Any) -> Any:
    """The JSON with every integer between -MOST and MOST."""
    if isinstance(value, dict):
        return {key: _bounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_bounded(part) for part in value]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return max(-MOST, min(MOST, value)) if whole else value


class Reference(Wire):
    """Another object of the same namespace. References carry no namespace, so that nobody reads across."""

    name: Name
    """The name of the object, in this namespace."""
