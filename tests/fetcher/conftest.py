"""Fixtures of the fetcher's tests: commands in a folder of their own, and real servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetcher.buckets import Bucket, serving_s3
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
    folder = tmp_path_factory.mktemp("tls")
    script = """
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key -out request
    echo subjectAltName=IP:127.0.0.1 > extensions
    openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out leaf
    cat key leaf > tls.pem
    """
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    return folder / "tls.pem"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving_s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket
