"""The store's seam: what a handler may do inside a transaction, and what an edge may ask of an engine.

A *work* is a function of a transaction. ``Database.commit`` runs several works and makes them durable before it
returns. The rules, the same on both engines:

* A work that raises leaves no trace and does not harm its neighbours; what it raised is in its ``Outcome``.
* A statement that fails by the work's own fault (a constraint, a value that does not fit) is such a failure:
  ``StoreError``. A work must not catch it and go on: PostgreSQL has given up its transaction by then.
* When the database itself fails (disk, connection), every work it concerns is refused with ``StoreUnavailable``.
* A work may be run again from the start (a serialisation conflict), so it must not do anything but talk to its ``Tx``.
  In particular it must not call its ``Database``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from tidegate.faults import ToldError, Unavailable

T = TypeVar("T")
S = TypeVar("S")
Row = tuple[Any, ...]
Params = Mapping[str, Any]


class StoreError(ToldError):
    """The database could not do what it was asked; the message says what to look at."""


class StoreUnavailable(StoreError, Unavailable):  # noqa: N818 - a state of affairs
    """The database cannot be written or reached just now (disk full, connection lost, too much contention).

    Nothing of the work was kept.
    """


class OutcomeUnknown(StoreUnavailable):
    """The database failed while it committed: the work may have been kept, as a whole or not at all."""


class Blocked(StoreUnavailable):
    """Somebody else holds a lock that the work needs. Nothing was kept; it may be run again in a moment."""


class Conflict(Exception):  # noqa: N818 - a state of affairs
    """A compare-and-set found another writer's value: the work is run again from the start."""


class OutOfTurn(Conflict):
    """A row that is locked before all others is held by somebody: the work is run again, and waits for it first."""

    def __init__(self, query: str, params: Params) -> None:
        """What was to be locked."""
        super().__init__(query)
        self.lock: Lock = query, tuple(params.items())


Lock = tuple[str, tuple[tuple[str, Any], ...]]
"""A statement that locks a row, and its parameters."""


class Spoiled(Exception):  # noqa: N818 - a state of affairs
    """Works that share a transaction cannot go on together: it is undone, and each runs by itself."""


class Lane(Enum):
    """Works of one lane may wait for each other; those of another have threads and connections of their own."""

    OPERATORS = "operators"
    DEVICES = "devices"
    IDENTITY = "identity"
    """Who a device is, and whether the store is well."""
    HOUSE = "house"
    """The server's own: engine, sessions, events, what TLS trusts."""


class Tx(Protocol):
    """One work's view of the database.

    ``effects`` collects what must happen once the work is durable (notices to devices, wake-ups of the engine); the
    values are opaque to the store.
    """

    effects: list[Any]

    def one(self, query: str, params: Params) -> Row | None:
        """The first row of a named query, or None."""
        ...

    def all(self, query: str, params: Params) -> list[Row]:
        """Every row of a named query."""
        ...

    def run(self, query: str, params: Params) -> int:
        """Run a named statement; returns how many rows it touched."""
        ...

    def many(self, query: str, rows: Sequence[Params]) -> None:
        """Run a named statement once for each row of parameters."""
        ...

    def lock(self, query: str, params: Params) -> Row | None:
        """As ``one``, for a statement that holds a row which everybody locks before any other: a job.

        A work that holds something already never waits for it, or two would wait for each other. If somebody has it,
        the work is run again (``OutOfTurn``) and begins by waiting for it.
        """
        ...

    def lock_last(self, query: str, params: Params) -> Row | None:
        """The same for a work that holds only what nobody waits for who has such a row: it waits, unless it has one."""
        ...

    def has_locked(self, query: str, params: Params) -> bool:
        """Whether this was locked in the transaction."""
        ...

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        """A value that works change together, and that is written once for all of them.

        The first to ask for a key makes the value with ``start``; before the commit, ``settle(tx, value)`` writes what
        it has become. Works that share a commit share the value; where each has its own transaction, each has its own.
        What has been gathered is not in the database yet: who reads it there calls ``settle`` first.
        """
        ...

    def settle(self, key: Hashable) -> None:
        """Write what was gathered under a key, if anything was."""
        ...

    def recall(self, query: str, params: Params) -> Row | None:
        """As ``one``; works that share a transaction ask only once, until one of them writes to what the query reads.

        For statements that every work of a kind runs with a handful of different parameters.
        """
        ...

    def ahead(self, first: First | int) -> list[Row] | None:
        """What was read ahead because a work said it would begin with ``first``, or of a thing that was named to
        ``read_ahead``; None if it must be asked for.
        """
        ...

    def read_ahead(self, things: Collection[int]) -> None:
        """Read the pending lists of things, by inner id, with one statement.

        For a work that goes through many things: from here on what it writes ``later`` is written together, too, and
        what it ``recall``s is asked for once.
        """
        ...

    def later(self, query: str, row: Written) -> None:
        """Write a row, now or with those of other works; it is in the database before anything reads its table.

        ``query`` is a statement for this method alone.

        Raises:
            Conflict: it found nothing to write to.
        """
        ...


class Written(Protocol):
    """A named tuple whose fields are a statement's parameters; it begins with the execution's thing, job and number."""

    @property
    def _fields(self) -> tuple[str, ...]: ...

    def __getitem__(self, index: Any, /) -> Any: ...


First = tuple[int, str]
"""Where a work begins: the pending list of a thing, by scope and name."""

Work = Callable[[Tx], T]


class Gathered:
    """What the works of one transaction have gathered (``Tx.gather``)."""

    __slots__ = ("_values", "locked")

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[Any, Callable[[Tx, Any], None], Tx]] = {}
        self.locked: set[Lock] = set()
        """What they hold by ``Tx.lock``."""

    def gather(self, tx: Tx, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        """The value of a key; it will be settled by the work that began it."""
        known = self._values.get(key)
        if known is None:
            known = self._values[key] = (start(), settle, tx)
        value: T = known[0]
        return value

    def settle(self, key: Hashable) -> None:
        """Write one value now."""
        known = self._values.pop(key, None)
        if known is not None:
            value, settle, tx = known
            settle(tx, value)

    def settle_all(self) -> None:
        """Write everything, also what is gathered meanwhile."""
        while self._values:
            for key in sorted(self._values, key=repr):  # everyone in one order, or writers would wait for each other
                self.settle(key)


class Outcome(Generic[T]):
    """What became of one work: its value and effects, or the exception it raised."""

    __slots__ = ("effects", "error", "value")

    def __init__(self, value: T | None, effects: list[Any], error: Exception | None = None) -> None:
        self.value = value
        self.effects = effects
        self.error = error

    def result(self) -> T:
        """The value; raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Database(Protocol):
    """An engine. Both drivers pass one conformance suite (``tests/store``)."""

    concurrent: bool
    """True if works may be given from several threads at once; false if one thread owns the database."""

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        """Run works in order and make them durable before returning; one outcome each.

        On PostgreSQL works that are all marked ``together`` share a transaction; any other has one of its own, and its
        outcome says if that one was refused.

        Raises:
            StoreUnavailable: nothing was kept, of any of them; ``OutcomeUnknown``: all or nothing was.
            RuntimeError: called from within a work, or from two threads at once on an engine that is not
            ``concurrent``.
        """
        ...

    def read(self, work: Work[T]) -> T:
        """Run a work that only reads, on committed state.

        Raises:
            StoreError: the work tried to write, or a statement failed.
            StoreUnavailable: the database cannot be read.
            RuntimeError: as for ``commit``.
        """
        ...

    def reset(self) -> None:
        """Delete every row of every table (the schema stays, and no id is given twice).

        Raises:
            StoreUnavailable: nothing was deleted.
        """
        ...

    def close(self) -> None:
        """Release files and connections; what is asked of it later is refused with ``StoreUnavailable``."""
        ...


class Marked(Generic[T]):
    """A work that says how it is to be run; any other is an operator's, and relies on running as if alone."""

    __slots__ = ("first", "lane", "locks_rows", "party", "reads", "run")

    def __init__(
        self,
        run: Work[T],
        lane: Lane = Lane.OPERATORS,
        *,
        locks_rows: bool = False,
        first: First | None = None,
        party: Hashable = None,
        reads: bool = False,
    ) -> None:
        self.run = run
        self.lane = lane
        self.locks_rows = locks_rows
        """It guards itself with row locks and version checks, so that many may run at once (PostgreSQL)."""
        self.first = first
        """It may share a transaction with others like it: they begin with one read."""
        self.party = party
        """Whose it is; in a lane parties take turns."""
        self.reads = reads
        """It writes nothing: a batch of such works needs no lock (SQLite)."""

    def __call__(self, tx: Tx) -> T:
        """Run it."""
        return self.run(tx)

    def doing(self, run: Work[S]) -> Marked[S]:
        """Something else, to be run in the same way."""
        return Marked(run, self.lane, locks_rows=self.locks_rows, first=self.first, party=self.party, reads=self.reads)


def marked(work: Work[T]) -> Marked[T]:
    """A work with its marks."""
    return work if isinstance(work, Marked) else Marked(work)


def locks_rows(work: Work[T]) -> Marked[T]:
    """Mark a work that guards itself with row locks and version checks."""
    found = marked(work)
    found.locks_rows = True
    return found


def together(work: Work[T], first: First) -> Marked[T]:
    """Mark a work that ``locks_rows`` and may share a transaction with others like it: they begin with one read."""
    return Marked(work, Lane.DEVICES, locks_rows=True, first=first)


def in_lane(lane: Lane, work: Work[T], party: Hashable = None) -> Marked[T]:
    """Mark a work with its lane, and with whose it is."""
    found = marked(work)
    found.lane = lane
    found.party = party
    return found


def transact(database: Database, work: Work[T]) -> T:
    """Run one work by itself and return its value once it is durable (tests, commands, start-up)."""
    outcome: Outcome[T] = database.commit([work])[0]
    return outcome.result()
