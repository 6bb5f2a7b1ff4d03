"""``tidegate init``: five questions, or flags, and a configuration file that has been checked."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import msgspec
from cyclopts import Parameter

from tidegate import files
from tidegate.cli import config_file, options
from tidegate.cli.config_file import ConfigError
from tidegate.cli.configuration import Configuration

FILE = Path("tidegate.toml")
_PORTS = {"http": 8080, "https": 8443, "mqtts": 8883, "objects-listen": 9000}


class Question(NamedTuple):
    """One of the five: the option it sets, its words, and what is taken if nothing is said."""

    option: str
    text: str
    default: str


QUESTIONS = (
    Question("data", "Directory of keys and of the embedded store", str(options.DATA.resolve())),
    Question("name", "Host name by which devices and operators reach this server (empty: this machine only)", ""),
    Question("store", "Store: sqlite, or postgresql://USER@HOST/DATABASE", "sqlite"),
    Question("objects", "Objects: embedded, or s3://BUCKET", "embedded"),
    Question("account", "Account (12 digits)", options.ACCOUNT),
)


def init(
    *,
    data: Annotated[Path | None, Parameter(help="Directory of keys and of the embedded store.")] = None,
    name: Annotated[str | None, Parameter(help="Host name of this server; empty: this machine only.")] = None,
    store: Annotated[str | None, Parameter(help="sqlite or postgresql://…")] = None,
    objects: Annotated[str | None, Parameter(help="embedded, or s3://BUCKET.")] = None,
    account: Annotated[str | None, Parameter(help="The account, 12 digits.")] = None,
    output: Annotated[Path, Parameter(help="The file to write.")] = FILE,
    yes: Annotated[bool, Parameter(negative=(), help="Ask nothing: take defaults for what is not given.")] = False,
) -> int:
    """Write a configuration file, checked as `tidegate serve` would, that has every option with its meaning.

    What is given is not asked for. Ends with 0, or 1 if an answer cannot be used or the file is there already.
    """
    if output.exists():
        print(f"tidegate: {output} is there already: remove it, or name another with --output", file=sys.stderr)
        return 1
    given = {
        "data": None if data is None else str(data),
        "name": name,
        "store": store,
        "objects": objects,
        "account": account,
    }
    answers = {
        question.option: told if told is not None else _asked(question, yes=yes)
        for question in QUESTIONS
        for told in [given[question.option]]
    }
    chosen = _options(answers)
    partial = output.with_name(f".{output.name}.unchecked")
    try:
        files.replace(partial, _text(chosen), mode=0o600)
        config_file.checked(partial)
        partial.rename(output)
    except ConfigError as error:
        print(f"tidegate: {error.told(output)}", file=sys.stderr)
        return 1
    finally:
        partial.unlink(missing_ok=True)
    print(f"{output} is written and checked. Then:")
    print(f"  tidegate doctor --config {output}")
    if "auth" in chosen:
        print(f"  tidegate keys create --config {output}   # an administrator's access key, shown once")
    print(f"  tidegate serve --config {output}")
    return 0


def _asked(question: Question, *, yes: bool) -> str:
    """An answer from the terminal; where there is none, the default."""
    if yes or not sys.stdin.isatty():
        return question.default
    print(f"{question.text} [{question.default}]: ", end="", flush=True)
    return sys.stdin.readline().strip() or question.default


def _options(answers: dict[str, str]) -> dict[str, Any]:
    """What follows from the answers: who can be reached from elsewhere asks for signatures, and speaks TLS."""
    chosen: dict[str, Any] = {
        "data": os.path.abspath(answers["data"]),
        "store": answers["store"],
        "account": answers["account"],
    }
    if answers["objects"] not in ("", "embedded"):
        chosen["objects"] = [answers["objects"]]
    if answers["name"]:
        chosen |= {"name": [answers["name"]], "auth": "on", "http-tls": True, "objects-tls": True}
        chosen |= {option: f"0.0.0.0:{port}" for option, port in _PORTS.items()}
    return chosen


def _text(chosen: dict[str, Any]) -> str:
    """The file: every option with its help; those not chosen are comments with their defaults."""
    hints = get_type_hints(Configuration, include_extras=True)
    lines = ["# Options of `tidegate serve`. The environment (TIDEGATE_…) and the command line go before this file."]
    for field in dataclasses.fields(Configuration):
        option = field.name.replace("_", "-")
        [about] = [each for each in hints[field.name].__metadata__ if isinstance(each, Parameter)]
        lines += ["", f"# {about.help}"]
        if option in chosen:
            lines.append(_line(option, chosen[option]))
        else:
            lines.append(f"# {_line(option, _shown(field.default))}")
    return "\n".join(lines).encode("ascii", "replace").decode() + "\n"


def _shown(default: Any) -> Any:
    """A default as it stands in a file; nothing is an empty text."""
    if isinstance(default, tuple):
        return list(default)
    return str(default) if isinstance(default, Path) else "" if default is None else default


def _line(option: str, value: Any) -> str:
    return f"{option} = {msgspec.json.encode(value).decode()}"
