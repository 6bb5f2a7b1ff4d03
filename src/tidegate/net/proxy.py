"""The PROXY protocol, versions 1 and 2: a balancer's word on whose connection it passes on.

Only balancers that were named are believed, and from them a header is demanded: without one every client behind the
balancer would count as one address.
"""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED: Final = 16
"""Bytes of version 2 before the addresses; the last two of them tell how many follow."""
_LINE: Final = 107
"""The longest line of version 1, its end included."""
_LENGTHS: Final = {1: 4, 2: 16}
"""Of an address, by family."""
LONGEST: Final = 4096
"""Addresses and extensions of version 2 beyond which it is no header."""


class NoHeaderError(Exception):
    """What came is no PROXY header."""


class Header(NamedTuple):
    """``size`` bytes of header. ``address`` None: the balancer speaks for itself (health checks)."""

    size: int
    address: str | None


def parse(data: bytes) -> Header | int:
    """The header at the beginning of a stream; a number: so many bytes are needed to tell.

    Raises:
        NoHeaderError: there is none.
    """
    if data.startswith(_SIGNATURE[: len(data)]) and len(data) < _FIXED:
        return _FIXED
    if data.startswith(_SIGNATURE):
        return _second(data)
    if data.startswith(b"PROXY "[: len(data)]):
        return _first(data)
    raise NoHeaderError


def _first(data: bytes) -> Header | int:
    end = data.find(b"\r\n", 0, _LINE)
    if end < 0:
        if len(data) >= _LINE:
            raise NoHeaderError
        return len(data) + 1
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return Header(end + 2, None)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise NoHeaderError
    return Header(end + 2, _address(words[2]))


def _second(data: bytes) -> Header | int:
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if size > LONGEST or data[12] >> 4 != 2:
        raise NoHeaderError
    if len(data) < size:
        return size
    length = _LENGTHS.get(data[13] >> 4)
    if data[12] & 15 == 0 or length is None:  # LOCAL, or an address that is none of the internet
        return Header(size, None)
    if size < _FIXED + 2 * length + 4:
        raise NoHeaderError
    return Header(size, _plain(ipaddress.ip_address(data[_FIXED : _FIXED + length])))


def _address(text: str) -> str:
    try:
        return _plain(ipaddress.ip_address(text))
    except ValueError:
        raise NoHeaderError from None


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """A balancer on both protocols writes ::ffff:a.b.c.d: all of IPv4 would count as one network of one client."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
