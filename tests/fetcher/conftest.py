"""Fixtures of the fetcher's tests: commands in a folder of their own, and real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import certificates
from fetcher.running import Command
from fetcher.site import Site, serving


@pytest.fixture
def fetch(tmp_path: Path) -> Command:
    return Command("fetch", tmp_path)


@pytest.fixture
def probe(tmp_path: Path) -> Command:
    return Command("probe", tmp_path)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 in one file; `ca.pem` beside it vouches for them."""
    return certificates.issued(tmp_path_factory.mktemp("tls"))
