"""What an artifact says of itself: `linnet.json` at its root, checked and cut to what the operator knows."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

NAME = "linnet.json"
LARGEST = 2**20  # bytes
MOST = 64  # metrics, or parameters
LONGEST_METRIC = 63  # characters; these limits are those of ModelVersion's fields
LONGEST_PARAMETER = 253
LONGEST_TEXT = 1024
MOST_DIGITS = 15
MOST_DECIMALS = 12
_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
TEXTS = ("code", "data", "image", "trainedBy")


@dataclass(frozen=True)
class SelfReport:
    """What was found: `content` is {"metrics": {name: quantity string}, "lineage": {…}}, None without a usable file."""

    content: dict[str, Any] | None
    warning: str = ""


def read(root: Path) -> SelfReport:
    """Read the file below `root`. It never raises: a model may be served whatever its linnet.json says."""
    path = root / NAME
    if not path.is_file():
        return SelfReport(None)
    try:
        if path.stat().st_size > LARGEST:
            return SelfReport(None, f"{NAME} is larger than 1 MiB and was not read")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return SelfReport(None, f"{NAME} is no JSON document and was not read ({error})")
    return parse(document)


def parse(document: object) -> SelfReport:
    """Take the known keys of the document; what is malformed is left out and named in the warning."""
    if not isinstance(document, dict):
        return SelfReport(None, f"{NAME} is no JSON object and was not read")
    metrics, bad_metrics = _metrics(document.get("metrics", {}))
    lineage, bad_lineage = _lineage(document.get("lineage", {}))
    bad = bad_metrics + bad_lineage
    content = {key: value for key, value in (("metrics", metrics), ("lineage", lineage)) if value}
    warning = f"{NAME}: left out, because malformed: {', '.join(bad)[:300]}" if bad else ""
    return SelfReport(content, warning)


def _metrics(value: object) -> tuple[dict[str, str], list[str]]:
    if not isinstance(value, dict):
        return {}, ["metrics"]
    pairs = {name: _quantity(number) for name, number in list(value.items())[:MOST]}
    kept = {name: text for name, text in pairs.items() if text is not None and len(name) <= LONGEST_METRIC}
    bad = [f"metrics.{name[:LONGEST_METRIC]}" for name in pairs if name not in kept]
    return kept, bad + ([f"metrics beyond the {MOST}th"] if len(value) > MOST else [])


def _quantity(value: object) -> str | None:
    """A metric as a quantity: 0.991 is "0.991", 1e-05 is "0.00001", "950m" stays; True, NaN and words are None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        text = value if isinstance(value, str) and _PLAIN.fullmatch(value) else _plain(Decimal(str(value)))
    except (ArithmeticError, ValueError):  # no number, or an integer too long for str()
        return None
    return text if _PLAIN.fullmatch(text) else None


def _plain(number: Decimal) -> str:
    """The number without an exponent, with the digits that a quantity of the API may have; empty if it needs more."""
    if not number.is_finite() or number.adjusted() > MOST_DIGITS:
        return ""
    text = f"{number:.{MOST_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def _lineage(value: object) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(value, dict):
        return {}, ["lineage"]
    lineage: dict[str, Any] = {key: value[key] for key in TEXTS if _is_text(value.get(key))}
    bad = [f"lineage.{key}" for key in TEXTS if key in value and key not in lineage]
    parameters = value.get("parameters", {})
    if not isinstance(parameters, dict):
        return lineage, [*bad, "lineage.parameters"]
    named = {name: _text(item) for name, item in list(parameters.items())[:MOST]}
    kept = {name: text for name, text in named.items() if text is not None and len(name) <= LONGEST_PARAMETER}
    bad += [f"lineage.parameters.{name[:LONGEST_METRIC]}" for name in named if name not in kept]
    return lineage | ({"parameters": kept} if kept else {}), bad


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _text(value: object) -> str | None:
    """A parameter as text: 6 is "6", True is "true", lists and objects are None."""
    if value is None or isinstance(value, list | dict):
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_TEXT else None
