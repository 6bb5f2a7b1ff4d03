"""What statistics of a whole fleet cost, and how long a neighbour waits for their longest part."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench import store
from bench.measure import Aim, Figure, side_by_side
from tidegate.clock import SequentialIds
from tidegate.ops.call import Call
from tidegate.ops.handler import ComputedInParts, Unfinished
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

_PART_S = 0.005
"""As ``runtime.service`` has it."""
_ATTRIBUTE = """
INSERT INTO thing_attribute (scope_id, name, value, thing_id)
SELECT 1, 'size', CAST(id * 37 % 1000 AS TEXT), id FROM thing
"""
_BARE = (
    "SELECT count(*), sum(v), min(v), max(v), sum(v * v) FROM (SELECT CAST(value AS REAL) AS v FROM thing_attribute)"
)


class _Taken(NamedTuple):
    """Milliseconds of CPU on the loop: in all, and of the longest part."""

    whole: float
    longest: float


def run(*, quick: bool) -> list[Figure]:
    """By the store's own counting, and by documents, which a query looks into."""
    things, rounds = (500, 1) if quick else (100_000, 3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.db"
        _populate(path, things)
        return [figure for text in ("*", "thingName:t*") for figure in _figures(path, things, text, rounds)]


def _figures(path: Path, things: int, text: str, rounds: int) -> list[Figure]:
    longest: list[float] = []

    def ours() -> float:
        with store.opened(path) as database:
            taken = _statistics(database, text)
        longest.append(taken.longest)
        return taken.whole

    def bare() -> float:
        with store.raw(path) as connection:
            began = time.process_time()
            connection.execute(_BARE).fetchone()
            return 1000 * (time.process_time() - began)

    values, baseline = side_by_side(rounds, ours, bare)
    name = f"GetStatistics of {things:,} things, query {text}"
    return [
        Figure(name, "ms of CPU", values, "one bare SELECT", baseline, None, ("of an attribute, on the event loop",)),
        Figure(
            f"{name}: the longest part", "ms of CPU", tuple(longest), "", (), Aim(10, at_least=False), of_value=True
        ),
    ]


def _populate(path: Path, things: int) -> None:
    store.populate(path, things, 1)
    with store.raw(path) as connection:
        connection.execute("BEGIN")
        connection.execute("""UPDATE thing SET attributes = '{"size":"' || (id * 37 % 1000) || '"}'""")
        connection.execute(_ATTRIBUTE)
        connection.execute("COMMIT")
    with store.opened(path) as database:
        transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
        wanted = iot.ThingIndexingConfiguration(
            thing_indexing_mode="REGISTRY", custom_fields=[iot.Field(name="attributes.size", type="Number")]
        )
        request = iot.UpdateIndexingConfigurationRequest(thing_indexing_configuration=wanted)
        transact(database, HANDLERS["iot", "UpdateIndexingConfiguration"].transaction(_call(), request))


def _call() -> Call:
    return Call(1, "123456789012", "eu-west-1", store.NOW, SequentialIds())


def _statistics(database: Database, text: str) -> _Taken:
    handler, call = HANDLERS["iot", "GetStatistics"], _call()
    assert isinstance(handler, ComputedInParts)
    request = iot.GetStatisticsRequest(query_string=text, aggregation_field="attributes.size")
    parts: list[float] = []
    so_far: Any = None
    while so_far is None or isinstance(so_far, Unfinished):
        began = time.process_time()

        def enough(began: float = began) -> bool:
            return time.process_time() - began >= _PART_S

        so_far = database.read(lambda tx, so_far=so_far, enough=enough: handler.run(tx, call, request, so_far, enough))
        parts.append(1000 * (time.process_time() - began))
    return _Taken(sum(parts), max(parts))
