"""The model has teeth: an engine with any of these faults does not get past it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.core import abort, retry, rollout, timers
from tidegate.core.job import completing
from tidegate.core.pending import UNCHANGED, PendingList
from tidegate.ops import membership
from tidegate.store.sqlite import SqliteDatabase
from tools.simulation.scenario import START, Failed, Scenario, Size

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
    patch.setattr(PendingList, "change_to", lambda before, after: UNCHANGED)


def _nobody_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(membership, "_left", lambda tx, now, gone, thing_id: None)


def _nobody_joins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(membership, "_joined", lambda tx, now, job_ids, thing_id: None)


def _jobs_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(completing, "is_done", lambda job, active, waiting: False)


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
    wrong(monkeypatch)
    with pytest.raises(Failed, match="seed "):
        _play(range(100, 200))


def _play(seeds: range) -> None:
    for seed in seeds:
        Scenario(seed, [SqliteDatabase(None, now=START)], Size(crashes=0)).run()
