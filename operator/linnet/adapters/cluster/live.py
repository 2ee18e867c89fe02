"""What a look reads live is waited for a moment only: a person's abort must not wait for what it does not need."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from linnet.adapters.cluster.errors import UnavailableError

T = TypeVar("T")
PATIENCE_SECONDS: Final = 2.0


async def in_time(read: Awaitable[T]) -> T:
    """Return what was read; UnavailableError where the API server takes longer than a look can wait."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await read
    except TimeoutError as error:
        raise UnavailableError(f"the API server did not answer within {PATIENCE_SECONDS:g} s") from error
