"""Random changes of a spec, from the CRD's own schema: valid or not is for the API server to say (Acto, SOSP '23)."""

import re
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from control_plane import REPO

Json = dict[str, Any]
WORDS: Final = ("a", "risk", "x-y", "1s", "2m", "1", "2", "0.5", "10", "250ms", "1Gi", "100m", "example.org/a", "A_B")
"""Texts for fields with a pattern: names, durations, quantities, labels."""
MOST_ITEMS: Final = 2
LARGEST: Final = 3
"""Counts stay small: each replica is a pod."""
KEPT: Final = frozenset({"model", "runtime"})
"""What a change leaves alone: another model is another story."""


def schema(file: str) -> Json:
    """Return the schema of `spec` in this file of crds."""
    crd = yaml.safe_load(Path(REPO, "crds", file).read_text())
    return dict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])


def changed(spec: Json, shape: Json, random: Random) -> Json:
    """Return the spec with one field set, or taken away, at a random depth."""
    made = deepcopy(spec)
    where, fields = made, shape["properties"]
    name = random.choice(sorted(set(fields) - KEPT))
    while isinstance(where.get(name), dict) and "properties" in fields[name] and random.random() < 0.7:
        where, fields = where[name], fields[name]["properties"]
        name = random.choice(sorted(fields))
    if name in where and random.random() < 0.3:
        del where[name]
    else:
        where[name] = value(fields[name], random)
    return made


def value(shape: Json, random: Random) -> Any:
    """Return a value of this shape, as far as the schema tells."""
    if "enum" in shape:
        return random.choice(shape["enum"])
    match shape.get("type"):
        case "object":
            return _object(shape, random)
        case "array":
            count = random.randint(shape.get("minItems", 0), max(shape.get("minItems", 0), MOST_ITEMS))
            return [value(shape["items"], random) for _ in range(count)]
        case "integer":
            least = int(shape.get("minimum", 0))
            return random.randint(least, max(least, min(int(shape.get("maximum", LARGEST)), LARGEST)))
        case "boolean":
            return random.random() < 0.5
    return _text(shape, random)


def _object(shape: Json, random: Random) -> Json:
    if "properties" not in shape:
        return {random.choice(WORDS): value(shape.get("additionalProperties") or {}, random)}
    required = set(shape.get("required", ()))
    chosen = [n for n in sorted(shape["properties"]) if n in required or random.random() < 0.4]
    return {name: value(shape["properties"][name], random) for name in chosen}


def _text(shape: Json, random: Random) -> str:
    fitting = [w for w in WORDS if re.search(shape.get("pattern", ""), w) and len(w) <= shape.get("maxLength", 99)]
    return random.choice(fitting or WORDS)
