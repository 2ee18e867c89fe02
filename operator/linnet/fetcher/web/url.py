"""Faults of an address that httpx lets pass when it reads it, and trips over later."""

import httpx

LAST_PORT = 65535
UNREADABLE = (httpx.InvalidURL, UnicodeError)
"""What is raised for an address that can't be read."""


def checked(url: httpx.URL) -> httpx.URL:
    """Return `url` itself. Raises one of UNREADABLE for a port that there is not, or punycode that is no name."""
    if (url.port or 0) > LAST_PORT:
        raise httpx.InvalidURL("its port is too high")
    _ = url.host  # decodes it
    return url
