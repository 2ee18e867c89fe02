"""Which addresses are never connected to: those that hand a node's identity to whoever asks."""

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

from linnet.fetcher.command.outcome import Failure, Reason

# Metadata services of clouds outside the link-local range: AWS (IPv6), Alibaba, Azure's wire server.
METADATA = frozenset(ipaddress.ip_address(a) for a in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16"))


def check_host(host: str) -> None:
    """Refuse a host that is written as such an address; a name is checked once it is connected.

    Raises Failure(AddressNotAllowed).
    """
    if is_metadata(host):
        raise _refused(host)


def check_peer(host: str, peer: str) -> None:
    """Refuse the address that a connection to `host` led to. Raises Failure(AddressNotAllowed)."""
    if is_metadata(peer):
        raise _refused(f"{host} ({peer})")


def check_resolved(url: str) -> None:
    """Refuse a URL whose connections a library makes, if one of the addresses of its host now is such an address.

    Raises Failure(AddressNotAllowed). The name is looked up here, once.
    """
    host = urlsplit(url).hostname or ""
    check_host(host)
    with contextlib.suppress(OSError):  # a name without an address is the connection's trouble
        for *_, address in socket.getaddrinfo(host, None):
            check_peer(host, str(address[0]))


def is_metadata(host: str) -> bool:
    """Whether `host` is an address of a metadata service; False for anything that is no IP address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_link_local or mapped in METADATA


def _refused(address: str) -> Failure:
    return Failure(
        Reason.ADDRESS_NOT_ALLOWED,
        f"{address} is link-local or a cloud's metadata service, from where no artifact is fetched; "
        "name another server",
    )
