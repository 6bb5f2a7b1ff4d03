"""Brings the outcomes of works back to the event loop: to their callers first, then to who hears of effects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from tidegate.ops.effects import Acting
from tidegate.store.database import Outcome, StoreUnavailable

T = TypeVar("T")
Listener = Callable[[list[Any]], None]

log = logging.getLogger("tidegate.store")

LOCK_PATIENCE_S = 3.5
"""How long a work is tried again that meets a lock each time."""
LOCK_PAUSE_S = 0.02
BATCH = 512
"""At most this many works share a commit, so that one turn of the loop stays short."""


class _Audience:
    """Those who hear of effects.

    A failure is the fault of an edge, not of the caller, and keeps nothing from the others.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._acts: dict[type, list[Callable[[Any], object]]] = {}

    def join(self, listener: Listener) -> None:
        """One more."""
        if isinstance(listener, Acting):
            for kind, act in listener.acts.items():
                self._acts.setdefault(kind, []).append(act)
        else:
            self._listeners.append(listener)

    def hear(self, effects: list[Any]) -> None:
        """Tell them: all of it to those who want all, then each effect to those who act on its type."""
        for listener in self._listeners:
            _attempt(listener, effects)
        for effect in effects:
            for act in self._acts.get(type(effect), ()):
                _attempt(act, effect)


def _attempt(act: Callable[[Any], object], what: object) -> None:
    try:
        act(what)
    except Exception:
        log.exception("an edge failed to act on %s; the change itself is stored", what)


class Landing:
    """Brings outcomes back to the loop: first the caller's future, then the effects to every listener."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._audience = _Audience()
        self._everywhere = _Audience()
        self.calls = 0

    def subscribe(self, listener: Listener, *, own: bool = False) -> None:
        self._audience.join(listener)
        if not own:
            self._everywhere.join(listener)

    def hear(self, effects: list[Any]) -> None:
        self._everywhere.hear(effects)

    def resolve(self, future: asyncio.Future[T], outcome: Outcome[T]) -> None:
        """Resolve a work's future; its effects follow in the loop's next turn, in the order of the outcomes."""
        answer(future, outcome)
        if outcome.effects:
            self._loop.call_soon(self._audience.hear, outcome.effects)

    async def delivered(self) -> None:
        await asyncio.sleep(0)  # deliveries take their turns in the order of the outcomes; this is a later one

    def refused(self) -> asyncio.Future[Any]:
        """The answer to a call that comes after ``close``."""
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_exception(StoreUnavailable("the store is closed"))
        return future


def outcome_of(call: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(call(), [])
    except Exception as error:  # noqa: BLE001 - handed to the caller through its future
        return Outcome(None, [], error)


def answer(future: asyncio.Future[T], outcome: Outcome[T]) -> None:
    if future.done():
        return
    if isinstance(outcome.error, StopIteration):  # which no future takes
        future.set_exception(RuntimeError("a work raised StopIteration"))
    elif outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.value)  # type: ignore[arg-type]


async def let_effects_out() -> None:
    """Wait until the loop has gone through what resolving put into it: the outcome itself, then the delivery."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
