"""``draws.Devices`` for many things at once: the same numbers, and what follows from them, as arrays."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from tidegate.core.forecast import draws
from tidegate.core.forecast.draws import GAMMA, HOUR, MULTIPLIERS, UNIT, Online, Stream
from tidegate.core.forecast.fleet import HOURS, Cohort, Fleet, Quantiles
from tidegate.core.lifecycle import ExecutionStatus

NEVER: Final = 1 << 62
"""An instant that does not come."""
_OUTCOMES: Final = np.array([-1 if one is None else int(one) for one in draws.OUTCOMES], dtype=np.int8)
_REJECTED: Final = int(ExecutionStatus.REJECTED)


class Columns(NamedTuple):
    """Executions as arrays, a row each; instants are epoch ms.

    ``since`` is when the device could first know of it, ``start`` and ``end`` what its device will do, timeouts among
    it, ``status`` as what it then ends.
    """

    thing: Any
    attempt: Any
    after_failed: Any
    queued_at: Any
    since: Any
    start: Any
    end: Any
    status: Any

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.thing)

    def where(self, chosen: Any) -> Columns:
        """Some of the rows."""
        return Columns(*(column[chosen] for column in self))

    @classmethod
    def joined(cls, parts: list[Columns]) -> Columns:
        """One after the other."""
        full = [one for one in parts if one.size]
        if len(full) <= 1:
            return full[0] if full else cls.none()
        return cls(*(np.concatenate(each) for each in zip(*full, strict=True)))

    @classmethod
    def none(cls) -> Columns:
        """No rows."""
        return cls(*(np.empty(0, dtype=kind) for kind in ("i8", "i1", "i1", "i8", "i8", "i8", "i8", "i1")))


class Crowd:
    """The devices of one run of a fleet."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._cohorts = fleet.cohorts
        self._bounds = draws.bounds(fleet)
        self._online = [Online.of(one.online) for one in fleet.cohorts]
        self._seed = seed

    def begins(self, thing: Any, attempt: Any, at: Any) -> Any:
        """When each begins an execution that it can know of from ``at`` on; NEVER if it does not."""
        start: Any = np.full(len(thing), NEVER, dtype=np.int64)
        for rows, which, turn in self._alike(thing, attempt):
            one, online = self._cohorts[which], self._online[which]
            mine, from_ = thing[rows], at[rows]
            there = from_ if online.always else _after(online, from_, self._draw(Stream.ONLINE, mine, turn))
            begun = there + _values(one.start, self._draw(Stream.START, mine, turn))
            begun[there >= NEVER] = NEVER
            if one.silent:
                begun[self._draw(Stream.OUTCOME, mine, turn) < one.silent] = NEVER
            start[rows] = begun
        return start

    def ends(self, thing: Any, attempt: Any, start: Any, now: int) -> tuple[Any, Any]:
        """When and as what each reports the end of an execution that begins, or began before ``now``."""
        end: Any = np.full(len(thing), NEVER, dtype=np.int64)
        status: Any = np.full(len(thing), -1, dtype=np.int8)
        for rows, which, turn in self._alike(thing, attempt):
            mine, begun = thing[rows], start[rows]
            number = self._draw(Stream.OUTCOME, mine, turn)
            share = self._draw(Stream.RUN, mine, turn)
            end[rows], status[rows] = _ends(self._cohorts[which], begun, now, number, share)
        end[start >= NEVER] = NEVER
        return end, status

    def _alike(self, thing: Any, attempt: Any) -> list[tuple[Any, int, int]]:
        """(rows, cohort, attempt) of things that are alike."""
        turns = [int(attempt[0])] if len(attempt) and (attempt == attempt[0]).all() else np.unique(attempt).tolist()
        if len(self._cohorts) == 1:
            if len(turns) == 1:
                return [(slice(None), 0, turns[0])]
            return [(np.flatnonzero(attempt == turn), 0, turn) for turn in turns]
        cohort = self.cohort(thing)
        found = [
            (np.flatnonzero((cohort == which) & (attempt == turn)), which, turn)
            for which in range(len(self._cohorts))
            for turn in turns
        ]
        return [one for one in found if len(one[0])]

    def cohort(self, thing: Any) -> Any:
        """Which cohort each is of."""
        return np.searchsorted(np.array(self._bounds), self._draw(Stream.COHORT, thing, 0), side="right")

    def _draw(self, stream: Stream, thing: Any, attempt: int) -> Any:
        x = thing.astype(np.uint64)
        x *= np.uint64(GAMMA)
        x += np.uint64(draws.key(self._seed, stream, attempt))
        x ^= x >> np.uint64(30)
        x *= np.uint64(MULTIPLIERS[0])
        x ^= x >> np.uint64(27)
        x *= np.uint64(MULTIPLIERS[1])
        x ^= x >> np.uint64(31)
        x >>= np.uint64(11)
        return x * UNIT


def _values(spans: Quantiles, share: Any) -> Any:
    """``Quantiles.value`` in whole ms."""
    at, low, slopes = (np.array(each) for each in (spans.at, spans.values, spans.slopes))
    place: Any = np.zeros(len(share), dtype=np.intp)
    for limit in at[1:-1]:
        place += share >= limit
    return (low[place] + slopes[place] * (share - at[place])).astype(np.int64)


def _ends(one: Cohort, begun: Any, now: int, number: Any, share: Any) -> tuple[Any, Any]:
    """``draws.Devices.ends``."""
    before = begun < now
    if before.any():
        if one.silent < 1:
            number = np.where(before, one.silent + number * (1 - one.silent), number)
        passed = np.array([one.run.share(now - at) if at < now else 0.0 for at in begun.tolist()])
        share = np.where(before, passed + share * (1 - passed), share)
    place: Any = np.zeros(len(number), dtype=np.intp)
    for limit in draws.outcome_limits(one):
        place += number >= limit
    status = _OUTCOMES[place]
    end = begun + _values(one.run, share)
    if one.rejected:
        end = np.where(status == _REJECTED, begun, end)
    end = np.maximum(end, now) if before.any() else end
    if one.silent or one.stuck:
        end[status < 0] = NEVER
    return end, status


def _after(online: Online, at: Any, chance: Any) -> Any:
    """``Online.after``."""
    hour, left = at // HOUR, 1 - chance
    absent = np.array(online.absent)
    row = hour % HOURS
    away = np.flatnonzero(left <= absent[row, 0])
    there = at.copy()
    if online.never:
        there[away] = NEVER
        return there
    left, table = left[away], absent[row[away]]
    day = absent[0, -1]
    days: Any = np.zeros(len(away), dtype=np.int64)
    if day > 0:
        later = left <= table[:, -1]
        days[later] = (np.log(left[later]) / np.log(table[later, -1])).astype(np.int64)
        left[later] /= table[later, -1] ** days[later]
    ahead = (table >= left[:, None]).sum(axis=1)
    there[away] = (hour[away] + days * HOURS + ahead) * HOUR
    return there
