"""restJson1, the server's half: route, decode, encode (control reference 1, device reference 4).

``route`` finds the operation of a method and path, ``decode`` reads a request struct and raises what AWS answers when it cannot or
when constraints are violated, ``encode`` and ``encode_error`` write answers. Nothing here knows sockets, signatures or operations'
meaning; the plane is chosen by the caller, because two planes share routes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from tidegate.wire import constraints, iot, iot_data, jobs_data
from tidegate.wire.errors import SerializationException, WireError
from tidegate.wire.shapes import Binding, Operation, Plane

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

OPERATIONS: dict[Plane, dict[str, Operation]] = {
    "iot": iot.OPERATIONS,
    "iot-jobs-data": jobs_data.OPERATIONS,
    "iot-data": iot_data.OPERATIONS,
}

CONTENT_TYPE = (b"Content-Type", b"application/json")

_json = msgspec.json.Encoder(decimal_format="number")


# --- routes ---------------------------------------------------------------------------------------------------------


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
    """The operation that answers to a method and a path as it stood on the wire, and its labels; None when there is none.

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
    segment = _unescaped(segments[at])
    literal = node.literals.get(segment)
    found = _find(literal, method, segments, at + 1, labels) if literal else None
    if found is None and node.label and segment:
        found = _find(node.label, method, segments, at + 1, (*labels, segment))
    if found is None and method in node.greedy and segment:
        found = node.greedy[method], (*labels, "/".join(map(_unescaped, segments[at:])))
    return found


def _unescaped(text: str, plus: str = "+") -> str:
    """Percent-decodes text that came as Latin-1, replacing ``+`` by ``plus``."""
    if "%" not in text and text.isascii():
        return text.replace("+", plus) if plus != "+" else text
    try:
        return unquote_to_bytes(text.replace("+", plus).encode("latin-1")).decode()
    except UnicodeError:
        raise SerializationException("The request URI is not valid UTF-8") from None


# --- requests -------------------------------------------------------------------------------------------------------


def decode(
    operation: Operation,
    labels: dict[str, str],
    query_string: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
) -> Any:
    """The request struct of an operation (an instance of ``operation.request``).

    ``query_string`` is raw, without the ``?``; ``headers`` are pairs of raw name (any case) and value. SerializationException: malformed
    JSON, wrong JSON types, unreadable values. The operation's family error: violated constraints, all of them. Unknown members,
    parameters and explicit nulls are ignored; of a repeated name the last counts.
    """
    request = _read_body(operation, body)
    if operation.outside:
        query = _query(query_string) if query_string else {}
        for binding in operation.outside:
            setattr(request, binding.attribute, _outside(binding, labels, query, headers))
    found = constraints.violations(request)
    if found:
        raise operation.invalid(constraints.message(found))
    return request


def _read_body(operation: Operation, body: bytes) -> Any:
    if operation.payload is not None:
        request = operation.request()
        setattr(request, operation.payload, body)
        return request
    if not operation.has_body or not body or body.isspace():
        return operation.request()
    try:
        return _decoded(operation.request, body)
    except SerializationException:
        reduced = _without_outside(operation, body)
        if reduced is None:
            raise
        return _decoded(operation.request, reduced)


def _without_outside(operation: Operation, body: bytes) -> bytes | None:
    """The body without members that travel elsewhere: there they are unknown, whatever their type. None: it holds none."""
    names = _wire_names(operation.request)
    elsewhere = {names[binding.attribute] for binding in operation.outside}
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return None
    if not elsewhere & members.keys():
        return None
    return msgspec.json.encode({name: value for name, value in members.items() if name not in elsewhere})


@cache
def _wire_names(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {field.name: field.encode_name for field in msgspec.structs.fields(struct)}


def _query(query_string: bytes) -> dict[str, str]:
    parameters = {}
    for pair in query_string.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        parameters[_unescaped(name, " ")] = _unescaped(value, " ")
    return parameters


def _outside(
    binding: Binding, labels: dict[str, str], query: dict[str, str], headers: Iterable[tuple[bytes, bytes]]
) -> object:
    if binding.location == "label":
        text = labels.get(binding.name)
    elif binding.location == "query":
        text = query.get(binding.name)
    else:
        text = _header(binding.name, headers)
    return None if text is None else _READERS[binding.kind](text)


def _header(name: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    wanted = name.encode()
    for key, value in headers:
        if key.lower() == wanted:
            try:
                return value.decode()
            except UnicodeError:
                raise SerializationException(f"Header {name} is not valid UTF-8") from None
    return None


def _integer(bits: int) -> Callable[[str], int]:
    limit = 1 << (bits - 1)
    kind = "Integer" if bits == 32 else "Long"

    def read(text: str) -> int:
        # Twenty characters hold every 64-bit number; longer ones are not even parsed.
        if re.fullmatch(r"[+-]?[0-9]{1,19}", text) and -limit <= int(text) < limit:
            return int(text)
        raise SerializationException(f"STRING_VALUE can not be converted to an {kind}")

    return read


def _boolean(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    raise SerializationException("STRING_VALUE can not be converted to a Boolean")


def _base64_json(text: str) -> str:
    """A ``jsonvalue`` header: JSON text in base64, kept as text."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise SerializationException("The header is not base64 of UTF-8 text") from None


_READERS: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": _integer(32),
    "long": _integer(64),
    "bool": _boolean,
    "json": _base64_json,
}


# --- JSON -----------------------------------------------------------------------------------------------------------


def _decoded(struct: type[S], body: bytes) -> S:
    decoder, decimals = _reader(struct)
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at the bytes of members it skips
        value = decoder.decode(body)
        for name, quoted in decimals:
            if name in body and quoted.search(body):
                # msgspec takes a decimal from a string; a mark that spoils decimals alone tells it from other strings.
                decoder.decode(quoted.sub(rb"\g<0>!", body))
    except msgspec.ValidationError as error:
        raise SerializationException(_wrong_type(str(error))) from None
    except (ValueError, RecursionError):  # malformed JSON and broken UTF-8 are ValueErrors
        raise SerializationException("Could not parse request body into json") from None
    return value


_Quoted = tuple[tuple[bytes, re.Pattern[bytes]], ...]


@cache
def _reader(struct: type[S]) -> tuple[msgspec.json.Decoder[S], _Quoted]:
    """The decoder of a struct, and how its Decimal members would look if they came as strings."""
    names = sorted(_decimal_names(msgspec.inspect.type_info(struct), set()))
    quoted = tuple((f'"{name}"'.encode(), re.compile(rf'"{name}"\s*:\s*"'.encode())) for name in names)
    return msgspec.json.Decoder(struct), quoted


def _decimal_names(info: msgspec.inspect.Type, seen: set[type]) -> set[str]:
    """The wire names of all Decimal members below a type."""
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in seen:
            return set()
        seen.add(info.cls)
        names = {field.encode_name for field in info.fields if _is_decimal(field.type)}
        return names.union(*(_decimal_names(field.type, seen) for field in info.fields))
    if isinstance(info, msgspec.inspect.UnionType):
        return set().union(*(_decimal_names(inner, seen) for inner in info.types))
    if isinstance(info, msgspec.inspect.ListType):
        return _decimal_names(info.item_type, seen)
    if isinstance(info, msgspec.inspect.DictType):
        return _decimal_names(info.value_type, seen)
    return set()


def _is_decimal(info: msgspec.inspect.Type) -> bool:
    types = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(inner, msgspec.inspect.DecimalType) for inner in types)


_TARGETS = {"str": "String", "int": "Long", "float": "Double", "decimal": "Double", "bool": "Boolean", "bytes": "Blob"}
_TOKENS = {"str": "STRING_VALUE", "int": "NUMBER_VALUE", "float": "NUMBER_VALUE", "bool": "BOOLEAN_VALUE"}
_CONTAINERS = {"array": "list", "object": "structure or map"}


def _wrong_type(reason: str) -> str:
    """Puts msgspec's reason into the words of AWS's JSON parser; what has no such words is told as a failed conversion."""
    found = re.match(r"Expected `(\w+)[^`]*`, got `(\w+)`", reason)
    if found is None:
        return f"{'STRING' if 'decimal' in reason else 'NUMBER'}_VALUE can not be converted to a Number"
    expected, got = found.groups()
    if got in _CONTAINERS:
        return f"Start of {_CONTAINERS[got]} found where not expected"
    if expected in _CONTAINERS:
        return f"Expected {'list' if expected == 'array' else 'map'} or null"
    return f"{_TOKENS.get(got, 'NULL_VALUE')} can not be converted to a {_TARGETS[expected]}"


def json_encode(value: object) -> bytes:
    """JSON as the wire has it: Decimals as numbers with the digits they came with, bytes in base64."""
    return _json.encode(value)


def to_json(value: object) -> str:
    """JSON to be stored: like the wire's, without the members that are None. ``from_json`` gives an equal value back."""
    plain = msgspec.to_builtins(value, builtin_types=(Decimal,))
    return _json.encode(_without_none(plain)).decode()


def from_json(type_: type[T], text: str | bytes) -> T:
    """What ``to_json`` stored, as a value of a generated struct or a list or dict of those."""
    return _stored_reader(type_).decode(text)


@cache
def _stored_reader(type_: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(type_)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


# --- answers --------------------------------------------------------------------------------------------------------


def encode(operation: Operation, response: msgspec.Struct | None) -> Answer:
    """The successful answer of an operation. None where the operation has no output: an empty object."""
    if response is None:
        body = b"{}"
    elif operation.response_payload is not None:
        body = getattr(response, operation.response_payload) or b""
    else:
        body = _json.encode(response)
    return operation.success_status, [CONTENT_TYPE], body


def encode_error(error: WireError, trace_id: str | None = None) -> Answer:
    """An error as an answer. ``trace_id`` goes into the body beside the message, as on AWS (control reference 1.4)."""
    body: dict[str, object] = {"message": error.message}
    if trace_id is not None:
        body["traceId"] = trace_id
    body |= {_camel(name): value for name, value in error.members.items() if value is not None}
    # The control plane's front end leaves a colon behind the name, the device planes do not (device reference 4).
    name = error.code + ("" if error.plane in ("iot-jobs-data", "iot-data") else ":")
    return error.http_status, [CONTENT_TYPE, (b"x-amzn-ErrorType", name.encode())], _json.encode(body)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
