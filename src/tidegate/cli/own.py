"""Carrying out the operations that AWS does not have, from a command: on the store, beside a server or without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tidegate.cli import options
from tidegate.clock import RandomIds, wall_now
from tidegate.ops import holds, own
from tidegate.ops.call import Call, Origin
from tidegate.ops.handler import Handler, Prepared
from tidegate.runtime.auditor import local_user
from tidegate.runtime.service import Service
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import SparseShape

Region = Annotated[str | None, Parameter(help="The region; that of the server on the data directory if not given.")]


class Place:
    """Which store, account and region a command is about."""

    def __init__(self, data: Path, store: str, account: str | None, region: str | None) -> None:
        self.data, self.store = data, store
        self.account = account or options.account_of(data)
        self.region = region or options.region_of(data)

    def carry_out(self, name: str, request: SparseShape, *, quietly: bool = False, without: bool = False) -> Any:
        """The answer of an operation; None if it refused, which is told on standard error unless ``quietly``.

        ``without`` a store there is an empty one in memory.
        """
        missing = self.store == "sqlite" and not (self.data / "tidegate.db").exists()
        if missing and not without:
            print(f"tidegate: there is no store in {self.data}", file=sys.stderr)
            return None
        handler, origin = own.HANDLERS[own.PLANE, name], Origin(own.PLANE, name, edge=holds.COMMAND)
        try:
            with _empty() if missing else options.database(self.data, self.store) as database:
                scope = transact(database, lambda tx: scopes.ensure(tx, self.account, self.region))
                call = Call(scope, self.account, self.region, wall_now(), RandomIds(), local_user(), origin=origin)
                work = Service.work(handler, call, request, _prepared(database, handler, call, request))
                return transact(database, work) if handler.changes(request) else database.read(work)
        except WireError as error:
            if not quietly:
                print(f"tidegate: {error}", file=sys.stderr)
            return None


@contextmanager
def _empty() -> Iterator[Database]:
    database = SqliteDatabase(None, now=wall_now())
    yield database
    database.close()


def _prepared(database: Database, handler: Handler, call: Call, request: SparseShape) -> Any:
    """What an operation does before its transaction."""
    if not isinstance(handler, Prepared):
        return None
    look = handler.look
    found = None if look is None else database.read(lambda tx: look(tx, call, request))
    return handler.prepare(call, request, found)
