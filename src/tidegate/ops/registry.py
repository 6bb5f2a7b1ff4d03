"""What follows from a change of what is known about a thing."""

from __future__ import annotations

from tidegate.ops.call import Call
from tidegate.store.database import Tx


def thing_changed(tx: Tx, call: Call, thing_id: int) -> None:
    """A thing's registry data or shadows changed. Nothing depends on them yet."""
