"""What holds for a whole run of tests: control planes that its workers share, and which tests stay together."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

import control_plane
from control_plane import api_fixture  # noqa: F401 - a fixture is found by its name in this module

FREE = ("tests/integration/", "tests/faults/")
"""Each of these tests has a world of its own, and waits: any worker takes any of them."""
TOGETHER = (*(f"tests/integration/test_{name}.py" for name in ("admission", "sessions")), "tests/docs/test_commands.py")
"""But not of these, which change what holds for a whole control plane of their own: they go first, being long."""
EMBEDDED = ("tests/e2e/", "tests/cluster/")
DEMO = "tests/e2e/test_story.py"
"""It has a namespace of its own in the embedded cluster, and waits for most of its time; the others are one group."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="try every fault of tests/faults, not a sample (hours)")
    parser.addoption("--share", default="1/1", help="of tests/faults the second tenth: 2/10; each has every fault")


def pytest_configure(config: pytest.Config) -> None:
    """In the process that starts the workers, or that runs the tests by itself."""
    if not hasattr(config, "workerinput"):
        around = ExitStack()
        around.enter_context(control_plane.stopped_at_the_end())
        config.add_cleanup(around.close)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files without a test of the marks that are asked for are not imported: it takes each worker seconds."""
    mark = config.option.markexpr
    if not collection_path.match("test_*.py"):
        return None
    if mark in {"e2e", "integration"}:
        return f"mark.{mark}" not in collection_path.read_text() or None
    if re.fullmatch(r"not \w+( and not \w+)*", mark):
        whole = re.search(r"^pytestmark = pytest\.mark\.(\w+)$", collection_path.read_text(), re.MULTILINE)
        return (whole is not None and whole[1] in re.findall(r"not (\w+)", mark)) or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first, or one worker would be left with it at the end."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    return 0 if nodeid.startswith((*TOGETHER, DEMO)) else 1 if nodeid.startswith(FREE) else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """For `--dist loadscope`, which would put what has the most tests first."""
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one module share what it has set up, and stay together, where nothing else is said above."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith(EMBEDDED):
            return path if path == DEMO else "embedded"
        return nodeid if path.startswith(FREE) and path not in TOGETHER else path
