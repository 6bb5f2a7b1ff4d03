"""The pending list of a thing as a value."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.lifecycle import ExecutionStatus, JobStatus
from tidegate.core.pending import SHOWN, UNCHANGED, Change, PendingList

QUEUED, RUNNING = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS


class One(NamedTuple):
    """An execution."""

    job_id: int
    number: int = 1
    status: ExecutionStatus = QUEUED
    queued_at: int = 0
    namespace: str | None = None
    job_status: JobStatus = JobStatus.IN_PROGRESS


ones = st.builds(
    One,
    st.integers(1, 4),
    st.integers(1, 2),
    st.sampled_from([QUEUED, RUNNING]),
    st.integers(0, 3),
    st.sampled_from([None, "ns"]),
    st.sampled_from(list(JobStatus)),
)
lists = st.lists(ones, max_size=5, unique_by=lambda one: (one.job_id, one.number)).map(PendingList)


def test_what_runs_comes_first_then_the_older() -> None:
    found = PendingList(
        [One(1, queued_at=5), One(2, queued_at=4), One(3, status=RUNNING, queued_at=9), One(4, queued_at=4)]
    )
    assert [one.job_id for one in found.visible()] == [3, 2, 4, 1]
    head = found.visible().head
    assert head is not None
    assert head.job_id == 3
    assert PendingList[One]().head is None


@pytest.mark.parametrize(
    ("status", "job_status", "seen"),
    [
        (QUEUED, JobStatus.IN_PROGRESS, True),
        (QUEUED, JobStatus.SCHEDULED, False),
        (QUEUED, JobStatus.CANCELED, False),
        (QUEUED, JobStatus.DELETION_IN_PROGRESS, False),
        (RUNNING, JobStatus.SCHEDULED, True),
        (RUNNING, JobStatus.CANCELED, True),
        (RUNNING, JobStatus.DELETION_IN_PROGRESS, False),
    ],
)
def test_what_a_device_sees(status: ExecutionStatus, job_status: JobStatus, seen: bool) -> None:
    one = One(1, status=status, job_status=job_status)
    assert bool(PendingList([one]).visible()) is seen
    assert not PendingList([one]).visible("other")


def test_what_a_job_takes_away_counts_as_seen_until_it_is_gone() -> None:
    one, other = One(1, job_status=JobStatus.CANCELED), One(2)
    found = PendingList([one, other])
    before = found.visible(ending=one)
    assert before == (one, other)
    assert before.change_to(found.without(one).visible()) == Change(notify=True, notify_next=True)
    paused = One(1, job_status=JobStatus.SCHEDULED)
    assert PendingList([paused]).visible(ending=paused) == ()


def test_a_window_that_opens_and_one_that_closes() -> None:
    open_, closed, other = One(1), One(1, job_status=JobStatus.SCHEDULED), One(2)
    assert PendingList([other, open_]).shown_by(open_) == ((other,), (open_, other))
    assert PendingList([other, closed]).shown_by(closed) == ((closed, other), (other,))


def test_what_changes_in_place_is_no_change() -> None:
    one = One(1)
    before = PendingList([one])
    assert before.change_to(before.changed(one, one._replace(status=RUNNING))) == UNCHANGED
    assert before.change_to(before.joined([One(2, queued_at=1)])) == Change(notify=True, notify_next=False)
    assert before.change_to(PendingList([One(1, 2)])) == Change(notify=True, notify_next=True)


def test_ten_are_shown() -> None:
    assert len(PendingList(One(each) for each in range(SHOWN + 5)).visible().shown) == SHOWN


@given(lists, st.sampled_from([None, "ns"]))
def test_a_view_is_part_of_the_list_and_ordered(found: PendingList[One], namespace: str | None) -> None:
    seen = found.visible(namespace)
    assert set(seen) <= set(found)
    assert all(one.namespace == namespace for one in seen)
    assert seen.visible(namespace) == seen
    assert [one.status for one in seen] == sorted((one.status for one in seen), reverse=True)
    assert seen.change_to(seen) == UNCHANGED


@given(lists, lists)
def test_a_head_that_differs_is_a_change(before: PendingList[One], after: PendingList[One]) -> None:
    change = before.change_to(after)
    keys = [[(one.job_id, one.number) for one in each] for each in (before, after)]
    assert change.notify_next is (keys[0][:1] != keys[1][:1])
    assert change.notify is (set(keys[0]) != set(keys[1]))


@given(lists.filter(len), st.data())
def test_who_is_named_is_found_until_it_leaves(found: PendingList[One], data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(list(found)))
    assert found.named(one.job_id, one.number) is one
    assert found.without(one).named(one.job_id, one.number) is None
