"""Renders the Helm chart's templates as far as they go: helm itself is not in Debian, and no package brings it.

Knows ``{{ .Values.x }}``, ``if``/``end`` and the functions the chart uses, with the results helm documents. Where
``helm`` is installed the test lints the chart with it, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

_ACTION = re.compile(r"[ \t]*\n?[ \t]*\{\{-\s*(.*?)\s*\}\}|\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def rendered(chart: Path, values: dict[str, Any], release: str) -> list[dict[str, Any]]:
    """Every object of the chart."""
    known = yaml.safe_load((chart / "Chart.yaml").read_text())
    root = {
        "Values": values,
        "Release": {"Name": release},
        "Chart": {"AppVersion": known["appVersion"], "Name": known["name"]},
    }
    found: list[dict[str, Any]] = []
    for path in sorted((chart / "templates").glob("*.yaml")):
        found += [each for each in yaml.safe_load_all(_text(path.read_text(), root)) if each]
    return found


def _text(template: str, root: dict[str, Any]) -> str:
    out, at, shown = [], 0, [True]
    for action in _ACTION.finditer(template):
        if all(shown):
            out.append(template[at : action.start()])
        at = action.end()
        words = action[1] if action[1] is not None else action[2]
        if words.startswith("if "):
            shown.append(bool(_value(words[3:], root)))
        elif words == "end":
            shown.pop()
        elif all(shown):
            out.append(str(_value(words, root)))
    assert shown == [True]
    return "".join(out) + template[at:]


def _value(expression: str, root: dict[str, Any]) -> Any:
    first, *pipes = [part.strip() for part in expression.split("|")]
    name, _, argument = first.partition(" ")
    value = _FUNCTIONS[name](_path(argument, root)) if argument else _path(name, root)
    for pipe in pipes:
        name, _, argument = pipe.partition(" ")
        if name == "default":
            value = value or _path(argument, root)
        elif name == "nindent":
            value = "".join(f"\n{' ' * int(argument)}{line}" for line in value.rstrip("\n").split("\n"))
        else:
            value = _FUNCTIONS[name](value)
    return value


def _path(text: str, root: dict[str, Any]) -> Any:
    value: Any = root
    for part in text.removeprefix(".").split("."):
        value = (
            value[part] if part else value
        )  # a name that the values do not have is an error here, in helm it is nothing
    return value


def _toml(value: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(each)}\n" for name, each in sorted(value.items()))


_FUNCTIONS = {
    "quote": json.dumps,
    "sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "toToml": _toml,
    "toYaml": lambda value: yaml.safe_dump(value, sort_keys=True),
}
