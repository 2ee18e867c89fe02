"""The commands that measure are there under the names that `make bench` and the documentation give them."""

import re
from importlib.util import find_spec

import pytest
from bench.__main__ import PARTS

from control_plane import REPO

PAGES = [*REPO.glob("*.md"), *REPO.glob("docs/**/*.md")]
NAMED = {name for page in PAGES for name in re.findall(r"python -m (bench[.\w]*)", page.read_text())}


def runs(module: str) -> bool:
    """Whether `python -m` finds it: a module, or a folder with a `__main__`."""
    spec = find_spec(module)
    return spec is not None and (spec.submodule_search_locations is None or bool(find_spec(f"{module}.__main__")))


@pytest.mark.parametrize("module", sorted(NAMED | {module for module, *_ in PARTS.values()}))
def test_a_measurement_that_is_named_is_there(module: str) -> None:
    """Whoever types what a page says runs it."""
    assert runs(module)


def test_the_pages_name_measurements() -> None:
    """The pattern still finds them."""
    assert {"bench.cli", "bench.engine", "bench.judge.curves"} <= NAMED
