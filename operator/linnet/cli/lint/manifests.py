"""Reads manifests in files with the API's types, without a cluster. It needs pydantic, which a zipapp can't carry."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from linnet.cli.console import FailedError
from linnet.foreign.text import printable

if TYPE_CHECKING:
    from linnet.core.serving.runtimes import Catalogue


PACKAGES: Final = {"pydantic": "pydantic", "cel_expr_python": "cel-expr-python"}
"""The package that brings a module: the API's types need the first, the kinds' rules the second."""
WITHOUT: Final = (
    "this command reads manifests with the API's types and rules, and needs {packages} for that: "
    "`pipx install 'linnet[lint]'` brings it all, "
    "or `python3 -m pip install {packages}` for the Python that runs this file"
)
_EXPONENT: Final = 1e21
_MOST_VALUES: Final = 1_000_000


@dataclass(frozen=True)
class Manifest:
    """One document of a file."""

    file: str
    kind: str
    name: str
    content: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"

    @property
    def namespace(self) -> str:
        """The manifest's namespace; empty where the file leaves it to whoever applies it."""
        meta = self.content.get("metadata")
        return str((meta if isinstance(meta, dict) else {}).get("namespace") or "")

    @property
    def spec(self) -> Any:
        return self.content.get("spec")

    def named(self, kind: str, name: str, among: "Sequence[Manifest]") -> "Manifest | None":
        """The object that this one means by a name: the last of its namespace, as `kubectl apply` leaves it."""
        found = (m for m in reversed(among) if (m.kind, m.name) == (kind, name))
        return next((m for m in found if m.namespace == self.namespace or not (m.namespace and self.namespace)), None)


def needed(*modules: str) -> None:
    """Raises FailedError, which names the packages of the modules that are missing."""
    missing = [PACKAGES[module] for module in modules if util.find_spec(module) is None]
    if missing:
        raise FailedError(WITHOUT.format(packages=" ".join(missing)))


def read(files: Iterable[str]) -> list[Manifest]:
    """Reads all documents with a kind, of any API; `-`: standard input. FailedError names a file that can't be read."""
    return [manifest for file in files for manifest in _manifests(file)]


def documents(file: str) -> list[Any]:
    """Reads all documents of a file of YAML or JSON; `-`: standard input. FailedError names what can't be read."""
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        return [_bounded(document) for document in yaml.safe_load_all(text)]
    except RecursionError as error:
        raise FailedError(f"{file}: it is nested too deeply, or holds itself") from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: a day that is none, a number without an end
        raise FailedError(f"{file}: {' '.join(str(error).split())}") from error


def _manifests(file: str) -> Iterator[Manifest]:
    for document in documents(file):
        items = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else [document]
        for item in items or ():
            if isinstance(item, dict) and "kind" in item:
                meta = item.get("metadata") if isinstance(item.get("metadata"), dict) else {}
                yield Manifest(
                    file, printable(item["kind"]), printable((meta or {}).get("name", "without a name")), _sent(item)
                )


def _bounded(document: Any) -> Any:
    """The document; ValueError where its aliases, written out, make more of it than an API server takes."""
    if _values(document, {}) > _MOST_VALUES:
        raise ValueError(f"its aliases stand for more than {_MOST_VALUES} values")
    return document


def _values(value: Any, known: dict[int, int]) -> int:
    """How many values it is when it is written out; what has many names is counted through once."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if id(value) not in known or not parts:
        known[id(value)] = 1 + sum(_values(part, known) for part in parts)
    return known[id(value)]


def _sent(value: Any) -> Any:
    """The document as kubectl sends it: it writes 2.0 as 2, an integer, and a large number with an exponent."""
    if isinstance(value, dict):
        return {key: _sent(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_sent(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT else value


def catalogue(folder: Path | None) -> "Catalogue":
    """The packaged runtimes, and those of a folder of the platform's. FailedError names what can't be used."""
    from pydantic import ValidationError

    from linnet.core.serving.runtimes import catalogue as made
    from linnet.runtimes import packaged

    if folder is not None and not folder.is_dir():
        raise FailedError(f"--runtimes {folder}: there is no such folder")
    added = [entry for file in sorted(folder.glob("*.yaml")) for entry in documents(str(file))] if folder else []
    try:
        return made((*packaged(), *added))
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise FailedError(f"--runtimes {folder}: {' '.join(str(error).split())}") from error
