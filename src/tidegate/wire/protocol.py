"""restJson1, the server's half (control reference 1, device reference 4).

``route`` finds the operation of a method and path, ``decode`` reads a request struct and raises what AWS answers when
it cannot or when constraints are violated, ``encode`` and ``encode_error`` write answers. Nothing here knows sockets,
signatures or what the operations mean.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec

from tidegate.wire import constraints, jsontext
from tidegate.wire.errors import SerializationException, WireError
from tidegate.wire.routes import OPERATIONS, route, unescaped
from tidegate.wire.shapes import Binding, Ceilings, Operation

__all__ = ["OPERATIONS", "decode", "encode", "encode_error", "route"]

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""

CONTENT_TYPE = (b"Content-Type", b"application/json")
NO_STORE = (b"Cache-Control", b"no-store")

NO_CONTENT = 204

NUL_REFUSED = "The request contains the character NUL, which no value may have."
"""[R] Most patterns of the model exclude it. Where the model has none it is refused too: PostgreSQL cannot store it."""


def decode(
    operation: Operation,
    labels: dict[str, str],
    query_string: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    ceilings: Ceilings = (),
    bounded: Callable[[Operation, Any], None] | None = None,
) -> Any:
    """The request struct of an operation (an instance of ``operation.request``).

    ``query_string`` is raw, without the ``?``; ``headers`` are pairs of raw name (any case) and value.
    SerializationException: malformed JSON, wrong JSON types, unreadable values. The operation's family error: violated
    constraints, all of them; a NUL in any value. Unknown members and parameters and explicit nulls are ignored; of a
    repeated name the last counts. ``ceilings`` are the server's quotas that differ from AWS's. ``bounded`` raises for a
    request too large to be judged member by member.
    """
    request = _read_body(operation, body)
    if operation.outside:
        query = _query(query_string) if query_string else {}
        for binding in operation.outside:
            setattr(request, binding.attribute, _outside(binding, labels, query, headers))
    if bounded is not None:
        bounded(operation, request)
    found = constraints.violations(request, ceilings)
    if found:
        raise operation.invalid(constraints.message(found))
    if _may_hold_nul(labels, query_string, body) and _holds_nul(request):
        raise operation.invalid(NUL_REFUSED)
    return request


def _may_hold_nul(labels: dict[str, str], query_string: bytes, body: bytes) -> bool:
    """Whether a look at every value is worth it: JSON and URIs have NUL only in these spellings."""
    return b"\\u0000" in body or b"%00" in query_string or any("\0" in label for label in labels.values())


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, msgspec.Struct):
        return any(_holds_nul(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def _read_body(operation: Operation, body: bytes) -> Any:
    if operation.payload is not None:
        request = operation.request()
        setattr(request, operation.payload, body)
        return request
    if not operation.has_body or not body or body.isspace():
        return operation.request()
    try:
        return jsontext.decoded(operation.request, body)
    except SerializationException:
        reduced = _without_outside(operation, body)
        if reduced is None:
            raise
        return jsontext.decoded(operation.request, reduced)


def _without_outside(operation: Operation, body: bytes) -> bytes | None:
    """The body without the members that travel elsewhere: here those are unknown, of any type. None: it has none."""
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
        parameters[unescaped(name, " ")] = unescaped(value, " ")
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


def _integer(bits: int, target: str) -> Callable[[str], int]:
    limit = 1 << (bits - 1)

    def read(text: str) -> int:
        # Twenty characters hold every 64-bit number; longer ones are not even parsed.
        if re.fullmatch(r"[+-]?[0-9]{1,19}", text) and -limit <= int(text) < limit:
            return int(text)
        raise SerializationException(f"STRING_VALUE can not be converted to {target}")

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
    "int": _integer(32, "an Integer"),
    "long": _integer(64, "a Long"),
    "bool": _boolean,
    "json": _base64_json,
}


def encode(operation: Operation, response: msgspec.Struct | None) -> Answer:
    """The successful answer of an operation. None where the operation has no output: an empty object."""
    if operation.response_status is not None:
        status = getattr(response, operation.response_status)
        return (status, [], b"") if status == NO_CONTENT else (status, [CONTENT_TYPE], b"{}")
    if response is None:
        body = b"{}"
    elif operation.response_payload is not None:
        body = getattr(response, operation.response_payload) or b""
    else:
        body = jsontext.json_encode(response)
    return operation.success_status, [CONTENT_TYPE, NO_STORE] if operation.sensitive else [CONTENT_TYPE], body


def encode_error(error: WireError, trace_id: str | None = None) -> Answer:
    """An error as an answer. ``trace_id`` goes into the body beside the message, as on AWS (control reference 1.4)."""
    body: dict[str, object] = {"message": error.message}
    if trace_id is not None:
        body["traceId"] = trace_id
    body |= {_camel(name): value for name, value in error.members.items() if value is not None}
    # The control plane's front end leaves a colon behind the name, the device planes do not (device reference 4).
    name = error.code + ("" if error.plane in ("iot-jobs-data", "iot-data") else ":")
    headers = [CONTENT_TYPE, (b"x-amzn-ErrorType", name.encode())]
    if error.http_status in (429, 503) or error.code == "ThrottlingException":
        headers.append((b"x-amz-retry-after", b"%d" % error.retry_after_ms))
    return error.http_status, headers, jsontext.json_encode(body)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
