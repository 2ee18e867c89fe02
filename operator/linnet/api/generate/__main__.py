"""Everything that is made from the API's types: `python -m linnet.api.generate [--check]`, from the root."""

import sys
from typing import Final

from linnet.api.generate import crds, decision_schema, reference

PLACES: Final = (
    (crds.main, "crds"),
    (reference.main, "docs/reference/api.md"),
    (decision_schema.main, "docs/reference/decision.schema.json"),
)


def main(arguments: list[str]) -> int:
    """Write what is stale, or with --check name it and return 1."""
    return max(write([*arguments, place]) for write, place in PLACES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
