"""A bucket for the tests of sources."""

from collections.abc import Iterator

import pytest

from fetcher.sources.buckets import Bucket, serving_s3


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving_s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket
