"""The registry as a whole: what follows from a change of what it knows of a thing."""

from __future__ import annotations

from tidegate.ops.call import Call
from tidegate.store.database import Tx


def thing_changed(tx: Tx, call: Call, thing_id: int) -> None:
    """A thing's registry data changed: it came or went, or its attributes, type, groups or billing group are others.

    Called at the end of each such operation, once for each thing (inner id), when everything is written; a thing that
    went is not found any more. Nothing follows yet: whoever derives something from the registry does it here, in the
    same transaction.
    """
