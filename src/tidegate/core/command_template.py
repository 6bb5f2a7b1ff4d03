"""Payload templates of commands: JSON in whose texts stand placeholders, made into JSON or CBOR (reach reference 7.2).

A text that is a placeholder and nothing else becomes a value of the parameter's type; inside a longer text the value is
inserted as text. Numbers of the template keep their digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from tidegate.core import checks, command, texts
from tidegate.core.command_parameters import Chosen
from tidegate.wire import cbor, jsontext

Format = Literal["JSON", "CBOR"]
CONTENT_TYPES: Final[dict[str, str]] = {"JSON": "application/json", "CBOR": "application/cbor"}
MOST_BYTES: Final = 131_072
"""Of a payload that was made: what a message may have."""

_PLACEHOLDER = re.compile(
    r"\$\{aws:iot:commandexecution::(?:parameter:(?P<name>[.$a-zA-Z0-9_-]{1,192})|(?P<timeout>executionTimeoutSec))\}"
)
_DEPTH: Final = {"JSON": checks.DOCUMENT_DEPTH, "CBOR": cbor.MAX_DEPTH}
_SIXTY_FOUR_BITS: Final = range(-(2**63), 2**64)


class TooLargeError(ValueError):
    """A payload would be larger than ``MOST_BYTES``."""


def problems(template: str, output: Format, names: set[str]) -> list[str]:
    """Everything that is wrong with a template, given the names of the command's parameters."""
    size = len(template.encode("utf-8", "replace"))
    if size > command.PAYLOAD_BYTES:
        return [texts.commands.payload_too_large(size, command.PAYLOAD_BYTES)]
    if checks.job_document(template):
        return [texts.commands.template_invalid(checks.DOCUMENT_DEPTH)]
    spelled = _unescaped(template)
    if not spelled.isprintable() and any("\ud800" <= each <= "\udfff" for each in spelled):
        return [texts.commands.template_invalid(checks.DOCUMENT_DEPTH)]  # half a character is no text
    placed = list(_PLACEHOLDER.finditer(spelled))
    if not placed:
        return [texts.commands.TEMPLATE_WITHOUT_PLACEHOLDER]
    unknown = dict.fromkeys(one["name"] for one in placed if one["name"] and one["name"] not in names)
    found = [texts.commands.placeholder_unknown(name) for name in unknown]
    if _depth(_tree(template)) > _DEPTH[output]:
        found.append(texts.commands.template_too_deep(_DEPTH[output]))
    return found


def payload(template: str, output: Format, values: Mapping[str, Chosen], timeout_s: int) -> bytes:
    """The payload that a template makes; it is one that has passed ``problems``, and ``values`` has all its names.

    Raises:
        TooLargeError: it would be too large.
    """
    room = [MOST_BYTES - len(template)]

    def replaced(found: re.Match[str]) -> str:
        text = str(timeout_s) if found["timeout"] else values[found["name"]].text
        room[0] -= len(text)
        if room[0] < 0:
            raise TooLargeError
        return text

    def filled(text: str) -> Any:
        whole = _PLACEHOLDER.fullmatch(text)
        if whole is None:
            return _PLACEHOLDER.sub(replaced, text)
        replaced(whole)
        if whole["timeout"]:
            return timeout_s
        one = values[whole["name"]]
        return one.text if isinstance(one.value, bytes) and output == "JSON" else one.value

    def named(text: str) -> str:
        return _PLACEHOLDER.sub(replaced, text)

    tree = _walk(_tree(template), filled, named, _of_cbor if output == "CBOR" else _same)
    made = jsontext.json_encode(tree) if output == "JSON" else cbor.encode(tree)
    if len(made) > MOST_BYTES:
        raise TooLargeError
    return made


def _tree(template: str) -> Any:
    # Decimal also for whole numbers: a long one costs no quadratic conversion, and comes out with its digits.
    return json.loads(template, parse_int=Decimal, parse_float=Decimal)


def _unescaped(template: str) -> str:
    """The texts of a template one after the other, as they are read."""
    found: list[str] = []
    _walk(_tree(template), found.append, found.append, _same)
    return "\n".join(found)


def _same(leaf: Any) -> Any:
    return leaf


def _of_cbor(leaf: Any) -> Any:
    """A leaf as CBOR has it: whole numbers of 64 bits as such, other numbers as floats."""
    if not isinstance(leaf, Decimal):
        return leaf
    whole = leaf.adjusted() < 20 and leaf == leaf.to_integral_value()
    return int(leaf) if whole and int(leaf) in _SIXTY_FOUR_BITS else float(leaf)


def _walk(node: Any, text: Any, name: Any, leaf: Any) -> Any:
    """A tree with its texts, the names of its members and its other leaves replaced; one frame a level."""
    if isinstance(node, str):
        return leaf(text(node))
    if isinstance(node, list):
        items = []
        for each in node:
            items.append(_walk(each, text, name, leaf))  # noqa: PERF401 - a comprehension takes a second frame
        return items
    if not isinstance(node, dict):
        return leaf(node)
    members = {}
    for key, each in node.items():
        members[name(key)] = _walk(each, text, name, leaf)
    return members


def _depth(node: Any) -> int:
    """Levels of maps and lists."""
    deepest, level = 0, [node]
    while level := [each for each in level if isinstance(each, list | dict)]:
        deepest += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return deepest
