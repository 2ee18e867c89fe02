"""What an artifact says of itself: `linnet.json` at its root, checked and cut to what the operator knows."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linnet.fetcher.units import QUANTITY

NAME = "linnet.json"
LARGEST = 2**20  # bytes
MOST = 64  # metrics, or parameters
LONGEST_NAME = 128
LONGEST_TEXT = 1024
TEXTS = ("code", "data", "image", "trainedBy")


@dataclass(frozen=True)
class SelfReport:
    """`content`: {"metrics": {name: quantity string}, "lineage": {…}}, None without a usable file."""

    content: dict[str, Any] | None
    warning: str = ""


def read(root: Path) -> SelfReport:
    """Never raises: a model may be served whatever its linnet.json says; the gate decides without its metrics."""
    path = root / NAME
    if not path.is_file():
        return SelfReport(None)
    try:
        if path.stat().st_size > LARGEST:
            return SelfReport(None, f"{NAME} is larger than 1 MiB and was not read")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return SelfReport(None, f"{NAME} is no JSON document and was not read ({str(error)[:100]})")
    return parse(document)


def parse(document: object) -> SelfReport:
    """The known keys of the document; what is malformed is left out and named in the warning."""
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
    pairs = {name[:LONGEST_NAME]: _quantity(number) for name, number in list(value.items())[:MOST]}
    bad = [f"metrics.{name}" for name, number in pairs.items() if number is None]
    bad += ["metrics beyond the 64th"] if len(value) > MOST else []
    return {name: number for name, number in pairs.items() if number is not None}, bad


def _quantity(value: object) -> str | None:
    """0.991 → "0.991"; "950m" → "950m"; True, NaN and words → None."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, int | float):
        text = str(value) if abs(value) < 1e300 else ""  # noqa: PLR2004 - str of a huge integer may raise
        return text if QUANTITY.fullmatch(text) else None
    return value if isinstance(value, str) and len(value) <= LONGEST_NAME and QUANTITY.fullmatch(value) else None


def _lineage(value: object) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(value, dict):
        return {}, ["lineage"]
    lineage: dict[str, Any] = {key: value[key] for key in TEXTS if _is_text(value.get(key))}
    bad = [f"lineage.{key}" for key in TEXTS if key in value and key not in lineage]
    parameters = value.get("parameters", {})
    if not isinstance(parameters, dict):
        return lineage, [*bad, "lineage.parameters"]
    named = {name[:LONGEST_NAME]: _text(item) for name, item in list(parameters.items())[:MOST]}
    bad += [f"lineage.parameters.{name}" for name, text in named.items() if text is None]
    kept = {name: text for name, text in named.items() if text is not None}
    return lineage | ({"parameters": kept} if kept else {}), bad


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _text(value: object) -> str | None:
    """A parameter as text: 6 → "6", True → "true", lists and objects → None."""
    if value is None or isinstance(value, list | dict):
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_TEXT else None
