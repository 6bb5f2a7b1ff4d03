"""Messages that are published or shown over HTTPS: what an MQTT 5 property is there (service model of ``iot-data``).

User properties are a JSON array of objects; the pairs of all of them in order are those of the message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final

import msgspec

Pairs = tuple[tuple[str, str], ...]

_FORMATS: Final = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}


def user_properties(text: str) -> Pairs | None:
    """The pairs of a ``userProperties`` value, in order; None if it is none.

    The SDKs encode what they are given once more: the array may stand in a JSON string.
    """
    found = _json(text)
    if isinstance(found, str):
        found = _json(found)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        return None
    pairs = tuple(pair for each in found for pair in each.items())
    return pairs if all(_is_text(name) and _is_text(value) for name, value in pairs) else None


def shown(pairs: Pairs) -> bytes | None:
    """User properties as they are answered; None if there are none."""
    return msgspec.json.encode([{name: value} for name, value in pairs]) if pairs else None


def correlation_data(text: str) -> bytes | None:
    """The bytes behind base64; None if it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def format_indicator(name: str | None) -> int | None:
    """A Payload Format Indicator by its name."""
    return None if name is None else _FORMATS[name]


def expires_at(now: int, seconds: int | None, *, most: int) -> int | None:
    """When a message expires, epoch ms; 0 counts as 1 second, more than ``most`` as ``most`` (device reference 2.7)."""
    return None if seconds is None else now + 1000 * min(max(seconds, 1), most)


def after(topics: Iterable[str], last: str, count: int) -> list[str]:
    """The first ``count`` topics that come after ``last``, in order."""
    return sorted(topic for topic in topics if topic > last)[:count]


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False  # as wrong as any other value that is no array


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
