"""The registry as a whole: what follows from a change of what it knows of a thing."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.ops import dynamic_membership
from tidegate.ops.call import Call
from tidegate.store.database import Tx


def thing_changed(tx: Tx, call: Call, thing_id: int) -> None:
    """A thing came or went, or its attributes, type, groups, billing group, shadows or connection are others.

    Called at the end of each such operation, once for each thing (inner id), when everything is written: its dynamic
    groups, and through them continuous jobs, follow in the same transaction.
    """
    dynamic_membership.follow(tx, call, thing_id)


def things_changed(tx: Tx, call: Call, thing_ids: Sequence[int]) -> None:
    """The same for things that changed together, as when a group is deleted. They may be many."""
    dynamic_membership.follow_all(tx, call, thing_ids)
