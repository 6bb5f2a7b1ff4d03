"""A device's pending list: its order, and when the device must be told of a change (device reference 3.9, 3.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SHOWN = 10
"""How many pending executions a device is shown (15 when schedules are involved; control reference 15.4)."""


Identity = tuple[int, int]
"""Job id and execution number."""


class Change(NamedTuple):
    """Which notifications a change of the list calls for."""

    notify: bool
    notify_next: bool


UNCHANGED = Change(notify=False, notify_next=False)


def change(before: Sequence[Identity], after: Sequence[Identity]) -> Change:
    """What to publish when a list of executions (job id, number), in order, became another.

    ``notify`` when the set of executions differs, ``notify-next`` when the head is another execution. A status,
    version or detail that changes in place is neither.
    """
    if before == after:
        return UNCHANGED
    return Change(notify=set(before) != set(after), notify_next=before[:1] != after[:1])
