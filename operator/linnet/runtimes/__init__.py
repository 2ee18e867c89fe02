"""The runtime catalogue that comes with Linnet: one server a file."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml


def packaged() -> Iterator[Any]:
    """The content of each file, by its name."""
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            yield yaml.safe_load(file.read_text())
