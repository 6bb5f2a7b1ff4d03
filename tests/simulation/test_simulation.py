"""Short seeded runs of the simulation; ``make simulate`` runs longer ones.

A failure prints its seed and what led to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate.core import abort, retry, rollout, timers
from tidegate.core.pending import UNCHANGED
from tidegate.ops import membership, transitions
from tidegate.store.database import Database
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase
from tools.simulation.scenario import START, Failed, Scenario, Size, Summary

SEEDS = (1, 2, 3, 5, 8, 13, 21, 34)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_memory(seed: int) -> None:
    summary = Scenario(seed, [SqliteDatabase(None, now=START)], Size()).run()
    assert summary.executions > 0


def test_in_a_file_that_is_found_as_a_power_failure_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "tidegate.db"
    size = Size(things=30, steps=60, crashes=10)
    summary = Scenario(55, [SqliteDatabase(path, now=START)], size, path=path).run()
    assert summary.crashes > 10


def test_thousands_of_things() -> None:
    size = Size(things=2000, groups=25, jobs=6, steps=10, crashes=0)
    summary = Scenario(89, [SqliteDatabase(None, now=START)], size).run()
    assert summary.executions > 1000


@pytest.fixture
def two_processes(postgres_url: str) -> Iterator[list[Database]]:
    """Two connections pools on one PostgreSQL: what two processes have."""
    databases: list[Database] = [PostgresDatabase(postgres_url, now=START) for _ in range(2)]
    databases[0].reset()
    yield databases
    databases[0].reset()
    for database in databases:
        database.close()


def test_two_processes_that_take_turns_and_lose_their_connections(two_processes: list[Database]) -> None:
    summary = Scenario(144, two_processes, Size(things=25, steps=50, crashes=10)).run()
    assert summary.crashes > 10


def test_a_seed_says_everything() -> None:
    def run() -> tuple[Summary, list[str]]:
        scenario = Scenario(7, [SqliteDatabase(None, now=START)], Size(steps=40))
        return scenario.run(), scenario.log

    assert run() == run()


# --- the model finds what is wrong ----------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]


def _a_rate_without_memory(patch: pytest.MonkeyPatch) -> None:
    right = rollout.allowance
    patch.setattr(rollout, "allowance", lambda rate, released, now: right(rate, (), now))


def _a_rate_too_low(patch: pytest.MonkeyPatch) -> None:
    right = rollout.allowance
    patch.setattr(rollout, "allowance", lambda rate, released, now: right(max(1, rate // 2), released, now))


def _no_abort(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(abort, "decide", lambda criteria, counts: None)


def _abort_before_the_minimum(patch: pytest.MonkeyPatch) -> None:
    right = abort.decide
    patch.setattr(abort, "decide", lambda them, counts: right([each._replace(min_executed=1) for each in them], counts))


def _one_retry_too_many(patch: pytest.MonkeyPatch) -> None:
    right = retry.may_retry
    more = [retry.Criterion("ALL", 10)]
    patch.setattr(retry, "may_retry", lambda criteria, cause, used: right(more, cause, used))


def _a_retry_in_the_same_second(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retry, "queued_at", lambda previous, now: now)


def _a_timer_that_runs_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "stepped", lambda running, minutes, now: running)


def _no_notice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions.pending, "change", lambda before, after: UNCHANGED)


def _nobody_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(membership, "_left", lambda tx, now, gone, thing_id: None)


def _nobody_joins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(membership, "_joined", lambda tx, now, job_ids, thing_id: None)


def _jobs_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions, "is_done", lambda tx, job: False)


@pytest.mark.parametrize(
    "wrong",
    [
        _a_rate_without_memory,
        _a_rate_too_low,
        _no_abort,
        _abort_before_the_minimum,
        _one_retry_too_many,
        _a_retry_in_the_same_second,
        _a_timer_that_runs_on,
        _no_notice,
        _nobody_leaves,
        _nobody_joins,
        _jobs_without_end,
    ],
)
def test_the_model_notices(wrong: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        for seed in range(100, 120):
            Scenario(seed, [SqliteDatabase(None, now=START)], Size(crashes=0)).run()

    wrong(monkeypatch)
    with pytest.raises(Failed, match="seed "):
        run()
