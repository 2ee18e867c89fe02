"""Makes the schema of the log's decision lines: `python -m linnet.api.generate.decision_schema [--check] FILE`.

It is made from the very type that a decision is kept as, so that whoever stores the lines can rely on their form.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from linnet.api.generate.schema import structural
from linnet.api.kinds.model_version import Decision

TITLE: Final = "A decision line of Linnet's log"
_KUBERNETES: Final = "x-kubernetes-"
_TEXT: Final = {"type": "string"}

_LINE: Final[dict[str, Any]] = {
    "level": {"const": "info", "description": "Decisions are told at this level."},
    "logger": {"const": "linnet.journal", "description": "Who writes it."},
    "event": {"const": "decision", "description": "What kind of line it is."},
    "object": {**_TEXT, "description": "What was reconciled, as Kind/namespace/name."},
    "rollout": {**_TEXT, "maxLength": 64, "description": "The rollout's id; missing where no rollout led to it."},
    "digest": {**_TEXT, "pattern": "^sha256:[0-9a-f]{64}$", "description": "Of the artifact."},
    "time": {**_TEXT, "format": "date-time", "description": "When it was written, at once after it was decided."},
}
"""The fields that the log adds to a decision."""


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12. Fields that it does not name are of a later release."""
    decision = _plain(structural(Decision))
    evidence = decision["properties"]["checks"]["items"]["properties"]["evidence"]
    for by_share in ("segments", "answers"):
        del evidence["properties"][by_share]["maxItems"]
    required = ["time", "level", "logger", "event", "object", "message", *decision["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "object",
        "required": list(dict.fromkeys(required)),
        "properties": {**decision["properties"], **_LINE},
    }


def _plain(node: Any) -> Any:
    """The schema without what only an API server reads."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {key: _plain(part) for key, part in node.items() if not key.startswith(_KUBERNETES)}


def main(argv: list[str] | None = None) -> int:
    """Writes the file, or with --check returns 1 if it is stale."""
    parser = argparse.ArgumentParser(prog="python -m linnet.api.generate.decision_schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the file is stale")
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if options.file.exists() and options.file.read_text() == text:
        return 0
    if options.check:
        sys.stderr.write(f"{options.file} is stale: run `make generate`\n")
        return 1
    options.file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
