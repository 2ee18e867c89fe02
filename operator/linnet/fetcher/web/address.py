"""Which addresses are never connected to: those that hand a node's identity to whoever asks."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from linnet.fetcher.command.outcome import Failure, Reason

METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS: EKS Pod Identity
        "fd20:ce::254",  # Google
        "168.63.129.16",  # Azure's wire server
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
    )
)
"""Metadata services of clouds outside the link-local ranges, where 169.254.169.254, .170.2 and .170.23 are."""
_IPV4_AT_THE_END = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")  # RFC 4291, 2765, 6052, 8215
)
_ISATAP = 0x5EFE  # RFC 5214: the 16 bits before the address


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

    Raises Failure(AddressNotAllowed), before anything is asked. What the name leads to at the next lookup is seen by
    `guard`, or by the platform's proxy.
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
    return any(each.is_link_local or each in METADATA for each in (address, *_within(address)))


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses to which a translator or tunnel on the way would take a connection to this one."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    last = int(address) & 0xFFFFFFFF
    if any(address in network for network in _IPV4_AT_THE_END) or (int(address) >> 32) & 0xFFFF == _ISATAP:
        yield ipaddress.IPv4Address(last)
    yield from (each for each in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if each is not None)


def _refused(address: str) -> Failure:
    return Failure(
        Reason.ADDRESS_NOT_ALLOWED,
        f"{address} is link-local or a cloud's metadata service, from where no artifact is fetched; "
        "name another server",
    )
