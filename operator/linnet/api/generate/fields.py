"""Counts the fields of every kind's spec and status, repeats included: `python -m linnet.api.generate.fields`.

A field is what somebody has to learn, so that the number is watched. Kubernetes' own affinity is counted apart.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

from linnet.api.generate.crds import KINDS, crd

NOT_OURS: Final = "affinity"
"""The one field whose parts are Kubernetes' own, word for word."""


def count(schema: Mapping[str, Any]) -> int:
    """The fields of an object's schema and of all that it has within, without what is within `affinity`."""
    found = 0
    for name, part in (schema.get("properties") or {}).items():
        found += 1 + (0 if name == NOT_OURS else count(part))
    within = (schema.get(key) for key in ("items", "additionalProperties"))
    return found + sum(count(part) for part in within if isinstance(part, Mapping))


def table() -> dict[str, tuple[int, int]]:
    """The number of fields of the spec and of the status, by kind."""
    found = {}
    for kind in KINDS:
        parts = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        found[kind.name] = (count(parts["spec"]), count(parts.get("status", {})))
    return found


def main() -> int:
    """Print a line for each kind, and one for all."""
    rows = table()
    rows["all"] = (sum(spec for spec, _ in rows.values()), sum(status for _, status in rows.values()))
    for name, (spec, status) in rows.items():
        sys.stdout.write(f"{name:14} spec {spec:4}  status {status:4}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
