"""A fleet as a file says it: a JSON object (or the same as TOML); every member may be left out, and a cohort overrides
what it names::

    {"online": 0.9, "start": {"p50": "5s", "p99": "10m"}, "run": {"p50": "2m", "p90": "4m"}, "failed": 0.01,
     "artifactBytes": 20000000, "bytesPerSecond": 250000,
     "cohorts": [{"name": "old", "share": 0.1, "failed": 0.2}]}

Spans are texts (``90s``, ``15m``, ``6h``, ``2d``) or numbers of seconds. Forecasts and simulated devices (``fleet``)
read the same file; what only devices that run have use for, a forecast passes over.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tidegate.core.forecast.fleet import HABITS, HOURS, SHARES, Cohort, Fleet, Quantiles

_ROUNDING: Final = 1e-9
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,4})?|100)", re.ASCII)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h|d)", re.ASCII)
_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST: Final = 366 * _UNITS["d"]
_MOST_COHORTS: Final = 100
_MOST_STEPS: Final = 100
_SPANS: Final = 'a span such as 90s, 15m or 6h, at most 366d, or quantiles of one: {"p50": "20s", "p99": "5m"}'


class MalformedError(ValueError):
    """Not a model; ``problems`` has a sentence for each thing that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def span(value: Any) -> float | None:
    """Milliseconds of ``"90s"``, ``"15m"``, ``"1.5h"``, ``"2d"`` or of a number of seconds; None for anything else."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        value = float(found[1]) * _UNITS[found[2]]
    elif _is_number(value):
        value = float(value) * 1000
    else:
        return None
    return value if 0 <= value <= _LONGEST else None


def read(text: bytes, *, toml: bool) -> Fleet:
    """A model as the text of a file says it.

    Raises:
        MalformedError: with everything that is wrong.
    """
    try:
        given = tomllib.loads(text.decode()) if toml else msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError([f"That is not {'TOML' if toml else 'JSON'}: {error}."]) from None
    return parse(given)


def parse(given: Any) -> Fleet:
    """A model as its JSON says it.

    Raises:
        MalformedError: with everything that is wrong.
    """
    problems: list[str] = []
    if not isinstance(given, Mapping):
        raise MalformedError(["A model is a JSON object."])
    base = _cohort(given, Cohort(), "", problems)
    listed = given.get("cohorts", [])
    if (
        not isinstance(listed, list)
        or len(listed) > _MOST_COHORTS
        or not all(isinstance(one, Mapping) for one in listed)
    ):
        raise MalformedError([*problems, f"cohorts takes a list of at most {_MOST_COHORTS} objects."])
    cohorts = [
        _cohort(one, base._replace(name=f"cohort {number}", share=-1.0), f"cohorts[{number}].", problems)
        for number, one in enumerate(listed)
    ]
    problems += [f"{one.name} has no share." for one in cohorts if one.share < 0]
    rest = 1 - sum(max(one.share, 0.0) for one in cohorts)
    if rest < -_ROUNDING:
        problems.append("The shares of the cohorts come to more than 1.")
    if problems:
        raise MalformedError(problems)
    others = (base._replace(name="others" if cohorts else base.name, share=rest),) if rest > _ROUNDING else ()
    return Fleet((*cohorts, *others))


def _cohort(given: Mapping[str, Any], base: Cohort, path: str, problems: list[str]) -> Cohort:
    found: dict[str, Any] = {}
    own = {**_READERS, "name": ("name", _name), "share": ("share", _share)} if path else {**_READERS, "cohorts": None}
    for member, value in given.items():
        reader = own.get(member, problems)
        if reader is problems:
            problems.append(f"There is no {path}{member}: give {', '.join(own)}.")
        elif isinstance(reader, tuple):
            field, read = reader
            try:
                found[field] = read(value)
            except ValueError as error:
                problems.append(f"{path}{member} takes {error}.")
    made = base._replace(**found)
    if sum(getattr(made, share) for share in SHARES) > 1 + _ROUNDING:
        problems.append(f"{path}{' + '.join(SHARES)} come to more than 1.")
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _share(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _online(value: Any) -> tuple[float, ...]:
    if isinstance(value, list):
        if len(value) != HOURS:
            raise ValueError("a share, or one for each hour of the day")
        return tuple(_share(each) for each in value)
    return (_share(value),) * HOURS


def _quantiles(value: Any) -> Quantiles:
    """Below the first quantile spans go down to 0 but where p0 is given; above the last there are none."""
    if not isinstance(value, Mapping):
        constant = span(value)
        if constant is None:
            raise ValueError(_SPANS)
        return Quantiles((0.0, 1.0), (constant, constant))
    knots: dict[float, float] = {}
    for key, each in value.items():
        match, length = _QUANTILE.fullmatch(key), span(each)
        if match is None or length is None:
            raise ValueError(_SPANS)
        knots[float(match[1]) / 100] = length
    if not knots:
        raise ValueError(_SPANS)
    knots = {0.0: 0.0, **knots} | ({} if 1.0 in knots else {1.0: max(knots.values())})
    at = tuple(sorted(knots))
    values = tuple(knots[each] for each in at)
    if list(values) != sorted(values):
        raise ValueError("quantiles that do not fall")
    return Quantiles(at, values)


def _bytes(value: Any) -> int:
    if not _is_number(value) or value < 0:
        raise ValueError("a number of bytes")
    return int(value)


def _steps(value: Any) -> int:
    if not _is_number(value) or not 0 <= value <= _MOST_STEPS or value != int(value):
        raise ValueError(f"a whole number from 0 to {_MOST_STEPS}")
    return int(value)


def _polls(value: Any) -> Quantiles:
    found = _quantiles(value)
    if not found.values[0]:
        raise ValueError("a span above 0, or quantiles with a p0 above 0")
    return found


def _rate(value: Any) -> float:
    if not _is_number(value) or value <= 0:
        raise ValueError("a number above 0")
    return float(value)


_READERS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "online": ("online", _online),
    "start": ("start", _quantiles),
    "run": ("run", _quantiles),
    "failed": ("failed", _share),
    "rejected": ("rejected", _share),
    "silent": ("silent", _share),
    "stuck": ("stuck", _share),
    "artifactBytes": ("artifact_bytes", _bytes),
    "bytesPerSecond": ("bytes_per_second", _rate),
    "diesAt": ("dies_at", _share),
    **{habit: (habit, _share) for habit in HABITS},
    "poll": ("poll", _polls),
    "steps": ("steps", _steps),
}
