"""S3's XML: written from plain dictionaries, read with everything refused that a request has no use for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree import ElementTree

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

Value = str | int | bool | None | Mapping[str, "Value"] | Sequence["Value"]
"""None is left out; a sequence repeats its element."""


def document(name: str, members: Mapping[str, Value], *, namespace: str | None = NAMESPACE) -> bytes:
    """A whole document, elements in the order of the dictionary."""
    space = f' xmlns="{namespace}"' if namespace else ""
    parts = [_DECLARATION, f"<{name}{space}>"]
    _members(parts, members)
    parts.append(f"</{name}>")
    return "".join(parts).encode("utf-8", "replace")


def _members(parts: list[str], members: Mapping[str, Value]) -> None:
    for name, value in members.items():
        _element(parts, name, value)


def _element(parts: list[str], name: str, value: Value) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        parts.append(f"<{name}>")
        _members(parts, value)
        parts.append(f"</{name}>")
    elif isinstance(value, str | int):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        parts.append(f"<{name}>{escaped(text)}</{name}>")
    else:
        for item in value:
            _element(parts, name, item)


def escaped(text: str) -> str:
    """Text as the content of an element. Control characters become references, as S3 writes them."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#x{ord(found[0]):x};", text)


class Node:
    """An element of a request, namespaces left aside."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """Its local name."""
        return self._element.tag.rpartition("}")[2]

    @property
    def text(self) -> str:
        """Its content."""
        return (self._element.text or "").strip()

    def children(self, name: str) -> list[Node]:
        """Its elements of a name."""
        return [node for node in map(Node, self._element) if node.name == name]

    def get(self, name: str) -> str | None:
        """The content of its first element of a name."""
        found = self.children(name)
        return found[0].text if found else None

    def raw(self, name: str) -> str | None:
        """The same with white space kept: for keys."""
        found = self.children(name)
        return (found[0]._element.text or "") if found else None


def read(body: bytes) -> Node:
    """The root of a request's document.

    Raises:
        ValueError: it is not XML, or declares a type: entities are what such documents are attacked with.
    """
    if b"<!" in body:
        raise ValueError("a request declares no type and needs no comments")
    try:
        return Node(ElementTree.fromstring(body))  # noqa: S314 - no declarations, and a bounded body
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
