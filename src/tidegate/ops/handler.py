"""What an operation declares about itself: its kind.

Each noun's module ends with its ``HANDLERS``; ``table`` joins them. A kind says what an operation needs around it and
gives its functions their types, ``Q`` the request's and ``R`` the response's; ``runtime.service`` has a path for each.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from tidegate.core.audit import Image
from tidegate.net.hooks import Hook, HookFaultError
from tidegate.ops.broker import MessageBroker
from tidegate.ops.call import Call
from tidegate.store.database import Tx, Work, locks_rows

Q = TypeVar("Q")
R = TypeVar("R")
F = TypeVar("F")
P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """An operation of whichever kind."""

    partial: str | None = None
    """What is still missing, for docs/parity.md."""

    def changes(self, _request: Any) -> bool:
        """Whether a request that succeeds has changed something, as far as its kind and the request tell.

        What has leaves an entry in the audit log (``ops.audit``).
        """
        return True

    def transaction(self, call: Call, request: Any, prepared: Any = None) -> Work[Any]:
        """What it does inside one transaction, whole; ``prepared`` is what a ``Prepared`` made before.

        Raises:
            TypeError: it has no transaction.
        """
        raise TypeError(f"{type(self).__name__} has no transaction")


@dataclass(frozen=True, slots=True)
class _Plain(Handler, Generic[Q, R]):
    run: Callable[[Tx, Call, Q], R]

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[R]:
        return lambda tx: self.run(tx, call, request)


@dataclass(frozen=True, slots=True)
class Read(_Plain[Q, R]):
    """Changes nothing: ``run(tx, call, request)`` on committed state."""

    def changes(self, _request: Q) -> bool:
        return False


@dataclass(slots=True)
class Unfinished:
    """What an operation ``InParts`` goes on from.

    What it has found or counted, the last that it looked at (a name, or a value and the inner id of who has it), and
    what is read and not looked at yet.
    """

    found: list[Any] = field(default_factory=list)
    counted: Counter[Any] = field(default_factory=Counter)
    last: str = ""
    thing: int = 0
    ahead: deque[Any] = field(default_factory=deque)
    examined: int = 0


def never() -> bool:
    """For those who want an operation's answer at once, whatever it takes."""
    return False


@dataclass(frozen=True, slots=True)
class InParts(Handler, Generic[Q, R]):
    """A read that looks at much: ``run(tx, call, request, so_far, enough)``.

    It begins with None and, when ``enough()``, answers the ``Unfinished`` with which it is called again, in a later
    transaction, when others have had their turn.
    """

    run: Callable[[Tx, Call, Q, Unfinished | None, Callable[[], bool]], R | Unfinished]

    def changes(self, _request: Q) -> bool:
        return False

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[R | Unfinished]:
        return lambda tx: self.run(tx, call, request, None, never)


@dataclass(frozen=True, slots=True)
class Computed(Handler, Generic[Q, F, R]):
    """A read whose answer takes long to work out: ``compute(call, request, found)`` does so on a thread, afterwards."""

    read: Callable[[Tx, Call, Q], F]
    compute: Callable[[Call, Q, F], R]

    def changes(self, _request: Q) -> bool:
        return False

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[R]:
        return lambda tx: self.compute(call, request, self.read(tx, call, request))


@dataclass(frozen=True, slots=True)
class ComputedInParts(InParts[Q, F], Generic[Q, F, R]):
    """A read ``InParts`` whose answer is worked out of what it found on a thread: ``compute(call, request, found)``."""

    compute: Callable[[Call, Q, F], R]

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[Any]:
        def work(tx: Tx) -> R:
            found = self.run(tx, call, request, None, never)
            assert not isinstance(found, Unfinished)
            return self.compute(call, request, found)

        return work


@dataclass(frozen=True, slots=True)
class Ranged(Handler, Generic[Q, F, R]):
    """A read of the object storage: ``choose(tx, call, request)`` says of what, in a transaction.

    ``held(call, request, found)`` answers on the event loop from what is in memory, or None; then ``read(…)`` does, on
    one of a few threads of such reads.
    """

    choose: Callable[[Tx, Call, Q], F]
    held: Callable[[Call, Q, F], R | None]
    read: Callable[[Call, Q, F], R]

    def changes(self, _request: Q) -> bool:
        return False

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[R]:
        return lambda tx: self.read(call, request, self.choose(tx, call, request))


@dataclass(frozen=True, slots=True)
class Write(_Plain[Q, R]):
    """Changes something, and relies on running as if alone: ``run(tx, call, request)``.

    ``image(tx, call, request)`` is what of the state its entry in the audit log shows as it was before and as it is
    after.
    """

    image: Callable[[Tx, Call, Q], Image] | None = None


@dataclass(frozen=True, slots=True)
class Report(_Plain[Q, R]):
    """Changes what many change at once: what devices report, and what operators do to the same rows.

    Instead of relying on running alone ``run(tx, call, request)`` locks rows and compares versions before it sets.
    """

    def transaction(self, call: Call, request: Q, _prepared: Any = None) -> Work[R]:
        return locks_rows(lambda tx: self.run(tx, call, request))


@dataclass(frozen=True, slots=True)
class Prepared(Handler, Generic[Q, F, P, R]):
    """A write before which something is done that must not happen inside a transaction: ``run(…, prepared)``.

    ``prepare(call, request, found)`` makes keys or fetches a document, on a thread of its own. ``found`` is what
    ``look(tx, call, request)`` read in a transaction before that; where it finds None there is nothing to prepare, and
    ``prepared`` is None. Without ``look`` there always is, and ``found`` is None. By the time of ``run`` the store may
    say otherwise.
    """

    run: Callable[[Tx, Call, Q, P], R]
    prepare: Callable[[Call, Q, F], P]
    look: Callable[[Tx, Call, Q], F | None] | None = None

    def transaction(self, call: Call, request: Q, prepared: Any = None) -> Work[R]:
        return lambda tx: self.run(tx, call, request, prepared)


class Question(NamedTuple):
    """What somebody outside is asked: who, the JSON that is sent, and how long the answer may take in all."""

    hook: Hook
    body: bytes
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Consulted(Handler, Generic[Q, F, P, R]):
    """A write before which somebody outside is asked: ``run(tx, call, request, answer)``.

    ``look(tx, call, request)`` reads what it is about; ``question(call, request, found)`` says what to ask, None if
    nobody is. ``read(outcome)`` makes the answer of what came back, or refuses; of None, if nobody was. It is between
    two transactions: by the time of ``run`` the store may say otherwise.
    """

    run: Callable[[Tx, Call, Q, P], R]
    look: Callable[[Tx, Call, Q], F]
    question: Callable[[Call, Q, F], Question | None]
    read: Callable[[bytes | HookFaultError | None], P]

    def transaction(self, call: Call, request: Q, prepared: Any = None) -> Work[R]:
        return lambda tx: self.run(tx, call, request, prepared)


def _any(_request: object) -> bool:
    return True


def nothing(_request: object) -> bool:
    """``changes`` of an operation at the broker that only looks."""
    return False


@dataclass(frozen=True, slots=True)
class AtBroker(Handler, Generic[Q, R]):
    """Is about messages or connections, which no transaction covers: ``run(broker, call, request)``.

    It runs on the thread of the event loop, and once. ``changed_by(request)`` says whether this one changes anything.
    ``about_client``: it is about the client that ``request.client_id`` names, who may be connected to another server on
    the store; it is run there, too, if he is not connected here.
    """

    run: Callable[[MessageBroker, Call, Q], R]
    changed_by: Callable[[Q], bool] = _any
    about_client: bool = False

    def changes(self, request: Q) -> bool:
        return self.changed_by(request)


Handlers = dict[tuple[str, str], Handler]
"""Operations by (plane, name)."""
