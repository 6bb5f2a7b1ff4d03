"""Nothing unbounded in a turn: a sweep or a handler examines so many rows at most, however large the fleet.

A wrapper around the store counts the rows of each turn (``tests.store.counting``). The chunks are made small, the same
is done to a small fleet and to one three times as large, and no turn may be larger for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from tests.conftest import Run
from tests.ops.indexed import switch_on
from tests.ops.world import World, timeout
from tests.store.counting import Counting
from tidegate.ops import dynamic_membership, fleet_index, searches, sweeps
from tidegate.ops.call import Call
from tidegate.ops.handler import ComputedInParts, InParts, Unfinished
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, Outcome, Work, marked, transact
from tidegate.wire import iot

T = TypeVar("T")
CHUNK = 4
FEW, MANY = 2 * CHUNK, 6 * CHUNK
ROWS_OF_ONE = 12
"""What a turn examines for one thing, at most: its list, its row, its details, its counters."""
BESIDE = 40
"""What a turn examines besides, whatever it does: jobs, targets, what is due next, the audit log."""


class Watched:
    """A database that counts the rows of each transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.concurrent = database.concurrent
        self.turns: list[int] = []

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        return self._database.commit([marked(work).doing(self._counted(work)) for work in works])

    def read(self, work: Work[T]) -> T:
        return self._database.read(self._counted(work))

    def _counted(self, work: Work[T]) -> Work[T]:
        def counted(tx: Any) -> T:
            rows: list[int] = []
            value = work(Counting(tx, rows))
            self.turns.append(sum(rows))
            return value

        return counted


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAITING_CHUNK", "CANCEL_CHUNK", "DELETE_CHUNK", "EXPIRE_CHUNK"):
        monkeypatch.setattr(sweeps, name, CHUNK)
    monkeypatch.setattr(dynamic_membership, "CHUNK", CHUNK)
    monkeypatch.setattr(dynamic_membership, "SMALL_FLEET", CHUNK)
    monkeypatch.setattr(fleet_index, "CHUNK", CHUNK)
    monkeypatch.setattr(searches, "COUNTED_AT_ONCE", CHUNK)


class Fleet(World):
    """A group of things of a size, whose engine's turns are counted."""

    def __init__(self, run: Run, database: Database, watched: Watched, call: Call, size: int) -> None:
        super().__init__(run, database, call._replace(limits=Limits(release_chunk=CHUNK)))
        self.names = [f"t{number}" for number in range(1, size + 1)]
        self.engine_runs = False
        self.things(size)
        self.arn = self.group("g", *self.names)
        self.engine_runs = True
        self._database = watched  # type: ignore[assignment]

    def roll_out(self, **members: Any) -> None:
        self("CreateJob", job_id="j", targets=[self.arn], document="{}", **members)

    def start(self) -> None:
        self.engine_runs = False
        for name in self.names:
            self.device("StartNextPendingJobExecution", name)
        self.engine_runs = True


def _release(fleet: Fleet) -> None:
    fleet.roll_out()
    assert fleet.counts() == {"queued": len(fleet.names)}


def _expire(fleet: Fleet) -> None:
    fleet.roll_out(timeout_config=timeout(5))
    fleet.start()
    fleet.minutes(6)
    assert fleet.counts() == {"timed_out": len(fleet.names)}


def _cancel(fleet: Fleet) -> None:
    fleet.roll_out()
    fleet("CancelJob", job_id="j")
    assert fleet.counts() == {"canceled": len(fleet.names)}


def _delete(fleet: Fleet) -> None:
    fleet.roll_out()
    fleet.start()
    fleet("DeleteJob", job_id="j", force=True)
    with pytest.raises(iot.ResourceNotFoundException):
        fleet.job()


def _open_a_window(fleet: Fleet) -> None:
    """Things that join while it is closed wait for it."""
    windows = [iot.MaintenanceWindow(start_time="cron(0 2 * * ? *)", duration_in_minutes=60)]
    empty = fleet.group("late")
    fleet(
        "CreateJob",
        job_id="j",
        targets=[empty],
        target_selection="CONTINUOUS",
        document="{}",
        scheduling_config=iot.SchedulingConfig(maintenance_windows=windows),
    )
    fleet.minutes(4 * 60)
    fleet.engine_runs = False
    for name in fleet.names:
        fleet("AddThingToThingGroup", thing_group_name="late", thing_name=name)
    fleet.engine_runs = True
    fleet.minutes(24 * 60)
    assert fleet.counts() == {"queued": len(fleet.names)}


def _fill_a_dynamic_group(fleet: Fleet) -> None:
    wanted = iot.ThingIndexingConfiguration(thing_indexing_mode="REGISTRY")
    fleet("UpdateIndexingConfiguration", thing_indexing_configuration=wanted)
    fleet("CreateDynamicThingGroup", thing_group_name="d", query_string="thingName:t*")
    found = fleet("ListThingsInThingGroup", thing_group_name="d", max_results=250).things
    assert len(found) == len(fleet.names)


@pytest.mark.parametrize(
    "act", [_release, _expire, _cancel, _delete, _open_a_window, _fill_a_dynamic_group], ids=lambda act: act.__name__
)
def test_no_turn_of_the_engine_grows_with_the_fleet(
    run: Run, database: Database, call: Call, act: Callable[[Fleet], None]
) -> None:
    largest = []
    for size in (FEW, MANY):
        database.reset()
        fresh = call._replace(scope=_scope(database, call))
        watched = Watched(database)
        act(Fleet(run, database, watched, fresh, size))
        largest.append(max(watched.turns))
        assert len(watched.turns) >= size // CHUNK
    assert largest[1] <= largest[0] <= ROWS_OF_ONE * CHUNK + BESIDE


def _scope(database: Database, call: Call) -> int:
    return transact(database, lambda tx: scopes.ensure(tx, call.account, call.region))


REQUESTS: dict[str, Any] = {
    "SearchIndex": iot.SearchIndexRequest(query_string="*", max_results=250),
    "GetStatistics": iot.GetStatisticsRequest(query_string="*"),
    "GetCardinality": iot.GetCardinalityRequest(query_string="*", aggregation_field="thingName"),
    "GetPercentiles": iot.GetPercentilesRequest(query_string="thingName:t*", aggregation_field="registry.version"),
    "GetBucketsAggregation": iot.GetBucketsAggregationRequest(
        query_string="*",
        aggregation_field="registry.version",
        buckets_aggregation_type=iot.BucketsAggregationType(terms_aggregation=iot.TermsAggregation()),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_part_of_a_search_grows_with_the_fleet(run: Run, database: Database, call: Call, name: str) -> None:
    """Each part ends when it is told that it has had enough: here at once."""
    watched = Watched(database)
    Fleet(run, database, watched, call, MANY)
    switch_on(run)
    watched.turns.clear()
    handler = HANDLERS["iot", name]
    assert isinstance(handler, InParts)
    answer: Any = Unfinished()
    while isinstance(answer, Unfinished):
        so_far = answer if answer.examined or answer.last else None
        answer = watched.read(lambda tx, so_far=so_far: handler.run(tx, call, REQUESTS[name], so_far, lambda: True))
    assert len(watched.turns) > MANY // CHUNK
    assert max(watched.turns) <= ROWS_OF_ONE * CHUNK + BESIDE
    if isinstance(handler, ComputedInParts):
        assert answer.total in (0, MANY)
