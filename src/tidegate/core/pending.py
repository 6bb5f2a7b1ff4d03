"""A device's pending list: its order, and when the device must be told of a change (device reference 3.9, 3.10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidegate.core.lifecycle import ExecutionStatus

SHOWN = 10
"""How many pending executions a device is shown (15 when schedules are involved; control reference 15.4)."""


class Entry(NamedTuple):
    """One pending execution: who it is and what orders it."""

    job_id: int
    number: int
    status: ExecutionStatus
    queued_at: int


class Change(NamedTuple):
    """Which notifications a change of the list calls for."""

    notify: bool
    notify_next: bool


UNCHANGED = Change(notify=False, notify_next=False)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """IN_PROGRESS before QUEUED, then as queued; the job's age decides a tie."""
    return sorted(entries, key=lambda entry: (-entry.status, entry.queued_at, entry.job_id, entry.number))


def change(before: Sequence[Entry], after: Sequence[Entry]) -> Change:
    """What to publish when a list (in order) became another.

    ``notify`` when the set of executions differs, ``notify-next`` when the head is another execution. A status,
    version or detail that changes in place is neither.
    """
    identities_before = [entry[:2] for entry in before]
    identities_after = [entry[:2] for entry in after]
    return Change(
        notify=set(identities_before) != set(identities_after),
        notify_next=identities_before[:1] != identities_after[:1],
    )
