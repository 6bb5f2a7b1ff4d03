"""The quotas of a server: AWS's, none, or those an operator wrote into a file (control reference 20).

A file is TOML or JSON: names of the quotas below with a number, or ``"off"``. What it does not name is as on AWS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidegate.ops.call import Limits

UNLIMITED: Final = 2**31 - 1
LARGEST: Final = 8 * 1024 * 1024
"""Bytes of anything where its quota is off: it is held in memory for each request that carries it."""

RULES: Final = frozenset({"schedule_lead", "release_chunk", "thing_type_rest"})
"""Fields of ``Limits`` that are no quotas: times, and sizes of the engine's steps."""
NAMES: Final = tuple(name for name in Limits._fields if name not in RULES)


class SettingsError(ValueError):
    """A file of quotas or rates that cannot be used; ``problems`` are sentences, all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def off() -> Limits:
    """No quotas, but for what a server can carry."""
    return Limits(**{name: _most(name) for name in NAMES})


def parse(text: str, *, json: bool) -> Limits:
    """The quotas of a file. Raises ``SettingsError``."""
    given = read(text, json=json)
    problems = [problem for name, value in given.items() for problem in _problems(name, value)]
    if problems:
        raise SettingsError(problems)
    return Limits(**{name: _most(name) if value == "off" else value for name, value in given.items()})


def read(text: str, *, json: bool) -> Mapping[str, Any]:
    """The names and values of a TOML or JSON file. Raises ``SettingsError``."""
    try:
        given = msgspec.json.decode(text) if json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError([f"It is not {'JSON' if json else 'TOML'}: {error}."]) from None
    if not isinstance(given, dict):
        raise SettingsError(["It must be an object of names and numbers."])
    return given


def _most(name: str) -> int:
    return LARGEST if name.endswith("_bytes") else UNLIMITED


def _problems(name: str, value: object) -> list[str]:
    if name not in NAMES:
        return [f"There is no quota {name}; there are {', '.join(NAMES)}."]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value != "off" and not (whole and 1 <= value <= _most(name)):  # type: ignore[operator]
        return [f"{name} must be a whole number from 1 to {_most(name)}, or off."]
    return []
