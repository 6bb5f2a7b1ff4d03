"""The route table: which operation answers to a method and a path.

One tree of path segments per plane, walked once per request. The plane is chosen by the caller, because two planes
share routes (device reference 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from tidegate.wire import iot, iot_data, jobs_data
from tidegate.wire.errors import SerializationException
from tidegate.wire.shapes import Operation, Plane

OPERATIONS: dict[Plane, dict[str, Operation]] = {
    "iot": iot.OPERATIONS,
    "iot-jobs-data": jobs_data.OPERATIONS,
    "iot-data": iot_data.OPERATIONS,
}


class _Node:
    """A path segment of the route table: the literals and the label that may follow, and what ends here by method."""

    __slots__ = ("ends", "greedy", "label", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.ends: dict[str, tuple[Operation, tuple[str, ...]]] = {}
        self.greedy: dict[str, tuple[Operation, tuple[str, ...]]] = {}


def _insert(root: _Node, operation: Operation) -> None:
    node, labels = root, []
    segments = operation.path.strip("/").split("/")
    greedy = segments[-1].endswith("+}")
    for segment in segments[:-1] if greedy else segments:
        if segment.startswith("{"):
            labels.append(segment[1:-1])
            node.label = node.label or _Node()
            node = node.label
        else:
            node = node.literals.setdefault(segment, _Node())
    if greedy:
        labels.append(segments[-1][1:-2])
    ends = node.greedy if greedy else node.ends
    assert operation.method not in ends, f"{operation.method} {operation.path} is taken"
    ends[operation.method] = operation, tuple(labels)


def _tree(operations: Iterable[Operation]) -> _Node:
    root = _Node()
    for operation in operations:
        _insert(root, operation)
    return root


_ROUTES: dict[Plane, _Node] = {plane: _tree(operations.values()) for plane, operations in OPERATIONS.items()}


def route(plane: Plane, method: str, raw_path: bytes | str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that answers to a method and a path as it stood on the wire, and its labels; None: there is none.

    Segments are percent-decoded after splitting, so ``%2F`` belongs to a label; a label that is not UTF-8 raises
    SerializationException. A literal beats a label, a trailing slash is ignored, the rest of a topic is one label.
    """
    path = raw_path.decode("latin-1") if isinstance(raw_path, bytes) else raw_path
    segments = path[1:].split("/") if path.startswith("/") else path.split("/")
    found = _find(_ROUTES[plane], method, segments, 0, ())
    if found is None and segments[-1] == "":
        found = _find(_ROUTES[plane], method, segments[:-1], 0, ())
    if found is None:
        return None
    (operation, names), values = found
    return operation, dict(zip(names, values, strict=True))


def _find(
    node: _Node, method: str, segments: list[str], at: int, labels: tuple[str, ...]
) -> tuple[tuple[Operation, tuple[str, ...]], tuple[str, ...]] | None:
    if at == len(segments):
        end = node.ends.get(method)
        return (end, labels) if end else None
    segment = unescaped(segments[at])
    literal = node.literals.get(segment)
    found = _find(literal, method, segments, at + 1, labels) if literal else None
    if found is None and node.label and segment:
        found = _find(node.label, method, segments, at + 1, (*labels, segment))
    if found is None and method in node.greedy and any(segments[at:]):
        found = node.greedy[method], (*labels, "/".join(map(unescaped, segments[at:])))
    return found


def unescaped(text: str, plus: str = "+") -> str:
    """Percent-decodes text that came as Latin-1, reading ``+`` as ``plus``. SerializationException: it is not UTF-8."""
    if "%" not in text and text.isascii():
        return text.replace("+", plus) if plus != "+" else text
    try:
        return unquote_to_bytes(text.replace("+", plus).encode("latin-1")).decode()
    except UnicodeError:
        raise SerializationException("The request URI is not valid UTF-8") from None
