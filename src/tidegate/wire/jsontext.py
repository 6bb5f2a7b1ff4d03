"""JSON, strictly read and faithfully written.

What a client sends becomes generated structs or a SerializationException in AWS's words. What the service stores keeps
the digits of its decimals and leaves out unset members.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from tidegate.wire.errors import SerializationException

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

_json = msgspec.json.Encoder(decimal_format="number")


def decoded(struct: type[S], body: bytes) -> S:
    """A generated struct read from JSON that a client sent. SerializationException: malformed, or a wrong type."""
    decoder, names = _reader(struct)
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at the bytes of members it skips
        value: S = decoder.decode(body)
        if _any_quoted(names, body):
            # msgspec takes a decimal from a string; a mark that spoils decimals alone tells it from other strings.
            decoder.decode(_quoted(names).sub(rb"\g<0>!", body))
    except msgspec.ValidationError as error:
        raise SerializationException(_wrong_type(str(error))) from None
    except (ValueError, RecursionError):  # malformed JSON and broken UTF-8 are ValueErrors
        raise SerializationException("Could not parse request body into json") from None
    return value


@cache
def _reader(struct: type[msgspec.Struct]) -> tuple[msgspec.json.Decoder[Any], tuple[bytes, ...]]:
    """The decoder of a struct, and its Decimal members as they stand in JSON."""
    names = sorted(_decimal_names(msgspec.inspect.type_info(struct), set()))
    return msgspec.json.Decoder(struct), tuple(f'"{name}"'.encode() for name in names)


_OPENS_STRING = re.compile(rb'\s*:\s*"')


def _any_quoted(names: tuple[bytes, ...], body: bytes) -> bool:
    for name in names:
        at = body.find(name)
        while at >= 0:
            if _OPENS_STRING.match(body, at + len(name)):
                return True
            at = body.find(name, at + 1)
    return False


@cache
def _quoted(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"(?:" + b"|".join(names) + rb')\s*:\s*"')


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
    """msgspec's reason in the words of AWS's JSON parsers; which of them IoT uses is not known [R]."""
    found = re.match(r"Expected `(\w+)[^`]*`, got `(\w+)`", reason)
    if found is None:
        return f"{'STRING' if 'string' in reason else 'NUMBER'}_VALUE can not be converted to a Number"
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
    """JSON to be stored: as on the wire, without the members that are None. ``from_json`` gives an equal value back."""
    plain = msgspec.to_builtins(value, builtin_types=(Decimal,))
    return _json.encode(_without_none(plain)).decode()


def from_json(type_: type[T], text: str | bytes) -> T:
    """What ``to_json`` stored, as a value of a generated struct or a list or dict of those."""
    value: T = _stored_reader(cast("Hashable", type_)).decode(text)
    return value


@cache
def _stored_reader(type_: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
