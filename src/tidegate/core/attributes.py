"""Attributes of things and groups: how an update changes them (control reference 17.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.wire import iot

OF_UNTYPED_THING: Final = 3
OF_TYPED_THING: Final = 50
OF_GROUP: Final = 50


def applied(stored: Mapping[str, str], payload: iot.AttributePayload | None) -> dict[str, str]:
    """What the stored attributes become.

    Without ``attributes`` nothing changes. ``merge`` adds and overwrites; otherwise the map is replaced. An attribute
    given with the empty value is removed, so none is ever stored empty.
    """
    if payload is None or payload.attributes is None:
        return dict(stored)
    wanted = {**stored, **payload.attributes} if payload.merge else payload.attributes
    return {name: value for name, value in wanted.items() if value}
