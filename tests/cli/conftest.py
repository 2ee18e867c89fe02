from pathlib import Path

import pytest

from cli.typing_at import Person


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)
