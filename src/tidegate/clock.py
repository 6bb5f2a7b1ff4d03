"""The only module that asks the machine for the time or for randomness.

Everything else receives an instant (``now``, epoch milliseconds) or an ``Ids`` and is therefore the same code under the
system clock, under a clock moved by a test, and under a forecast. A lint rule bans the calls elsewhere.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections import deque
from typing import Final, Protocol

Millis = int
"""An instant: milliseconds since the Unix epoch, UTC."""


class Clock(Protocol):
    """Where ``now`` comes from."""

    def now(self) -> Millis:
        """The present instant in epoch milliseconds."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000


class MovableClock:
    """A clock that stands still until it is moved; ``resume`` lets it run from where it stands."""

    def __init__(self, start: Millis | None = None) -> None:
        self._at = SystemClock().now() if start is None else start
        self._running_since: int | None = None

    def now(self) -> Millis:
        if self._running_since is None:
            return self._at
        return self._at + (time.monotonic_ns() - self._running_since) // 1_000_000

    @property
    def frozen(self) -> bool:
        """True while time stands still."""
        return self._running_since is None

    def set(self, instant: Millis) -> None:
        """Jump to an instant; a running clock goes on from there."""
        self._at = instant
        if self._running_since is not None:
            self._running_since = time.monotonic_ns()

    def advance(self, milliseconds: int) -> None:
        """Jump ahead."""
        self.set(self.now() + milliseconds)

    def freeze(self) -> None:
        """Stand still at the present instant."""
        self._at = self.now()
        self._running_since = None

    def resume(self) -> None:
        """Run at the speed of the machine's clock."""
        if self._running_since is None:
            self._running_since = time.monotonic_ns()


def wall_now() -> Millis:
    """The machine's wall clock, whatever clock the service runs on.

    Signature skew and certificate dates are judged by it: clients sign with the real time even while ours stands still.
    """
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds on a clock that only runs forward: for durations and rate limits, never for stored instants."""
    return time.monotonic()


def busy() -> float:
    """Seconds of the processor that this thread has had: what others on the machine take does not count."""
    return time.thread_time()


class Ids(Protocol):
    """Where identifiers and secrets come from."""

    def uuid(self) -> str:
        """A lower-case UUID."""
        ...

    def token(self, length: int) -> str:
        """A string of ``length`` URL-safe characters nobody can guess."""
        ...


_POOL: Final = 64
"""Identifiers that the machine is asked for at once."""
_VARIANTS: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class RandomIds:
    """Unpredictable identifiers. For any thread."""

    def __init__(self) -> None:
        self._pool: deque[str] = deque()
        os.register_at_fork(after_in_child=self._pool.clear)  # two processes must not have the same ones

    def uuid(self) -> str:
        try:
            digits = self._pool.popleft()
        except IndexError:
            drawn = secrets.token_hex(16 * _POOL)
            digits = drawn[:32]
            self._pool.extend(drawn[at : at + 32] for at in range(32, 32 * _POOL, 32))
        # Version 4 of RFC 9562, as the standard library's are.
        variant = _VARIANTS[digits[16]]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def token(self, length: int) -> str:
        return secrets.token_urlsafe(length)[:length]


class SequentialIds:
    """Predictable identifiers for tests."""

    def __init__(self) -> None:
        self._count = 0

    def uuid(self) -> str:
        self._count += 1
        return str(uuid.UUID(int=self._count))

    def token(self, length: int) -> str:
        self._count += 1
        return f"{self._count:0{length}d}"[-length:]
