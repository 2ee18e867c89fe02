"""Which addresses are never connected to: those that hand a node's identity to whoever asks."""

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

from linnet.fetcher.command.outcome import Failure, Reason

# Metadata services of clouds outside the link-local range: AWS (IPv6), Alibaba, Azure's wire server.
METADATA = frozenset(ipaddress.ip_address(a) for a in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16"))


def check_host(url: str) -> None:
    """Refuse a URL whose host is written as such an address; names are checked once they are connected."""
    host = urlsplit(url).hostname or ""
    if is_metadata(host):
        raise refused(host)


def check_resolved(url: str) -> None:
    """The same for a URL whose connections a library makes: its name is looked up here, once."""
    check_host(url)
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(OSError):  # a name without an address is the connection's trouble
        for *_, address in socket.getaddrinfo(host, None):
            if is_metadata(str(address[0])):
                raise refused(f"{host} ({address[0]})")


def refused(address: str) -> Failure:
    return Failure(
        Reason.ADDRESS_NOT_ALLOWED,
        f"{address} is link-local or a cloud's metadata service, from where no artifact is fetched; "
        "name another server",
    )


def is_metadata(host: str) -> bool:
    """False for anything that is no IP address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_link_local or mapped in METADATA
