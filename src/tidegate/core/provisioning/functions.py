"""Values of a provisioning template: literals and functions, read once and evaluated for each device.

``Reader`` turns JSON into nodes and collects what is wrong with it; ``Evaluation`` turns nodes into texts. An
evaluation makes at most ``MOST`` characters in all, counted before they are made: a template of ten kilobytes can
multiply what it is given otherwise (``Fn::Join`` by a long delimiter, ``Fn::Sub`` within ``Fn::Sub``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning.refusals import INVALID_PARAMETERS, PROVISIONING_FAILED, RefusedError

MOST: Final = 262_144
"""Characters that one evaluation makes, those of functions within functions included."""
DEPTH: Final = 32
"""Levels of JSON below a property."""

Maps = Mapping[str, Mapping[str, Mapping[str, str]]]
"""``Mappings``: value by map, first and second key."""


class Ref(NamedTuple):
    """A parameter's value."""

    name: str


class Join(NamedTuple):
    """Texts with a delimiter between them."""

    delimiter: Text
    items: Items


class Select(NamedTuple):
    """One of a list, counted from 0."""

    position: Text
    items: Items


class Split(NamedTuple):
    """A text cut at a delimiter: a list."""

    delimiter: Text
    text: Text


class FindInMap(NamedTuple):
    """A value of ``Mappings``."""

    name: Text
    first: Text
    second: Text


class Sub(NamedTuple):
    """A text with names in it: literals and names alternate, beginning and ending with a literal."""

    parts: tuple[str, ...]
    variables: tuple[tuple[str, Text], ...]


Text = str | Ref | Join | Select | FindInMap | Sub
Items = Split | tuple[Text, ...]
_FORMS: Final = {
    "Ref": '"name"',
    "Fn::Join": "[delimiter, [value, …]]",
    "Fn::Select": "[index, [value, …]]",
    "Fn::Split": "[delimiter, text]",
    "Fn::FindInMap": "[map, key, key]",
    "Fn::Sub": '"text" or ["text", {name: value}]',
}
_NAME: Final = re.compile(r"\$\{([^{}]*)\}")


def function_of(value: Any) -> str | None:
    """The function that an object is, known or not; None for everything else."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    name = str(next(iter(value)))
    return name if name == "Ref" or name.startswith("Fn::") else None


class Reader:
    """Reads values; what is wrong with them is appended to ``problems``."""

    def __init__(self, declared: Collection[str], maps: Maps) -> None:
        """``declared`` are the names that ``Ref`` may use."""
        self._declared = declared
        self._maps = maps
        self.problems: list[str] = []

    def text(self, value: Any, where: str, depth: int = 0) -> Text:
        """A value that is a text; ``where`` is its place in the template."""
        if isinstance(value, str):
            return value
        if isinstance(value, int | float):  # booleans are integers in Python
            return msgspec.json.encode(value).decode()
        name = function_of(value)
        if name is None or name == "Fn::Split":
            return self._wrong(texts.provisioning.not_a_text(where))
        if depth > DEPTH:
            return self._wrong(texts.provisioning.too_deep(where, DEPTH))
        return self._function(name, value[name], where, depth + 1)

    def items(self, value: Any, where: str, depth: int = 0) -> Items:
        """A value that is a list of texts."""
        if depth > DEPTH:
            self._wrong(texts.provisioning.too_deep(where, DEPTH))
        elif isinstance(value, list):
            return tuple(self.text(each, where, depth + 1) for each in value)
        elif function_of(value) == "Fn::Split":
            return self._split(value["Fn::Split"], where, depth + 1)
        else:
            self._wrong(texts.provisioning.not_a_list(where))
        return ()

    def tree(self, value: Any, where: str, depth: int = 0) -> Any:
        """JSON with functions anywhere inside, as nodes."""
        if depth > DEPTH:
            return self._wrong(texts.provisioning.too_deep(where, DEPTH))
        name = function_of(value)
        if name == "Fn::Split":
            return self.items(value, where, depth)
        if name is not None:
            return self.text(value, where, depth)
        if isinstance(value, dict):
            return {key: self.tree(each, where, depth + 1) for key, each in value.items()}
        return [self.tree(each, where, depth + 1) for each in value] if isinstance(value, list) else value

    def _function(self, name: str, given: Any, where: str, depth: int) -> Text:
        match name, given:
            case "Ref", str():
                return self._ref(given, where)
            case "Fn::Join", [delimiter, values]:
                return Join(self.text(delimiter, where, depth), self.items(values, where, depth))
            case "Fn::Select", [index, values]:
                return Select(self.text(index, where, depth), self.items(values, where, depth))
            case "Fn::FindInMap", [table, first, second]:
                return self._find(table, first, second, where, depth)
            case "Fn::Sub", str():
                return self._sub(given, {}, where, depth)
            case "Fn::Sub", [str() as text, dict() as variables]:
                return self._sub(text, variables, where, depth)
        if name not in _FORMS:
            return self._wrong(texts.provisioning.unknown_function(where, name))
        return self._wrong(texts.provisioning.wrong_arguments(where, name, _FORMS[name]))

    def _split(self, given: Any, where: str, depth: int) -> Items:
        match given:
            case [delimiter, text]:
                return Split(self.text(delimiter, where, depth), self.text(text, where, depth))
        self._wrong(texts.provisioning.wrong_arguments(where, "Fn::Split", _FORMS["Fn::Split"]))
        return ()

    def _ref(self, name: str, where: str) -> Text:
        if name not in self._declared:
            return self._wrong(texts.provisioning.undeclared(where, name))
        return Ref(name)

    def _find(self, table: Any, first: Any, second: Any, where: str, depth: int) -> Text:
        if isinstance(table, str) and table not in self._maps:
            return self._wrong(texts.provisioning.unknown_map(where, table))
        return FindInMap(*(self.text(each, where, depth) for each in (table, first, second)))

    def _sub(self, text: str, variables: dict[str, Any], where: str, depth: int) -> Text:
        read = tuple((name, self.text(value, where, depth)) for name, value in variables.items())
        parts = _parts(text)
        for name in parts[1::2]:
            if name not in variables:
                self._ref(name, where)
        return Sub(parts, read)

    def _wrong(self, problem: str) -> str:
        self.problems.append(problem)
        return ""


def _parts(text: str) -> tuple[str, ...]:
    """Literals and names in turn; ``${!x}`` is the literal ``${x}`` (reach reference 3.4)."""
    parts = [""]
    pieces = _NAME.split(text)
    for literal, name in zip(pieces[::2], [*pieces[1::2], None], strict=True):
        parts[-1] += literal
        if name is not None and name.startswith("!"):
            parts[-1] += f"${{{name[1:]}}}"
        elif name is not None:
            parts += [name, ""]
    return tuple(parts)


class Evaluation:
    """What nodes come to with one device's parameters."""

    def __init__(self, values: Mapping[str, str], maps: Maps) -> None:
        self._values = values
        self._maps = maps
        self._left = MOST

    def text(self, node: Text) -> str:
        """A text.

        Raises:
            RefusedError: a parameter has no value, an element or a map's entry is not there, or it gets too large.
        """
        match node:
            case Ref(name):
                return self._spend(self._value(name, {}))
            case Join(delimiter, items):
                return self._joined(self.text(delimiter), self.items(items))
            case Select(position, items):
                return self._selected(self.text(position), self.items(items))
            case FindInMap(name, first, second):
                return self._found(self.text(name), self.text(first), self.text(second))
            case Sub(parts, variables):
                return self._substituted(parts, {name: self.text(value) for name, value in variables})
            case _:
                return self._spend(node)

    def items(self, node: Items) -> list[str]:
        """A list of texts; raises as ``text``."""
        if not isinstance(node, Split):
            return [self.text(each) for each in node]
        delimiter, text = self.text(node.delimiter), self.text(node.text)
        if not delimiter:
            raise RefusedError(PROVISIONING_FAILED, texts.provisioning.SPLIT_BY_NOTHING)
        return text.split(delimiter)

    def tree(self, node: Any) -> Any:
        """JSON without functions; raises as ``text``."""
        if isinstance(node, Split):
            return self.items(node)
        if isinstance(node, str | Ref | Join | Select | FindInMap | Sub):
            return self.text(node)
        if isinstance(node, dict):
            return {key: self.tree(each) for key, each in node.items()}
        return [self.tree(each) for each in node] if isinstance(node, list | tuple) else node

    def _value(self, name: str, variables: Mapping[str, str]) -> str:
        found = variables.get(name, self._values.get(name))
        if found is None:
            raise RefusedError(INVALID_PARAMETERS, texts.provisioning.unresolved(name))
        return found

    def _joined(self, delimiter: str, items: list[str]) -> str:
        self._count(sum(map(len, items)) + len(delimiter) * max(len(items) - 1, 0))
        return delimiter.join(items)

    def _selected(self, index: str, items: list[str]) -> str:
        number = int(index) if index.isascii() and index.isdigit() and len(index) < 7 else -1
        if not 0 <= number < len(items):
            raise RefusedError(PROVISIONING_FAILED, texts.provisioning.select_out_of_range(index, len(items)))
        return items[number]

    def _found(self, name: str, first: str, second: str) -> str:
        found = self._maps.get(name, {}).get(first, {}).get(second)
        if found is None:
            raise RefusedError(PROVISIONING_FAILED, texts.provisioning.not_in_map(name, first, second))
        return self._spend(found)

    def _substituted(self, parts: tuple[str, ...], variables: Mapping[str, str]) -> str:
        pieces = [self._value(part, variables) if at % 2 else part for at, part in enumerate(parts)]
        return self._joined("", pieces)

    def _spend(self, text: str) -> str:
        self._count(len(text))
        return text

    def _count(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise RefusedError(PROVISIONING_FAILED, texts.provisioning.too_large(MOST))
