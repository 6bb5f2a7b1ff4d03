"""startTime, endTime and what the end of a job does (control reference 8.1, 8.2). Instants are epoch ms."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from tidegate.core import texts
from tidegate.core.lifecycle import Act, ExecutionStatus

MINUTE = 60_000
_DAY = 24 * 60 * MINUTE
YEAR = 365 * _DAY
"""A year of the limits below: 366 days ahead is more than one."""

LEAD = 30 * MINUTE
"""How far ahead AWS wants startTime and endTime to be, and how far apart."""
_START_YEARS = 1
_END_YEARS = 2

_EPOCH = date(1970, 1, 1).toordinal()
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<offset>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_SLASHES = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d)", re.ASCII)


class EndBehavior(StrEnum):
    """What happens to executions that are not finished at endTime."""

    STOP_ROLLOUT = "STOP_ROLLOUT"
    CANCEL = "CANCEL"
    FORCE_CANCEL = "FORCE_CANCEL"


DEFAULT_END_BEHAVIOR: Final = EndBehavior.STOP_ROLLOUT

END_ACTS: Final[dict[tuple[EndBehavior, ExecutionStatus], Act]] = {
    (EndBehavior.CANCEL, ExecutionStatus.QUEUED): Act.CANCEL,
    (EndBehavior.FORCE_CANCEL, ExecutionStatus.QUEUED): Act.CANCEL,
    (EndBehavior.FORCE_CANCEL, ExecutionStatus.IN_PROGRESS): Act.FORCE_CANCEL,
}
"""What endTime does to an execution; an execution that is not a key goes on (control reference 8.2)."""


def parse(text: str) -> int:
    """Read a time as AWS's documents write it; without an offset it is UTC.

    ``YYYY-MM-DD[T ]HH:MM[:SS[.fff]][Z|±hh:mm]`` or ``YYYY/MM/DD HH:MM``; digits below the millisecond are dropped.

    Raises:
        ValueError: it is neither, or names no instant of the calendar.
    """
    match = _ISO.fullmatch(_SLASHES.sub(r"\1-\2-\3 \4", text) if _SLASHES.fullmatch(text) else text)
    if match is None:
        raise ValueError(text)
    day = date.fromisoformat(match["date"]).toordinal() - _EPOCH
    minutes = _clock(match["hour"], match["minute"]) - _offset(match["offset"])
    seconds = _below(60, match["second"] or "0")
    milliseconds = int((match["fraction"] or "0")[:3].ljust(3, "0"))
    return day * _DAY + minutes * MINUTE + seconds * 1000 + milliseconds


def text_of(instant: int) -> str:
    """An instant as DescribeJob writes it in ``scheduledJobRollouts``: ``2026-01-05T02:00:00Z``."""
    return datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def problems(
    start_time: str | None, end_time: str | None, *, now: int, lead: int = LEAD, apart: int = LEAD
) -> list[str]:
    """What is wrong with a job's startTime and endTime, as messages; none for a time that is absent.

    Args:
        start_time: as the caller wrote it.
        end_time: as the caller wrote it.
        now: epoch ms.
        lead: how far ahead both must be, in ms.
        apart: how far they must be from each other, in ms.
    """
    found: list[str] = []
    start = _checked("startTime", start_time, now, lead, _START_YEARS, found)
    end = _checked("endTime", end_time, now, lead, _END_YEARS, found)
    if start is not None and end is not None:
        if end - start < apart:
            found.append(texts.settings.times_too_close(_minutes(apart)))
        if end - start > _END_YEARS * YEAR:
            found.append(texts.settings.times_too_far_apart(_END_YEARS))
    return found


def _checked(member: str, text: str | None, now: int, lead: int, years: int, found: list[str]) -> int | None:
    """The instant of a time, whatever is wrong with it added to ``found``."""
    if text is None:
        return None
    try:
        instant = parse(text)
    except ValueError:
        found.append(texts.settings.time_invalid(member, text))
        return None
    if instant < now + lead:
        found.append(texts.settings.time_too_early(member, text, _minutes(lead)))
    if instant > now + years * YEAR:
        found.append(texts.settings.time_too_late(member, text, years))
    return instant


def _minutes(milliseconds: int) -> int:
    return -(-milliseconds // MINUTE)


def _clock(hour: str, minute: str) -> int:
    return _below(24, hour) * 60 + _below(60, minute)


def _offset(text: str | None) -> int:
    """Minutes east of UTC."""
    if text is None or text == "Z":
        return 0
    minutes = _clock(text[1:3], text[4:6])
    return -minutes if text[0] == "-" else minutes


def _below(limit: int, digits: str) -> int:
    value = int(digits)
    if value >= limit:
        raise ValueError(digits)
    return value
