"""Options out of a TOML file, named as on the command line: ``http = "0.0.0.0:8080"``, ``name = ["iot.example.com"]``.

One file is for all commands. ``serve`` and ``doctor`` take all of it; the others what they share with a server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Dict

from tidegate.cli.configuration import Configuration
from tidegate.faults import ToldError

WHOLE = ("serve", "doctor")
"""Commands that take every option."""
SHARED = ("data", "store", "master-key", "account", "objects", "s3-endpoint")
"""What other commands take, where they have it."""
NAMES = tuple(field.name.replace("_", "-") for field in dataclasses.fields(Configuration))
_SWITCHES = {"on": True, "off": False}


class ConfigError(ToldError):
    """What is wrong with a file, a line each."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(path, problems)
        self.problems = problems

    def __str__(self) -> str:
        return self.told(self.args[0])

    def told(self, path: Path) -> str:
        """The same, of a file by another name."""
        return "\n  ".join([f"{path} cannot be used:", *self.problems])


def read(path: Path) -> dict[str, Any]:
    """What a file says, by the options' names.

    Raises:
        ConfigError: it cannot be read, or holds names or kinds of values that there are not; all of them are told.
    """
    try:
        given = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ConfigError(path, [error.strerror or str(error)]) from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ConfigError(path, [f"it is no TOML: {error}"]) from None
    problems: list[str] = []
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = key.replace("_", "-")
        if name not in NAMES:
            problems.append(f"{key}: there is no such option (see `tidegate serve --help`)")
        elif name in found:
            problems.append(f"{key} is given twice, once with - and once with _")
        elif not _plain(value):
            problems.append(f"{key}: it takes a string, a number, true or false, or a list of strings")
        else:
            found[name] = _spelled(name, value)
    if problems:
        raise ConfigError(path, problems)
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str | int)


def _spelled(name: str, value: Any) -> Any:
    """``auth`` is on or off, switches are true or false; either may be written for the other, as in the environment."""
    if name == "auth" and isinstance(value, bool):
        return "on" if value else "off"
    kinds = {field.name.replace("_", "-"): field.default for field in dataclasses.fields(Configuration)}
    if isinstance(kinds[name], bool) and isinstance(value, str):
        return _SWITCHES.get(value, value)
    return value


def source(path: Path, given: Mapping[str, Any]) -> Callable[..., None]:
    """A source of options for the parser."""

    def fill(app: App, commands: tuple[str, ...], arguments: Any) -> None:
        if not commands:
            return
        wanted = given if commands[0] in WHOLE else {name: given[name] for name in SHARED if name in given}
        file = Dict(dict(wanted), source=str(path), use_commands_as_keys=False, allow_unknown=True)
        file(app, commands, arguments)

    return fill


def checked(path: Path) -> Callable[..., None]:
    """Read a file, and have the parser look at each option by itself, so that all that is wrong is told at once.

    Raises:
        ConfigError: what is wrong.
    """
    given = read(path)
    problems = [f"{name}: {problem}" for name, value in given.items() if (problem := _problem(path, name, value))]
    if problems:
        raise ConfigError(path, problems)
    return source(path, given)


def _problem(path: Path, name: str, value: Any) -> str:
    probe = App(config=source(path, {name: value}))
    probe.command(_given, name=WHOLE[0])
    try:
        probe.parse_args([WHOLE[0]], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return str(error).strip()
    return ""


def _given(*, given: Annotated[Configuration, Parameter(name="*")] = Configuration()) -> Configuration:  # noqa: B008
    return given
