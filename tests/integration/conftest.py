"""Fixtures of tests that need a real API server: `api` for the session, `world` for one test."""

from collections.abc import Iterator

import pytest

from control_plane import ApiServer
from integration import harness
from integration.harness import World


@pytest.fixture
def world(api: ApiServer) -> Iterator[World]:
    """A namespace of its own with a played kubelet and a running operator."""
    with harness.world(api) as made:
        made.start_operator()
        yield made


@pytest.fixture
def quiet_world(api: ApiServer) -> Iterator[World]:
    """The same without an operator: the test starts it."""
    with harness.world(api) as made:
        yield made
