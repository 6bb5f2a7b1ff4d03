"""AWS cron expressions (control reference 8.3): when a maintenance window begins.

Six fields, in UTC: minutes, hours, day-of-month, month, day-of-week (1 = SUN), year; with or without ``cron(...)``.
Seven fields begin with one second of the minute. Exactly one of the day fields is ``?``.

Where AWS's page is silent this follows the Quartz family, whose signs AWS uses: a range may run past the end of its
field (``SAT-SUN``, ``22-2``; not years), an increment may not exceed the field, ``L`` in day-of-week is Saturday,
``5L`` the last Thursday, ``LW`` the last working day of the month, and ``31W`` does not occur in a month of thirty
days.

An expression becomes a sorted tuple of instants within a day and a rule for days, so the search goes from day to day
and never through minutes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from tidegate.core import texts

_SECOND = 1000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_SUNDAY, _SATURDAY = 1, 7
_DAYS_IN_WEEK = 7


class CronError(ValueError):
    """Not a cron expression; the message names the field and the reason."""


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    cyclic: bool = True

    def error(self, text: str, reason: str) -> CronError:
        return CronError(texts.settings.cron_field(self.name, text, reason))


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAY_OF_MONTH = _Field("day-of-month", 1, 31)
_MONTH = _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_DAY_OF_WEEK = _Field("day-of-week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_YEAR = _Field("year", _FIRST_YEAR, _LAST_YEAR, cyclic=False)
_SECONDS = _Field("seconds", 0, 59)

_SIX: Final = 6
_SEVEN: Final = 7


class _Days(NamedTuple):
    """Which days of a month: plain days or weekdays, and the signs that depend on the month."""

    days: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    last: bool = False
    last_working: bool = False
    nearest_working: frozenset[int] = frozenset()
    last_weekdays: frozenset[int] = frozenset()
    nth_weekday: tuple[int, int] | None = None

    def of(self, year: int, month: int) -> list[int]:
        """The days of this month, in order."""
        monday_based, length = monthrange(year, month)
        first = (monday_based + 1) % _DAYS_IN_WEEK + 1
        days = {day for day in self.days if day <= length}
        for weekday in self.weekdays:
            days.update(range(1 + (weekday - first) % _DAYS_IN_WEEK, length + 1, _DAYS_IN_WEEK))
        if self.last:
            days.add(length)
        if self.last_working:
            days.add(_nearest_working(length, length, first))
        days.update(_nearest_working(day, length, first) for day in self.nearest_working if day <= length)
        last_weekday = (first + length - 2) % _DAYS_IN_WEEK + 1
        days.update(length - (last_weekday - weekday) % _DAYS_IN_WEEK for weekday in self.last_weekdays)
        if self.nth_weekday is not None:
            weekday, nth = self.nth_weekday
            day = 1 + (weekday - first) % _DAYS_IN_WEEK + (nth - 1) * _DAYS_IN_WEEK
            days.update({day} if day <= length else ())
        return sorted(days)


def _nearest_working(day: int, length: int, first: int) -> int:
    """The weekday nearest to a day without leaving the month."""
    weekday = (first + day - 2) % _DAYS_IN_WEEK + 1
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. Instants are epoch ms; occurrences lie in the years 1970 to 2199."""

    text: str
    _offsets: tuple[int, ...]
    _days: _Days
    _months: tuple[int, ...]
    _years: tuple[int, ...]

    def next_after(self, instant: int) -> int | None:
        """The first occurrence strictly after an instant; None if there is none any more."""
        day, within = divmod(instant, _DAY)
        for candidate in self._days_from(day):
            at = bisect_right(self._offsets, within) if candidate == day else 0
            if at < len(self._offsets):
                return candidate * _DAY + self._offsets[at]
        return None

    def previous_at_or_before(self, instant: int) -> int | None:
        """The last occurrence at or before an instant; None if there was none."""
        day, within = divmod(instant, _DAY)
        for candidate in self._days_back_from(day):
            at = bisect_right(self._offsets, within) if candidate == day else len(self._offsets)
            if at > 0:
                return candidate * _DAY + self._offsets[at - 1]
        return None

    def _days_from(self, day: int) -> Iterator[int]:
        """Matching days at or after a day, counted from the epoch."""
        start = _date(day)
        for year in self._years[bisect_left(self._years, start.year) :]:
            for month in self._months:
                if (year, month) < (start.year, start.month):
                    continue
                base = date(year, month, 1).toordinal() - 1 - _EPOCH
                yield from (base + each for each in self._days.of(year, month) if base + each >= day)

    def _days_back_from(self, day: int) -> Iterator[int]:
        """Matching days at or before a day, from new to old."""
        start = _date(day)
        for year in reversed(self._years[: bisect_right(self._years, start.year)]):
            for month in reversed(self._months):
                if (year, month) > (start.year, start.month):
                    continue
                base = date(year, month, 1).toordinal() - 1 - _EPOCH
                yield from (base + each for each in reversed(self._days.of(year, month)) if base + each <= day)


def _date(day: int) -> date:
    """The date of a day counted from the epoch; days beyond what a date can hold become the nearest one."""
    return date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal()))


@lru_cache(maxsize=1024)
def parse(text: str) -> Cron:
    """Read an expression.

    Raises:
        CronError: naming the field and the reason.
    """
    fields = _unwrapped(text).split()
    if len(fields) not in (_SIX, _SEVEN):
        raise CronError(texts.settings.cron_field_count(len(fields)))
    second = _second(fields.pop(0)) if len(fields) == _SEVEN else 0
    minutes, hours, day_of_month, month, day_of_week, year = fields
    return Cron(
        text=text,
        _offsets=_offsets(_values(_HOURS, hours), _values(_MINUTES, minutes), second),
        _days=_day_rule(day_of_month, day_of_week),
        _months=_values(_MONTH, month),
        _years=_values(_YEAR, year),
    )


def _unwrapped(text: str) -> str:
    text = text.strip()
    if not text.startswith("cron("):
        return text
    if not text.endswith(")"):
        raise CronError(texts.settings.CRON_WRAPPER)
    return text[len("cron(") : -1]


def _second(text: str) -> int:
    try:
        return _value(_SECONDS, text)
    except CronError:
        raise _SECONDS.error(text, texts.settings.CRON_SECONDS) from None


def _offsets(hours: tuple[int, ...], minutes: tuple[int, ...], second: int) -> tuple[int, ...]:
    return tuple((hour * 60 + minute) * _MINUTE + second * _SECOND for hour in hours for minute in minutes)


def _values(field: _Field, text: str) -> tuple[int, ...]:
    """The values a field without day signs stands for, in order."""
    return tuple(sorted({value for item in _items(field, text) for value in _span(field, item)}))


def _items(field: _Field, text: str) -> list[str]:
    items = text.split(",")
    if "" in items:
        raise field.error(text, texts.settings.CRON_EMPTY)
    return items


def _span(field: _Field, item: str) -> Iterator[int]:
    """``7``, ``2-5``, ``*``, and each of them with ``/increment``; ``7/increment`` runs to the end of the field."""
    base, slash, increment = item.partition("/")
    step = _step(field, item, increment) if slash else 1
    first, last = _bounds(field, item, base, open_ended=bool(slash))
    size = field.most - field.least + 1
    if last < first:
        if not field.cyclic:
            raise field.error(item, texts.settings.CRON_RANGE_BACKWARDS)
        last += size
    return (field.least + (value - field.least) % size for value in range(first, last + 1, step))


def _bounds(field: _Field, item: str, base: str, *, open_ended: bool) -> tuple[int, int]:
    if base == "*":
        return field.least, field.most
    if base == "?":
        raise field.error(
            item, texts.settings.CRON_QUESTION_ALONE if "day" in field.name else texts.settings.cron_not_a_value("?")
        )
    begin, dash, end = base.partition("-")
    first = _value(field, begin)
    if dash:
        return first, _value(field, end)
    return first, field.most if open_ended else first


def _step(field: _Field, item: str, text: str) -> int:
    step = _number(text)
    if step is None or not 1 <= step <= field.most:
        raise field.error(item, texts.settings.cron_step(field.most))
    return step


def _value(field: _Field, text: str) -> int:
    if text.upper() in field.names:
        return field.names.index(text.upper()) + 1
    value = _number(text)
    if value is None:
        raise field.error(text, texts.settings.cron_not_a_value(text) if text else texts.settings.CRON_EMPTY)
    if not field.least <= value <= field.most:
        raise field.error(text, texts.settings.cron_out_of_range(field.least, field.most))
    return value


def _number(text: str) -> int | None:
    """Plain digits only: int() alone would take signs, underscores and other alphabets' digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_YEAR)) else None


def _day_rule(day_of_month: str, day_of_week: str) -> _Days:
    if day_of_month == "?" and day_of_week == "?":
        raise CronError(texts.settings.CRON_NO_DAYS)
    # Both fields are read before their combination is judged: a typing error is the better thing to report.
    by_date = _dates(day_of_month) if day_of_month != "?" else None
    by_weekday = _weekdays(day_of_week) if day_of_week != "?" else None
    if by_date is not None and by_weekday is not None:
        raise CronError(texts.settings.CRON_BOTH_DAYS)
    rule = by_date or by_weekday
    assert rule is not None
    return rule


def _dates(text: str) -> _Days:
    items = [item.upper() for item in _items(_DAY_OF_MONTH, text)]
    plain = [item for item in items if not item.endswith(("L", "W"))]
    nearest = [item[:-1] for item in items if item.endswith("W") and item != "LW"]
    wrong = [item for item in items if item.endswith("L") and item != "L"]
    if wrong:
        raise _DAY_OF_MONTH.error(text, texts.settings.cron_not_a_value(wrong[0]))
    return _Days(
        days=frozenset(value for item in plain for value in _span(_DAY_OF_MONTH, item)),
        last="L" in items,
        last_working="LW" in items,
        nearest_working=frozenset(_value(_DAY_OF_MONTH, item) for item in nearest),
    )


def _weekdays(text: str) -> _Days:
    if "#" in text:
        return _Days(nth_weekday=_nth(text))
    items = [item.upper() for item in _items(_DAY_OF_WEEK, text)]
    plain = [_day_name_of_last(item) for item in items if item == "L" or not item.endswith("L")]
    last = [item[:-1] for item in items if item != "L" and item.endswith("L")]
    return _Days(
        weekdays=frozenset(value for item in plain for value in _span(_DAY_OF_WEEK, item)),
        last_weekdays=frozenset(_value(_DAY_OF_WEEK, item) for item in last),
    )


def _day_name_of_last(item: str) -> str:
    return "SAT" if item == "L" else item


def _nth(text: str) -> tuple[int, int]:
    if "," in text:
        raise _DAY_OF_WEEK.error(text, texts.settings.CRON_HASH_ALONE)
    weekday, _, nth = text.partition("#")
    number = _number(nth)
    if number is None or not 1 <= number <= 5:  # a month has at most five of a weekday
        raise _DAY_OF_WEEK.error(text, texts.settings.CRON_HASH_RANGE)
    return _value(_DAY_OF_WEEK, weekday), number
