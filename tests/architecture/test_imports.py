"""No module imports, by whatever way, a module that imports it: files are read from the ground up."""

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grimp
import pytest
from grimp import ImportGraph

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("linnet", "demo", "bench", "hack")


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> ImportGraph:
    """Every import of the four packages, those for type checking alone included."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "operator"), str(ROOT), *sys.path])
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_no_import_leads_back_to_its_own_module(graph: ImportGraph) -> None:
    """A circle is told with the path on which it comes back."""
    assert {p for module in graph.modules for p in PACKAGES if module.startswith(f"{p}.")} == set(PACKAGES)
    assert [" → ".join(circle) for circle in circles(graph)] == []


def circles(graph: ImportGraph) -> Iterator[tuple[str, ...]]:
    """The shortest circle through each module, each circle once."""
    seen: set[frozenset[str]] = set()
    for module in sorted(graph.modules):
        circle = _way_back(graph, module)
        if circle and frozenset(circle) not in seen:
            seen.add(frozenset(circle))
            yield circle


def _way_back(graph: ImportGraph, start: str) -> tuple[str, ...]:
    """The modules on the shortest way from one back to itself, it first and last; empty if there is none."""
    ways: deque[tuple[str, ...]] = deque([(start,)])
    reached = {start}
    while ways:
        way = ways.popleft()
        for module in sorted(graph.find_modules_directly_imported_by(way[-1])):
            if module == start:
                return (*way, start)
            if module not in reached:
                reached.add(module)
                ways.append((*way, module))
    return ()


def test_a_circle_is_found() -> None:
    """Three modules that import each other in turn are one circle, and a fourth that imports them is none."""
    made = ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        made.add_import(importer=importer, imported=imported)
    assert list(circles(made)) == [("a", "b", "c", "a")]
