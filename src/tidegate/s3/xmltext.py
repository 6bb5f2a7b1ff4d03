"""S3's XML: written from plain dictionaries, read with everything refused that a request has no use for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from xml.parsers import expat

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

_DEEPEST: Final = 8

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
    """An element of a request, namespaces and attributes left aside."""

    def __init__(self, name: str) -> None:
        self.name = name
        """Its local name."""
        self.content: list[str] = []
        self.elements: list[Node] = []

    @property
    def text(self) -> str:
        """Its content."""
        return "".join(self.content).strip()

    def children(self, name: str) -> list[Node]:
        """Its elements of a name."""
        return [node for node in self.elements if node.name == name]

    def get(self, name: str) -> str | None:
        """The content of its first element of a name."""
        found = self.children(name)
        return found[0].text if found else None

    def raw(self, name: str) -> str | None:
        """The same with white space kept: for keys."""
        found = self.children(name)
        return "".join(found[0].content) if found else None


class _Reader:
    """What the parser tells of a document."""

    def __init__(self) -> None:
        self.top = Node("")
        self._open = [self.top]

    def begin(self, name: str, _attributes: object) -> None:
        if len(self._open) > _DEEPEST:
            raise ValueError("a request's document is not that deep")
        node = Node(name.rpartition("}")[2])
        self._open[-1].elements.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].content.append(text)

    @staticmethod
    def declared(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise ValueError("a request's document is in UTF-8")

    @staticmethod
    def typed(*_what: object) -> None:
        raise ValueError("a request's document declares no type: entities are what such are attacked with")


def read(body: bytes) -> Node:
    """The root of a request's document.

    Raises:
        ValueError: it is not XML in UTF-8, or declares a type.
    """
    reader = _Reader()
    text = body.decode()  # expat would go by a byte order mark whatever encoding it is given
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.begin, reader.end
    parser.CharacterDataHandler = reader.characters
    parser.XmlDeclHandler, parser.StartDoctypeDeclHandler = reader.declared, reader.typed
    parser.EntityDeclHandler = reader.typed
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
    return reader.top.elements[0]
