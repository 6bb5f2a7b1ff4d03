"""Whose an address is, for all that counts by address."""

from __future__ import annotations

import ipaddress
from typing import Final

_NETWORK: Final = 64
"""Bits of an IPv6 address that stand for its owner: the rest is free to choose."""


def owner(address: str) -> str:
    """What is counted as one: whoever has an IPv6 address has a whole /64 of them."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or int(found) >> (128 - _NETWORK))
