"""What a work may rely on, on both engines: it runs whole or not at all, and its neighbours do not feel it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.store.rows import Rows, template
from tidegate.store import templates
from tidegate.store.database import Database, StoreError, Tx, transact

Make = Callable[[str], Callable[[Tx], bool]]


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


@pytest.fixture
def make(rows: Rows) -> Make:
    """``make("a")`` is a work that keeps template a."""
    return lambda name: lambda tx: templates.insert(tx, rows.scope, template(name))


def names(rows: Rows) -> list[str]:
    return [one.name for one in rows.database.read(lambda tx: templates.page(tx, rows.scope, "", 100))]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """What an operation raises."""


def refusing(work: Callable[[Tx], object]) -> Callable[[Tx], None]:
    """Does a work and then refuses."""

    def run(tx: Tx) -> None:
        work(tx)
        tx.effects.append("never")
        raise Refused

    return run


def breaking(tx: Tx) -> None:
    """Breaks a constraint after a good write."""
    tx.many("tag_put", [{"scope": 1, "arn": f"arn:{key}", "key": key, "value": "1"} for key in "ab"])
    tx.run("tag_put", {"scope": 1, "arn": "arn", "key": "a", "value": None})


def test_works_of_one_commit_run_in_order_and_see_each_other(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([make("a"), make("a"), make("b")])
    assert [outcome.result() for outcome in outcomes] == [True, False, True]
    assert names(rows) == ["a", "b"]


def test_a_work_that_raises_leaves_no_trace_and_spares_its_neighbours(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([make("a"), refusing(make("b")), make("c")])
    assert isinstance(outcomes[1].error, Refused)
    assert outcomes[1].effects == []
    with pytest.raises(Refused):
        outcomes[1].result()
    assert names(rows) == ["a", "c"]


def test_a_work_that_raises_before_it_writes(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([refusing(lambda tx: templates.count(tx, rows.scope)), make("a")])
    assert isinstance(outcomes[0].error, Refused)
    assert names(rows) == ["a"]


def test_a_broken_constraint_is_the_failure_of_its_work_alone(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([make("a"), breaking, make("b")])
    assert type(outcomes[1].error) is StoreError
    assert "a statement failed" in str(outcomes[1].error)
    assert names(rows) == ["a", "b"]
    assert rows.do(lambda tx: tx.all("tag_list", {"scope": 1, "arn": "arn:a"})) == []


def test_a_broken_row_in_the_middle_of_many_undoes_all_of_them(rows: Rows) -> None:
    values: list[str | None] = ["1", "2", None, "4"]
    given = [{"scope": 1, "arn": "arn", "key": f"k{number}", "value": value} for number, value in enumerate(values)]
    with pytest.raises(StoreError):
        rows.do(lambda tx: tx.many("tag_put", given))
    assert rows.do(lambda tx: tx.all("tag_list", {"scope": 1, "arn": "arn"})) == []


def test_a_missing_parameter_is_the_failure_of_its_work_alone(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([lambda tx: tx.run("tag_put", {"scope": 1}), make("a")])
    assert type(outcomes[0].error) is StoreError
    assert names(rows) == ["a"]


def test_a_number_too_large_for_the_store_is_the_failure_of_its_work_alone(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit([lambda tx: tx.one("job_lock", {"id": 1 << 70}), make("a")])
    assert outcomes[0].error is not None
    assert names(rows) == ["a"]


def test_effects_come_with_the_outcome_of_their_work(rows: Rows) -> None:
    outcomes = rows.database.commit([lambda tx: tx.effects.append("a"), lambda tx: tx.effects.extend("bc")])
    assert [outcome.effects for outcome in outcomes] == [["a"], ["b", "c"]]


def test_nothing_to_commit(database: Database) -> None:
    assert database.commit([]) == []


def test_a_signal_inside_a_work_undoes_it_and_goes_on(rows: Rows, make: Make) -> None:
    def interrupted(tx: Tx) -> None:
        make("b")(tx)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows.database.commit([interrupted])
    assert names(rows) == []
    assert transact(rows.database, make("c")) is True


def test_a_work_that_calls_its_database_is_told_so(rows: Rows, make: Make) -> None:
    outcomes = rows.database.commit(
        [make("a"), lambda tx: rows.database.commit([make("b")]), lambda tx: rows.database.read(make("c")), make("d")]
    )
    assert [type(outcome.error) for outcome in outcomes] == [type(None), RuntimeError, RuntimeError, type(None)]
    assert names(rows) == ["a", "d"]


def test_a_read_that_writes_is_refused(rows: Rows, make: Make) -> None:
    with pytest.raises(StoreError):
        rows.database.read(make("a"))
    assert names(rows) == []
    assert transact(rows.database, make("a")) is True


def test_a_read_that_raises_raises_here(rows: Rows) -> None:
    with pytest.raises(Refused):
        rows.database.read(refusing(lambda tx: templates.count(tx, rows.scope)))


def test_a_read_whose_statement_fails(rows: Rows) -> None:
    with pytest.raises(StoreError, match="a statement failed"):
        rows.database.read(lambda tx: tx.one("tag_list", {}))
    assert names(rows) == []
