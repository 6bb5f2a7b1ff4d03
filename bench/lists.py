"""What a page of a list costs: the last of ten thousand entries against one of a short list."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.measure import Aim, Figure, side_by_side
from tidegate.clock import SequentialIds
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, Tx, transact
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot

NOW = 1_767_225_600_000
_PAGE = 100
_SHORT = 2 * _PAGE
_PAGES_TIMED = 50


class _Listed(NamedTuple):
    """A resource: the operation that makes one, what it is asked for, and the operation that lists them."""

    create: str
    members: Callable[[str], dict[str, Any]]
    listing: str


_THING = "arn:aws:iot:eu-west-1:123456789012:thing/t"
LISTS = {
    "templates": _Listed(
        "CreateJobTemplate",
        lambda name: {"job_template_id": name, "description": "d", "document": "{}"},
        "ListJobTemplates",
    ),
    "things": _Listed("CreateThing", lambda name: {"thing_name": name}, "ListThings"),
    "groups": _Listed("CreateThingGroup", lambda name: {"thing_group_name": name}, "ListThingGroups"),
    "jobs": _Listed("CreateJob", lambda name: {"job_id": name, "targets": [_THING], "document": "{}"}, "ListJobs"),
}


class _Store:
    """A store in which operations are called as an edge would."""

    def __init__(self, database: Database) -> None:
        self._database = database
        scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
        limits = Limits(job_templates=10**9, active_jobs=10**9, concurrent_jobs=10**9)
        self._call = Call(scope, "123456789012", "eu-west-1", NOW, SequentialIds(), limits=limits)

    def fill(self, listed: _Listed, count: int) -> None:
        """Make so many."""
        for first in range(0, count, 500):
            names = [f"n{number:07d}" for number in range(first, min(count, first + 500))]
            transact(
                self._database, lambda tx, names=names: [self._run(tx, listed.create, listed.members(n)) for n in names]
            )

    def _run(self, tx: Tx, name: str, members: dict[str, Any]) -> Any:
        handler = HANDLERS["iot", name]
        request = iot.OPERATIONS[name].request(**members)
        return handler.transaction(self._call, request)(tx)  # documents that come inline need no preparation

    def page(self, listed: _Listed, token: str | None) -> Any:
        """One page."""
        members = {"max_results": _PAGE, "next_token": token}
        return self._database.read(lambda tx: self._run(tx, listed.listing, members))

    def last(self, listed: _Listed) -> str | None:
        """The token of the last page."""
        token: str | None = None
        while (following := self.page(listed, token).next_token) is not None:
            token = following
        return token

    def cost(self, listed: _Listed, token: str | None) -> float:
        """CPU of a page, µs."""
        began = time.process_time()
        for _ in range(_PAGES_TIMED):
            self.page(listed, token)
        return 1_000_000 * (time.process_time() - began) / _PAGES_TIMED


def run(*, quick: bool) -> list[Figure]:
    """The last page of each list."""
    with TemporaryDirectory() as folder:
        return [_figure(Path(folder), noun, 600 if quick else 10_000, 1 if quick else 5) for noun in LISTS]


def _figure(folder: Path, noun: str, entries: int, rounds: int) -> Figure:
    listed = LISTS[noun]
    databases = [SqliteDatabase(folder / f"{noun}-{size}.db", now=NOW) for size in (entries, _SHORT)]
    try:
        stores = [_Store(database) for database in databases]
        for store, count in zip(stores, (entries, _SHORT), strict=True):
            if noun == "jobs":
                store.fill(_Listed("CreateThing", lambda _: {"thing_name": "t"}, ""), 1)
            store.fill(listed, count)
        long, short = stores
        tokens = long.last(listed), short.last(listed)
        values, baseline = side_by_side(
            rounds, lambda: long.cost(listed, tokens[0]), lambda: short.cost(listed, tokens[1])
        )
    finally:
        for database in databases:
            database.close()
    return Figure(
        f"The last page of {entries:,} {noun}",
        "µs of CPU",
        values,
        f"of {_SHORT}",
        baseline,
        Aim(1.5, at_least=False),
        (f"{_PAGE} entries, without HTTP",),
    )
