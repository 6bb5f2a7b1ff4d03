"""The blackout calendar: times at which no job of an account goes on, or none with a certain tag.

A blackout is a maintenance window turned inside out: while it lasts, jobs are as between windows. Each job keeps those
that concern it with its row, as they were when it was looked at last; a change has every job looked at.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from tidegate.core import cron, schedule, texts
from tidegate.core.arn import Names
from tidegate.core.windows import Once, Window
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import blackouts, jobs, scopes, tags
from tidegate.store.database import Tx
from tidegate.store.jobs import Job
from tidegate.wire import iot
from tidegate.wire.shapes import SparseShape

_MINUTE: Final = 60_000
_LONGEST: Final = 366 * 1440
"""Minutes."""
_MOST: Final = 100


class PutBlackoutRequest(SparseShape):
    """A blackout: ``start_time`` is a cron expression (UTC) with ``duration_in_minutes``, or a time with ``end_time``.

    ``tag`` is ``key=value`` of the jobs that it concerns; without one it concerns every job.
    """

    __required__ = ("blackout_name", "start_time")
    blackout_name: str
    start_time: str
    duration_in_minutes: int | None = None
    end_time: str | None = None
    tag: str | None = None
    comment: str | None = None


class DeleteBlackoutRequest(SparseShape):
    """Which one."""

    __required__ = ("blackout_name",)
    blackout_name: str


class ListBlackoutsRequest(SparseShape):
    """All of them."""


class Blackouts(SparseShape):
    """An account's blackouts, by name."""

    blackouts: list[PutBlackoutRequest]


class Kept(msgspec.Struct, array_like=True):
    """A blackout as a job's row has it: when (a cron expression or a time), and for how many minutes."""

    name: str
    start_time: str
    minutes: int


def put_blackout(tx: Tx, call: Call, request: PutBlackoutRequest) -> PutBlackoutRequest:
    """Keep a blackout, in place of one with the same name; jobs obey at once.

    Raises:
        InvalidRequestException: with everything that is wrong with it.
        LimitExceededException: there are too many.
    """
    problems = _problems(request)
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    known = {each.name for each in blackouts.every(tx, call.scope)}
    if request.blackout_name not in known and len(known) >= _MOST:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("blackouts", _MOST))
    blackouts.put(tx, call.scope, request.blackout_name, msgspec.json.encode(request).decode(), call.now)
    _look_again(tx, call)
    return request


def _problems(given: PutBlackoutRequest) -> list[str]:
    found = []
    if not 1 <= len(given.blackout_name) <= 128:
        found.append("blackoutName has 1 to 128 characters.")
    if given.tag is not None and not given.tag.partition("=")[0]:
        found.append("tag is key=value.")
    if (given.duration_in_minutes is None) == (given.end_time is None):
        found.append("Give durationInMinutes with a cron expression, or endTime with a time.")
    elif given.end_time is None:
        try:
            cron.parse(given.start_time)
        except cron.CronError as error:
            found.append(str(error))
        if not 1 <= (given.duration_in_minutes or 0) <= _LONGEST:
            found.append(f"durationInMinutes is from 1 to {_LONGEST}.")
    else:
        found += _wrong_times(given.start_time, given.end_time)
    return found


def _wrong_times(start: str, end: str) -> list[str]:
    try:
        span = schedule.parse(end) - schedule.parse(start)
    except ValueError as error:
        return [texts.settings.time_invalid("startTime or endTime", str(error))]
    return [] if 0 < span <= _LONGEST * _MINUTE else ["endTime is later than startTime, and by a year at most."]


def delete_blackout(tx: Tx, call: Call, request: DeleteBlackoutRequest) -> Blackouts:
    """Remove a blackout; jobs go on at once. Those that are left. Raises ResourceNotFoundException."""
    if not blackouts.delete(tx, call.scope, request.blackout_name):
        raise iot.ResourceNotFoundException(f"There is no blackout {request.blackout_name}.")
    _look_again(tx, call)
    return list_blackouts(tx, call, ListBlackoutsRequest())


def list_blackouts(tx: Tx, call: Call, _request: ListBlackoutsRequest) -> Blackouts:
    """Every blackout."""
    return Blackouts(blackouts=_every(tx, call.scope))


def _every(tx: Tx, scope: int) -> list[PutBlackoutRequest]:
    return [msgspec.json.decode(each.config, type=PutBlackoutRequest) for each in blackouts.every(tx, scope)]


def _look_again(tx: Tx, call: Call) -> None:
    jobs.hasten_scope(tx, call.scope, call.now)
    tx.effects.append(EngineDue(call.now))


# --- what concerns a job ----------------------------------------------------------------------------------------------


def concerning(tx: Tx, scope: int, tagged: dict[str, str] | None, arn: str) -> str | None:
    """The blackouts that concern a job, as its row keeps them; ``tagged`` None reads its tags if one asks for them."""
    found = []
    for each in _every(tx, scope):
        key, _, value = (each.tag or "").partition("=")
        if key and tagged is None:
            tagged = tags.of(tx, scope, arn)
        if not key or (tagged or {}).get(key) == value:
            found.append(_kept(each))
    return msgspec.json.encode(found).decode() if found else None


def _kept(given: PutBlackoutRequest) -> Kept:
    if given.end_time is None:
        return Kept(given.blackout_name, given.start_time, given.duration_in_minutes or 0)
    span = schedule.parse(given.end_time) - schedule.parse(given.start_time)
    return Kept(given.blackout_name, given.start_time, -(-span // _MINUTE))


def refreshed(tx: Tx, row: Job, partition: str) -> Job:
    """A job with the blackouts that concern it now."""
    if not blackouts.every(tx, row.scope):
        return row if row.blackouts is None else row._replace(blackouts=None)
    account, region = scopes.name(tx, row.scope) or ("", "")
    return row._replace(blackouts=concerning(tx, row.scope, None, Names(partition, region, account).job(row.name)))


def names(row: Job) -> list[str]:
    """The blackouts that concern a job, by name."""
    return [each.name for each in msgspec.json.decode(row.blackouts or "[]", type=list[Kept])]


@lru_cache(maxsize=256)
def windows_of(text: str) -> tuple[Window, ...]:
    """Blackouts as a timetable takes them."""
    return tuple(_window(each) for each in msgspec.json.decode(text, type=list[Kept]))


def _window(kept: Kept) -> Window:
    try:
        return Window(Once(schedule.parse(kept.start_time)), kept.minutes)
    except ValueError:
        return Window(cron.parse(kept.start_time), kept.minutes)


HANDLERS: Handlers = {
    ("tidegate", "PutBlackout"): Write(put_blackout),
    ("tidegate", "DeleteBlackout"): Write(delete_blackout),
    ("tidegate", "ListBlackouts"): Read(list_blackouts),
}
REQUESTS: dict[str, type[SparseShape]] = {
    "PutBlackout": PutBlackoutRequest,
    "DeleteBlackout": DeleteBlackoutRequest,
    "ListBlackouts": ListBlackoutsRequest,
}
