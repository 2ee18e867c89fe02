"""The table of the chart's values, made from the comments of values.yaml that begin with `# --`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KEY = re.compile(r"^( *)([A-Za-z]+):")
WIDEST = 60
"""A longer default is left to values.yaml."""


@dataclass(frozen=True)
class Value:
    """One row: the dotted path, its default, and what it means."""

    path: str
    default: Any
    text: str


def files(chart: Path, repository: Path) -> dict[Path, str]:
    """Path → content of every file that is made from values.yaml."""
    table = render(values((chart / "values.yaml").read_text()))
    return {
        repository / "docs" / "reference" / "values.md": f"{TITLE}\n\n{NOTE}\n\n{table}",
        chart / "README.md": f"{README}\n\n{table}",
    }


TITLE = "# Values of the Helm chart"
NOTE = (
    "Generated from `charts/linnet/values.yaml` by `python3 hack/chart.py docs`; do not edit. How to install: "
    "[docs/how-to/install.md](../how-to/install.md)."
)
README = """# The Linnet chart

Generated from `values.yaml` by `python3 hack/chart.py docs`; do not edit.

Linnet takes a machine-learning model from trained to trusted in production, and keeps it there.

```
helm upgrade --install linnet charts/linnet --namespace linnet-system --create-namespace --wait
helm test linnet --namespace linnet-system
```

Kubernetes 1.30 or newer. Uninstalling keeps the CustomResourceDefinitions, and with them every Model and
ModelVersion, unless `crds.keep` is false.

## Values"""


def values(text: str) -> Iterator[Value]:
    """The documented values, in the file's order. LookupError if a value is not documented."""
    defaults = yaml.safe_load(text)
    comment: list[str] = []
    path: list[str] = []
    covered = 0  # the indentation of the last documented key: what lies deeper is part of its default
    for line in text.splitlines():
        found = KEY.match(line)
        if found and (len(found[1]) <= covered or comment):
            depth = len(found[1]) // 2
            path = [*path[:depth], found[2]]
            covered = len(found[1]) + (0 if comment else 2)
            if comment:
                yield Value(".".join(path), lookup(defaults, path), " ".join(comment))
            elif not line.rstrip().endswith(":"):
                raise LookupError(f"values.yaml: {'.'.join(path)} has no `# --` comment")
        comment = continued(comment, line)


def continued(comment: list[str], line: str) -> list[str]:
    """The comment so far, with this line; empty if the line is none."""
    text = line.strip()
    if text.startswith("# -- "):
        return [text.removeprefix("# -- ")]
    return [*comment, text.removeprefix("# ")] if comment and text.startswith("# ") else []


def lookup(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def render(rows: Iterator[Value]) -> str:
    """A Markdown table."""
    lines = [f"| `{row.path}` | {default(row.default)} | {row.text.replace('|', chr(92) + '|')} |" for row in rows]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *lines]) + "\n"


def default(value: Any) -> str:
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= WIDEST else "see `values.yaml`"
