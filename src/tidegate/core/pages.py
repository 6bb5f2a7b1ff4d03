"""Page tokens: where a list goes on, opaque to the client bound to the list it came from (control reference 1.7)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

LARGEST = 250
"""The largest page of jobs, templates, executions and the registry; also the page of a request that names no size."""

Position = Sequence[str | int]


def token(listing: Sequence[object], position: Position) -> str:
    """The token for what comes after ``position`` in a listing (operation, scope and filters)."""
    text = json.dumps([_seal(listing), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def position(listing: Sequence[object], text: str, kinds: Sequence[type]) -> list[str | int] | None:
    """The position in a token; None if it is no token of this listing.

    Args:
        listing: operation, scope and filters, as given to ``token``.
        text: the token.
        kinds: the type of each part of the position.
    """
    try:
        plain = base64.urlsafe_b64decode(text.encode())
        # The decoder passes over what it does not know, and over what follows the padding.
        parts = json.loads(plain) if base64.urlsafe_b64encode(plain) == text.encode() else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != len(kinds) + 1 or parts[0] != _seal(listing):
        return None
    if any(type(part) is not kind for part, kind in zip(parts[1:], kinds, strict=True)):
        return None
    return parts[1:]


def _seal(listing: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(listing, default=str).encode()).hexdigest()[:12]
