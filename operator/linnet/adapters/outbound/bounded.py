"""An answer of somebody else's server: never more of it is read than can be afforded."""

import aiohttp


async def body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole of it; ValueError where that is more than `most` bytes."""
    data = await answer.content.read(most + 1)
    while len(data) <= most and (more := await answer.content.read(most + 1 - len(data))):
        data += more
    if len(data) > most:
        raise ValueError(f"answered more than {most >> 10} KiB")
    return data
