"""What works of one transaction share: each still sees what it would see alone, and a failure stays its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import NOW
from tests.store.rows import Rows
from tidegate.core.lifecycle import ExecutionStatus, JobStatus
from tidegate.store import executions, jobs
from tidegate.store.database import Conflict, Database, StoreUnavailable, Tx, Work, locks_rows, together
from tidegate.store.shared import FEW

QUEUED, IN_PROGRESS, SUCCEEDED = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS, ExecutionStatus.SUCCEEDED


class Fleet(Rows):
    """Things with one execution each, and works that begin with their lists."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.ids = self.things(FEW + 2)
        self.job_id = self.job()
        self.queue(self.job_id, self.ids)

    def work(self, number: int, act: Callable[[Tx, int], Any]) -> Work[Any]:
        return together(lambda tx: act(tx, number), (self.scope, f"thing-{number}"))

    def look(self, tx: Tx, number: int) -> tuple[str, str, int] | None:
        """The list of a thing, which has at most one entry."""
        _, found = executions.pending(tx, self.scope, f"thing-{number}")
        return (found[0].status.name, found[0].job_status, found[0].version) if found else None

    def start(self, tx: Tx, number: int, version: int = 1) -> None:
        key = (self.ids[number], self.job_id, 1)
        executions.move(tx, key, version, IN_PROGRESS, started_at=NOW, now=NOW)

    def commit(self, *works: Work[Any]) -> list[Any]:
        """What works gave; looks of other things make them enough to share."""
        others = [self.work(number, self.look) for number in range(len(works), FEW + len(works))]
        outcomes = self.database.commit([*works, *others[: max(0, FEW - len(works))]])
        return [outcome.error or outcome.value for outcome in outcomes[: len(works)]]


@pytest.fixture
def fleet(database: Database) -> Fleet:
    return Fleet(database)


NEW = ("QUEUED", "IN_PROGRESS", 1)
STARTED = ("IN_PROGRESS", "IN_PROGRESS", 2)


def test_lists_are_read_before_the_first_work(fleet: Fleet) -> None:
    assert fleet.commit(*(fleet.work(number, fleet.look) for number in range(FEW + 2))) == [NEW] * (FEW + 2)
    nobody = together(lambda tx: executions.pending(tx, fleet.scope, "nobody"), (fleet.scope, "nobody"))
    elsewhere = together(lambda tx: executions.pending(tx, 99, "thing-0"), (99, "thing-0"))
    assert fleet.commit(nobody, elsewhere) == [(None, ())] * 2


def test_a_thing_s_list_changes_with_it_whoever_changed_it(fleet: Fleet) -> None:
    swap = fleet.work(0, lambda tx, _: fleet.start(tx, 1))
    assert fleet.commit(swap, fleet.work(1, fleet.look), fleet.work(0, fleet.look)) == [None, STARTED, NEW]


def test_a_list_shows_what_was_written_to_its_job(fleet: Fleet) -> None:
    def cancel(tx: Tx, _: int) -> None:
        job = jobs.lock(tx, fleet.job_id)
        assert job is not None
        jobs.put(tx, job._replace(status=JobStatus.CANCELED), wake_at=None)

    canceled = ("QUEUED", "CANCELED", 1)
    look = [fleet.work(number, fleet.look) for number in (1, 2)]
    assert fleet.commit(look[0], fleet.work(0, cancel), look[1]) == [NEW, None, canceled]


def test_what_waits_is_written_before_anybody_reads_its_table(fleet: Fleet) -> None:
    def read(tx: Tx, _: int) -> Any:
        found = executions.get(tx, fleet.ids[0], fleet.job_id)
        return found and (found.status, executions.details(tx, (fleet.ids[0], fleet.job_id, 1)))

    def report(tx: Tx, number: int) -> None:
        executions.report_details(tx, (fleet.ids[number], fleet.job_id, 1), '{"a":"é"}')
        fleet.start(tx, number)

    assert fleet.commit(fleet.work(0, report), fleet.work(1, read)) == [None, (IN_PROGRESS, '{"a":"é"}')]


def test_moves_of_one_execution_follow_each_other(fleet: Fleet) -> None:
    def again(tx: Tx, number: int) -> None:
        fleet.start(tx, number)
        fleet.start(tx, number, version=2)

    assert fleet.commit(fleet.work(0, again), fleet.work(1, fleet.start)) == [None, None]
    assert fleet.do(lambda tx: [fleet.look(tx, number) for number in (0, 1)]) == [
        ("IN_PROGRESS", "IN_PROGRESS", 3),
        STARTED,
    ]


def test_a_row_that_was_asked_for_is_asked_again_after_a_write(fleet: Fleet) -> None:
    fleet.do(lambda tx: jobs.put_document(tx, fleet.job_id, "{}"))

    def replace(tx: Tx, _: int) -> str:
        before = jobs.document(tx, fleet.job_id)
        tx.run("job_document_delete", {"job": fleet.job_id})
        jobs.put_document(tx, fleet.job_id, "[]")
        return before

    read = fleet.work(1, lambda tx, _: jobs.document(tx, fleet.job_id))
    assert fleet.commit(read, fleet.work(0, replace), read) == ["{}", "{}", "[]"]


def test_a_work_that_fails_after_it_has_written_leaves_its_neighbours_alone(fleet: Fleet) -> None:
    def fail(tx: Tx, number: int) -> None:
        fleet.start(tx, number)
        raise ValueError(number)

    done = fleet.commit(fleet.work(0, fleet.start), fleet.work(1, fail), fleet.work(2, fleet.start))
    assert [type(one) for one in done] == [type(None), ValueError, type(None)]
    assert fleet.do(lambda tx: [fleet.look(tx, number) for number in (0, 1, 2)]) == [STARTED, NEW, STARTED]


def test_a_work_that_is_refused_before_it_writes_spoils_nothing(fleet: Fleet) -> None:
    runs: list[int] = []

    def count(tx: Tx, number: int) -> None:
        runs.append(number)
        fleet.start(tx, number)

    def refuse(tx: Tx, number: int) -> None:
        fleet.look(tx, number)
        raise LookupError

    done = fleet.commit(fleet.work(0, count), fleet.work(1, refuse), fleet.work(2, count))
    assert [type(one) for one in done] == [type(None), LookupError, type(None)]
    assert runs == [0, 2]


def test_a_version_that_is_not_there_is_the_failure_of_its_work_alone(fleet: Fleet) -> None:
    stale = fleet.work(1, lambda tx, number: fleet.start(tx, number, version=7))
    first, second, third = fleet.commit(fleet.work(0, fleet.start), stale, fleet.work(2, fleet.start))
    assert (first, third) == (None, None)
    assert isinstance(second, StoreUnavailable)
    assert fleet.do(lambda tx: [fleet.look(tx, number) for number in (0, 1, 2)]) == [STARTED, NEW, STARTED]


def test_few_works_and_works_alone_write_at_once(fleet: Fleet) -> None:
    def start_twice(tx: Tx) -> None:
        fleet.start(tx, 0)
        with pytest.raises(Conflict):
            fleet.start(tx, 0)

    fleet.do(start_twice)
    assert fleet.do(lambda tx: fleet.look(tx, 0)) == STARTED


# --- a single work that goes through many things ---


def test_a_work_that_reads_ahead_sees_what_it_has_written_itself(fleet: Fleet) -> None:
    second = fleet.job("second")
    fleet.queue(second, fleet.ids)

    def work(tx: Tx) -> list[list[tuple[str, int]]]:
        tx.read_ahead(fleet.ids[:3])
        fleet.start(tx, 0)
        seen = [executions.pending_by_id(tx, thing) for thing in fleet.ids[:4]]
        fleet.start(tx, 1)
        executions.move(tx, (fleet.ids[0], second, 1), 1, IN_PROGRESS, started_at=NOW, now=NOW)
        seen += [executions.pending_by_id(tx, thing) for thing in fleet.ids[:2]]
        return [sorted((one.status.name, one.version) for one in each) for each in seen]

    waits, runs = ("QUEUED", 1), ("IN_PROGRESS", 2)
    expected = [[runs, waits], [waits] * 2, [waits] * 2, [waits] * 2, [runs] * 2, [runs, waits]]
    assert fleet.do(locks_rows(work)) == expected
    assert fleet.do(lambda tx: [one.version for one in executions.pending_by_id(tx, fleet.ids[0])]) == [2, 2]


def test_a_work_that_reads_ahead_is_done_when_its_neighbours_look(fleet: Fleet) -> None:
    def many(tx: Tx) -> None:
        tx.read_ahead(fleet.ids)
        for number in range(FEW + 2):
            fleet.start(tx, number)

    outcomes = fleet.database.commit([locks_rows(many), lambda tx: fleet.look(tx, 0)])
    assert [one.error or one.value for one in outcomes] == [None, STARTED]


def test_of_a_work_that_reads_ahead_and_fails_nothing_is_left(fleet: Fleet) -> None:
    def fail(tx: Tx) -> None:
        tx.read_ahead(fleet.ids)
        fleet.start(tx, 0)
        fleet.start(tx, 1)
        raise ValueError

    outcomes = fleet.database.commit([locks_rows(fail), lambda tx: [fleet.look(tx, number) for number in (0, 1)]])
    assert isinstance(outcomes[0].error, ValueError)
    assert outcomes[1].value == [NEW] * 2


def test_a_row_that_a_work_put_off_and_somebody_else_has_changed_is_a_conflict(fleet: Fleet) -> None:
    def late(tx: Tx) -> None:
        tx.read_ahead(fleet.ids)
        fleet.start(tx, 0)
        fleet.start(tx, 1, version=7)

    [outcome] = fleet.database.commit([locks_rows(late)])
    assert isinstance(outcome.error, StoreUnavailable)
    assert fleet.do(lambda tx: [fleet.look(tx, number) for number in (0, 1)]) == [NEW] * 2


def test_a_work_that_only_reads_may_read_ahead(fleet: Fleet) -> None:
    def look(tx: Tx) -> list[int]:
        tx.read_ahead(fleet.ids[:2])
        tx.read_ahead(fleet.ids[2:4])
        return [len(executions.pending_by_id(tx, thing)) for thing in (*fleet.ids[:5], 999_999)]

    assert fleet.database.read(look) == [1, 1, 1, 1, 1, 0]
