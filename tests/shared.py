"""What the workers of one run of tests share: a folder, and who is the first to do something for all of them."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RUN = "LINNET_TEST_RUN"
"""The variable with the folder, which workers inherit from the process that starts them."""


@contextmanager
def folder() -> Iterator[Path]:
    """Around a whole run: its folder, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="linnet-run-") as made:
        os.environ[RUN] = made
        yield Path(made)


def once(name: str, do: Callable[[Path], None]) -> Path:
    """A folder of this name, for which `do` was called: by the worker that asks first, while others wait for it."""
    place = Path(os.environ[RUN], name)
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            do(place)
            (place / "done").touch()
    return place
