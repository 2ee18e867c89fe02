"""A docstring is a sentence that stands alone: none goes on with the name above it, or with the docstring before."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import REPO

FOLDERS = ("operator/linnet", "bench", "demo", "hack")
FILES = sorted(file for folder in FOLDERS for file in (REPO / folder).rglob("*.py"))
GOES_ON = re.compile(r"(And|Or|But|Of|Those|The same|Such as|Its|Their|One after)\b|(Why|When|Where|How)\W*$|[a-z]")
"""How a docstring begins that can't be read without what stands before it. A name of code stands in backticks."""


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the docstrings of the module, its classes and functions, and of what is assigned."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            before = [None, *node.body]
            for former, statement in zip(before, node.body, strict=False):
                if isinstance(former, None | ast.Assign | ast.AnnAssign) and isinstance(statement, ast.Expr):
                    value = statement.value
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield statement.lineno, value.value


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(REPO)))
def test_docstrings_stand_alone(path: Path) -> None:
    """Whoever meets one in an editor, or in `kubectl explain`, has nothing else before their eyes."""
    assert [(line, text) for line, text in docstrings(path) if GOES_ON.match(text)] == []


@pytest.mark.parametrize("text", ["The same, one look later.", "Why.", "Of them ready.", "such as 1/s"])
def test_a_docstring_that_goes_on_is_found(text: str) -> None:
    """The pattern finds what it is for."""
    assert GOES_ON.match(text)


@pytest.mark.parametrize("text", ["When the run ended.", "Offers a parser.", "`10/s` as requests a second."])
def test_a_docstring_that_stands_alone_is_not(text: str) -> None:
    """It does not find others."""
    assert not GOES_ON.match(text)
