"""A thing's pending list: its order, what a device sees of it, and when the device must be told of a change (device
reference 3.9, 3.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from tidegate.core.lifecycle import ExecutionStatus, JobStatus

SHOWN = 10
"""How many pending executions a device is shown (15 when schedules are involved; control reference 15.4)."""

_RUNNING = JobStatus.IN_PROGRESS
_TAKING_AWAY = frozenset({JobStatus.CANCELED, JobStatus.DELETION_IN_PROGRESS})


class Entry(Protocol):
    """A QUEUED or IN_PROGRESS execution, as far as the list looks at it."""

    @property
    def job_id(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def status(self) -> ExecutionStatus: ...
    @property
    def queued_at(self) -> int: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def job_status(self) -> JobStatus: ...


E = TypeVar("E", bound=Entry)


class Change(NamedTuple):
    """Which notifications a change of the list calls for."""

    notify: bool
    notify_next: bool


UNCHANGED = Change(notify=False, notify_next=False)


class PendingList(tuple[E, ...]):
    """The pending executions of one thing: all of them, in no order, or what a device sees, in its order."""

    __slots__ = ()

    def named(self, job_id: int, number: int) -> E | None:
        """The execution of a job with this number."""
        return next((each for each in self if each.job_id == job_id and each.number == number), None)

    @property
    def head(self) -> E | None:
        """The next one, in a list as a device sees it."""
        return self[0] if self else None

    @property
    def shown(self) -> PendingList[E]:
        """As many as a device is shown."""
        return PendingList(self[:SHOWN])

    def visible(self, namespace: str | None = None, *, ending: E | None = None) -> PendingList[E]:
        """What a device sees of it, in order: what runs before what waits, then the older first (device reference 3.9).

        QUEUED ones only of jobs IN_PROGRESS, and none of a job that is being deleted. ``ending`` is one that ends just
        now: if its job is taking its executions away, they count as seen until the engine has come to them.
        """
        taken = ending.job_id if ending is not None and ending.job_status in _TAKING_AWAY else None
        seen = [
            one
            for one in self
            if one.namespace == namespace and (one.job_status is _RUNNING or one.job_id == taken or _is_shown(one))
        ]
        if len(seen) > 1:
            seen.sort(key=_place)
        return PendingList(seen)

    def shown_by(self, one: E) -> tuple[PendingList[E], PendingList[E]]:
        """What a device saw, and sees, when a maintenance window made one that waits appear, or disappear."""
        now = self.visible(one.namespace)
        if one in now:
            return now.without(one), now
        return PendingList(sorted([*now, one], key=_place)), now

    def without(self, gone: E) -> PendingList[E]:
        """The list when one has left it."""
        return PendingList([each for each in self if each is not gone])

    def changed(self, one: E, to: E) -> PendingList[E]:
        """The list when one has moved on and stays in it."""
        return PendingList([to if each is one else each for each in self])

    def joined(self, come: Iterable[E]) -> PendingList[E]:
        """The list when some have joined it."""
        return PendingList((*self, *come))

    def change_to(self, after: PendingList[E]) -> Change:
        """What to publish when a list as a device saw it became another.

        ``notify`` when the set of executions differs, ``notify-next`` when the head is another execution. A status,
        version or detail that changes in place is neither.
        """
        old = [(each.job_id, each.number) for each in self]
        new = [(each.job_id, each.number) for each in after]
        if old == new:
            return UNCHANGED
        return Change(notify=set(old) != set(new), notify_next=old[:1] != new[:1])


def _place(one: Entry) -> tuple[int, int, int, int]:
    return -one.status, one.queued_at, one.job_id, one.number


def _is_shown(one: Entry) -> bool:
    if one.status == ExecutionStatus.IN_PROGRESS:
        return one.job_status != JobStatus.DELETION_IN_PROGRESS
    return one.job_status is _RUNNING
