"""Values that works of one commit gather, and what becomes of them when one of the works fails."""

from __future__ import annotations

from functools import partial
from typing import Any

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.store import jobs, scopes
from tidegate.store.database import Database, Tx, transact

JOB = 7
QUEUED, RUNNING = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS


def count(tx: Tx) -> None:
    jobs.count_move(tx, JOB, QUEUED, RUNNING)


def count_and_fail(tx: Tx) -> None:
    count(tx)
    raise ValueError("no")


def write_count_and_fail(tx: Tx) -> None:
    scopes.ensure(tx, "1", "nowhere")
    count_and_fail(tx)


def counted(database: Database) -> dict[str, int]:
    found = database.read(lambda tx: jobs.counts(tx, JOB))
    return {status.name: number for status, number in found.items() if number}


def test_works_of_one_commit_add_up(database: Database) -> None:
    database.commit([count] * 5)
    assert counted(database) == {"QUEUED": -5, "IN_PROGRESS": 5}


def test_a_failed_work_adds_nothing_and_takes_nothing_from_its_neighbours(database: Database) -> None:
    for failing in (count_and_fail, write_count_and_fail):
        outcomes = database.commit([count, failing, count])
        assert [type(outcome.error) for outcome in outcomes] == [type(None), ValueError, type(None)]
    assert counted(database) == {"QUEUED": -4, "IN_PROGRESS": 4}
    assert database.read(lambda tx: scopes.find(tx, "1", "nowhere")) is None


def test_a_work_sees_what_it_and_those_before_it_gathered(database: Database) -> None:
    def look(tx: Tx) -> int:
        count(tx)
        return jobs.counts(tx, JOB)[RUNNING]

    first = transact(database, look)
    assert (first, transact(database, look)) == (1, 2)
    assert [outcome.result() for outcome in database.commit([look, look, look])] == [3, 4, 5]


def test_what_settles_may_gather_again(database: Database) -> None:
    def begin(tx: Tx) -> None:
        tx.gather("first", lambda: None, lambda tx, _: count(tx))

    database.commit([begin, begin])
    assert counted(database)["IN_PROGRESS"] in (1, 2)  # once for a commit, or once for each transaction


def test_a_failure_while_settling_is_its_work_s_own(database: Database) -> None:
    def fail(_tx: Tx, _value: Any) -> None:
        raise ValueError("late")

    def spoil(tx: Tx) -> None:
        count(tx)
        tx.gather("spoiled", list, fail)

    outcomes = database.commit([count, spoil, count])
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert counted(database) == {"QUEUED": -2, "IN_PROGRESS": 2}


def test_effects_of_settling_leave_with_the_work_that_began(database: Database) -> None:
    def note(name: str, tx: Tx, _value: Any) -> None:
        tx.effects.append(name)

    def begin(name: str, tx: Tx) -> None:
        tx.gather(name, list, partial(note, name))

    outcomes = database.commit([partial(begin, "a"), partial(begin, "b")])
    assert [outcome.effects for outcome in outcomes] == [["a"], ["b"]]
