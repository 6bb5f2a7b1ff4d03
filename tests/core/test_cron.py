"""Cron against a scan of every day and minute, AWS's own samples, and each way to be wrong."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import cron

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def written(instant: int | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def occurrences(expression: str, after: str, count: int) -> list[str | None]:
    parsed, instant, found = cron.parse(expression), at(after), []
    for _ in range(count):
        following = parsed.next_after(instant)
        found.append(written(following))
        if following is None:
            break
        instant = following
    return found


# --- the oracle: one decision per field and minute, written without regard to the implementation ----------------------

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def number(text: str) -> int:
    for names in (MONTHS, WEEKDAYS):
        if text in names:
            return names.index(text) + 1
    return int(text)


def plain_match(item: str, value: int, least: int, most: int) -> bool:
    """Walk from the first value to the last, round the end of the field if need be, and take each n-th."""
    base, _, increment = item.partition("/")
    if base == "*":
        here, last = least, most
    elif "-" in base:
        here, last = (number(part) for part in base.split("-"))
    else:
        here, last = number(base), (most if increment else number(base))
    walked = [here]
    while here != last:
        here = least if here == most else here + 1
        walked.append(here)
    return value in walked[:: int(increment or 1)]


def weekday_of(day: datetime) -> int:
    return day.isoweekday() % 7 + 1


def nearest_working_day(month: datetime, wanted: int) -> int | None:
    length = monthrange(month.year, month.month)[1]
    if wanted > length:
        return None
    working = [d for d in range(1, length + 1) if month.replace(day=d).isoweekday() <= 5]
    return min(working, key=lambda d: abs(d - wanted))


def date_match(item: str, day: datetime) -> bool:
    length = monthrange(day.year, day.month)[1]
    if item == "L":
        return day.day == length
    if item == "LW":
        return day.day == nearest_working_day(day, length)
    if item.endswith("W"):
        return day.day == nearest_working_day(day, int(item[:-1]))
    return plain_match(item, day.day, 1, 31)


def weekday_match(item: str, day: datetime) -> bool:
    length = monthrange(day.year, day.month)[1]
    if item == "L":
        return weekday_of(day) == 7
    if item.endswith("L"):
        return weekday_of(day) == number(item[:-1]) and day.day + 7 > length
    if "#" in item:
        wanted, nth = item.split("#")
        return weekday_of(day) == number(wanted) and (day.day - 1) // 7 + 1 == int(nth)
    return plain_match(item, weekday_of(day), 1, 7)


def minute_matches(expression: str, minute: int) -> bool:
    minutes, hours = expression.split()[:2]
    return any(plain_match(item, minute // 60, 0, 23) for item in hours.split(",")) and any(
        plain_match(item, minute % 60, 0, 59) for item in minutes.split(",")
    )


def day_matches(expression: str, day: datetime) -> bool:
    _, _, dates, months, weekdays, years = expression.split()
    return (
        any(plain_match(item, day.year, 1970, 2199) for item in years.split(","))
        and any(plain_match(item, day.month, 1, 12) for item in months.split(","))
        and (dates == "?" or any(date_match(item, day) for item in dates.split(",")))
        and (weekdays == "?" or any(weekday_match(item, day) for item in weekdays.split(",")))
    )


def scan(expression: str, first_day: datetime, days: int) -> list[int]:
    """All occurrences in some days. Which minutes of a day match does not depend on the day, so they are tried once."""
    minutes = [minute for minute in range(1440) if minute_matches(expression, minute)]
    begin = int(first_day.timestamp()) * 1000
    return [
        begin + day * DAY + minute * MINUTE
        for day in range(days)
        if day_matches(expression, first_day + timedelta(days=day))
        for minute in minutes
    ]


def span(least: int, most: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    value = st.integers(least, most).map(lambda n: names[n - 1] if names and n % 2 else str(n))
    pairs = st.tuples(value, value).map("-".join)
    steps = st.integers(1, most if most < 100 else 9).map(str)
    return st.one_of(
        value, value, pairs, st.just("*"), st.tuples(st.one_of(value, pairs, st.just("*")), steps).map("/".join)
    )


def some(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(item, min_size=1, max_size=2).map(",".join)


YEARS = st.one_of(st.just("*"), st.just("*"), st.just("2023-2025"), st.just("2024/2"), st.just("2024,2026"))
DATES = some(st.one_of(span(1, 31), st.just("L"), st.just("LW"), st.integers(1, 31).map(lambda day: f"{day}W")))
HASH = st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
LAST = st.integers(1, 7).map(lambda day: f"{WEEKDAYS[day - 1]}L" if day % 2 else f"{day}L")
ON_WEEKDAYS = st.one_of(some(st.one_of(span(1, 7, WEEKDAYS), st.just("L"), LAST)), HASH)
DAYS = st.one_of(st.tuples(DATES, st.just("?")), st.tuples(st.just("?"), ON_WEEKDAYS))
EXPRESSIONS = st.tuples(some(span(0, 59)), some(span(0, 23)), DAYS, some(span(1, 12, MONTHS)), YEARS).map(
    lambda f: f"{f[0]} {f[1]} {f[2][0]} {f[3]} {f[2][1]} {f[4]}"
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(EXPRESSIONS, st.integers(0, 1095))
def test_agrees_with_a_scan_of_every_day_and_minute(expression: str, offset: int) -> None:
    days = 40
    first_day = datetime(2023, 11, 20, tzinfo=UTC) + timedelta(days=offset)
    begin, end = int(first_day.timestamp()) * 1000, int(first_day.timestamp()) * 1000 + days * DAY
    expected = scan(expression, first_day, days)
    parsed = cron.parse(expression)

    forward, instant = [], parsed.next_after(begin - 1)
    while instant is not None and instant < end:
        forward.append(instant)
        instant = parsed.next_after(instant)
    assert forward == expected

    backward, instant = [], parsed.previous_at_or_before(end - 1)
    while instant is not None and instant >= begin:
        backward.append(instant)
        instant = parsed.previous_at_or_before(instant - 1)
    assert backward[::-1] == expected


@settings(derandomize=True, max_examples=200, deadline=None)
@given(EXPRESSIONS, st.integers(at("2020-01-01"), at("2030-01-01")))
def test_next_and_previous_are_inverse(expression: str, instant: int) -> None:
    parsed = cron.parse(expression)
    following = parsed.next_after(instant)
    if following is None:
        return
    assert following > instant
    assert parsed.previous_at_or_before(following) == following
    previous = parsed.previous_at_or_before(following - 1)
    assert previous is None or previous <= instant
    assert previous == parsed.previous_at_or_before(instant)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.one_of(st.text(alphabet="0123456789*,-/?LW# JANMO()cron", max_size=40), st.text(max_size=30)))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        parsed = cron.parse(text)
    except cron.CronError:
        return
    assert parsed.text == text


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # AWS's samples (control reference 8.3)
        ("cron(0 10 * * ? *)", "2026-01-05 10:00", ["2026-01-06 10:00:00", "2026-01-07 10:00:00"]),
        ("0 18 ? * MON-FRI *", "2026-01-02 17:59", ["2026-01-02 18:00:00", "2026-01-05 18:00:00"]),
        ("0 8 1 * ? *", "2026-01-01 08:00", ["2026-02-01 08:00:00", "2026-03-01 08:00:00"]),
        ("1/10 0 1 1 ? *", "2026-01-01", [f"2026-01-01 00:{m}:00" for m in ("01", "11", "21", "31", "41", "51")]),
        ("0 0 ? * 3#2 *", "2026-01-01", ["2026-01-13 00:00:00", "2026-02-10 00:00:00"]),  # second Tuesday
        ("0 0 ? * 5L *", "2026-01-01", ["2026-01-29 00:00:00", "2026-02-26 00:00:00"]),  # last Thursday
        ("0 0 3W * ? *", "2026-01-01", ["2026-01-02 00:00:00", "2026-02-03 00:00:00"]),  # the 3rd is a Saturday
        # the nearest weekday stays in its month
        ("0 0 1W 8 ? *", "2026-01-01", ["2026-08-03 00:00:00"]),
        ("0 0 31W 5 ? *", "2026-01-01", ["2026-05-29 00:00:00"]),
        ("0 0 31W * ? 2026", "2026-04-01", ["2026-05-29 00:00:00", "2026-07-31 00:00:00"]),
        # months of every length, and leap years
        ("0 0 L * ? *", "2028-01-31", ["2028-02-29 00:00:00", "2028-03-31 00:00:00"]),
        ("0 0 LW * ? *", "2026-01-01", ["2026-01-30 00:00:00", "2026-02-27 00:00:00"]),
        ("0 0 29 2 ? *", "2096-02-29", ["2104-02-29 00:00:00"]),  # 2100 is none
        ("0 0 ? * L *", "2026-01-01", ["2026-01-03 00:00:00", "2026-01-10 00:00:00"]),
        ("0 0 ? * SAT-SUN *", "2026-01-02", ["2026-01-03 00:00:00", "2026-01-04 00:00:00", "2026-01-10 00:00:00"]),
        ("0 22-1 1 1 ? *", "2026-01-01", ["2026-01-01 01:00:00", "2026-01-01 22:00:00", "2026-01-01 23:00:00"]),
        # seconds first
        ("30 15 10 * * ? *", "2026-01-05 10:15", ["2026-01-05 10:15:30", "2026-01-06 10:15:30"]),
        ("cron(0 0 12 ? JAN mon *)", "2026-01-01", ["2026-01-05 12:00:00"]),
        # the ends of time
        ("0 0 1 1 ? 2199", "2026-01-01", ["2199-01-01 00:00:00", None]),
        ("0 0 30 2 ? *", "2026-01-01", [None]),
        ("0 0 1 1 ? 1970", "2026-01-01", [None]),
        ("0 0 1 1 ? *", "1960-01-01", ["1970-01-01 00:00:00"]),
    ],
)
def test_occurrences(expression: str, after: str, expected: list[str | None]) -> None:
    found = occurrences(expression, after, len(expected))
    assert found == expected


def test_previous() -> None:
    parsed = cron.parse("0 10 * * ? *")
    assert written(parsed.previous_at_or_before(at("2026-01-05 10:00"))) == "2026-01-05 10:00:00"
    assert written(parsed.previous_at_or_before(at("2026-01-05 10:00") - 1)) == "2026-01-04 10:00:00"
    assert parsed.previous_at_or_before(-1) is None
    assert cron.parse("0 0 1 1 ? 2030").previous_at_or_before(at("2029-12-31 23:59")) is None
    assert written(parsed.previous_at_or_before(at("2400-01-01"))) == "2199-12-31 10:00:00"
    assert parsed.next_after(10**18) is None


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("", "six fields"),
        ("0 10 * * ?", "six fields"),
        ("0 10 * * ? * * *", "six fields"),
        ("cron(0 10 * * ? *", "parenthesis"),
        ("60 10 * * ? *", "minutes 60"),
        ("0 24 * * ? *", "hours 24"),
        ("0 10 0 * ? *", "day-of-month 0"),
        ("0 10 32 * ? *", "day-of-month 32"),
        ("0 10 1 13 ? *", "month 13"),
        ("0 10 ? * 0 *", "day-of-week 0"),
        ("0 10 ? * 8 *", "day-of-week 8"),
        ("0 10 * * ? 1969", "year 1969"),
        ("0 10 * * ? 2200", "year 2200"),
        ("0 10 * * ? 2030-2026", "ends before it begins"),
        ("0 10 * * * *", "day-of-month and day-of-week must be ?"),
        ("0 10 1 * MON *", "day-of-month and day-of-week must be ?"),
        ("0 10 ? * ? *", "can be ?"),
        ("? 10 * * ? *", "minutes ?"),
        ("0 10 1,? * ? *", "stand alone"),
        ("0 10 ? * 3#1,6#3 *", "only one expression"),
        ("0 10 ? * 3#6 *", "from 1 to 5"),
        ("0 10 ? * 3# *", "from 1 to 5"),
        ("0 10 ? * #2 *", "day-of-week"),
        ("0/0 10 * * ? *", "increment"),
        ("0/60 10 * * ? *", "increment"),
        ("0/x 10 * * ? *", "increment"),
        ("0,,5 10 * * ? *", "value is missing"),
        ("1- 10 * * ? *", "value is missing"),
        ("+1 10 * * ? *", "minutes +1"),
        ("1_0 10 * * ? *", "minutes 1_0"),
        ("\u0661 10 * * ? *", "minutes"),  # ARABIC-INDIC DIGIT ONE
        ("0 10 L-3 * ? *", "day-of-month"),
        ("0 10 3L * ? *", "day-of-month 3L"),
        ("0 10 32W * ? *", "day-of-month 32"),
        ("0 10 ? * 3W *", "day-of-week 3W"),
        ("0 10 * JANUARY ? *", "month JANUARY"),
        ("0 10 L L ? *", "month L"),
        ("0-5 0 10 * * ? *", "seconds 0-5"),
        ("60 0 10 * * ? *", "seconds 60"),
    ],
)
def test_refuses(expression: str, names: str) -> None:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(expression)
    assert names in str(caught.value)
