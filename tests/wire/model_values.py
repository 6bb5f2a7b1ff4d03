"""Values for the shapes of botocore's models: the oracle side of the wire tests."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import ModuleType
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape
from hypothesis import strategies as st

from tidegate.wire import iot, iot_data, jobs_data
from tidegate.wire.shapes import Operation, Plane
from tools.generate_wire import BEYOND_THE_MODEL, class_name

MODULES: dict[Plane, ModuleType] = {"iot": iot, "iot-jobs-data": jobs_data, "iot-data": iot_data}
OPERATIONS: list[Operation] = [operation for module in MODULES.values() for operation in module.OPERATIONS.values()]

ALPHANUMERIC = string.ascii_letters + string.digits
ALPHABETS = {
    r"(0x)?[a-fA-F0-9]+": string.hexdigits,
    r"[$a-zA-Z0-9:_-]+": ALPHANUMERIC + "$:_-",
    r"[0-9]+": string.digits,
    r"[A-Z0-9_-]+": string.ascii_uppercase + "0_-",
    r"[^\p{C}]*": 'aé ß漢😀"\\',
    r"^[.$a-zA-Z0-9_-]+$": ALPHANUMERIC + ".$_-",
    r"^[0-9]*$": string.digits,
    r"^[0-9-]+$": string.digits + "-",
    r"^[\x21-\x7E]+$": ALPHANUMERIC + "!/~",
    r"[A-Za-z0-9+/]+={0,2}": ALPHANUMERIC + "+/",
    r"[\p{Graph}\x20]*": 'aZ ~!\\"',
    r"[\p{Upper}\p{Digit}_]+": string.ascii_uppercase + "0_",
    r"[\s\S]*": "a\n\t\u200dé",
    r"[a-zA-Z0-9]+": ALPHANUMERIC,
    r"[a-zA-Z0-9._-]+": ALPHANUMERIC + "_.-",
    r"[a-zA-Z0-9!_.*'()-\/]+": ALPHANUMERIC + "!_.*'()+,-/",
    r"[\w.-]+": ALPHANUMERIC + "_.-",
    r"[\w.:-]+": ALPHANUMERIC + "_.:-",
    r"[\w=,@-]+": ALPHANUMERIC + "=,@-_",
    r"[\w+=,.@-]+": ALPHANUMERIC + "+=,.@-_",
    r"[^\p{C}]+": 'aé ß漢😀"\\',
    r"[a-zA-Z0-9-_.]+": ALPHANUMERIC + "-_.",
    r"[a-zA-Z0-9:$.]+": ALPHANUMERIC + ":$.",
    r"[a-zA-Z0-9:.]+": ALPHANUMERIC + ":.",
    r"[a-zA-Z0-9:_-]+": ALPHANUMERIC + ":_-",
    r"[a-zA-Z0-9\-]+": ALPHANUMERIC + "-",
    r"[a-zA-Z0-9_-]+": ALPHANUMERIC + "_-",
    r"[a-zA-Z0-9_-]+|^\$next": ALPHANUMERIC + "_-",
    r"[a-zA-Z0-9_.,@/:#-]+": ALPHANUMERIC + "_.,@/:#-",
    r"[a-zA-Z0-9_.,@/:#=\[\]-]*": ALPHANUMERIC + "_.,@/:#=[]-",
    r"\S{36,64}": ALPHANUMERIC + "-",
    r"^[0-9A-Za-z_-]+$": ALPHANUMERIC + "_-",
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": "aé 漢_.:/=+-@\uff11",
    r"^[^$].*": ALPHANUMERIC + " /%é",
}
_ACM = "arn:aws:acm:eu-west-1:123456789012:certificate/a-1"
SAMPLES = {
    r"arn:aws(-cn|-us-gov|-iso-b|-iso)?:acm:[a-z]{2}-(gov-|iso-|isob-)?[a-z]{4,9}-\d{1}:\d{12}"
    r":certificate/[a-zA-Z0-9/-]+": [_ACM],
    r"^[1-9]+.[0-9]+": ["1.0", "12.34"],
    r"^arn:[!-~]+$": ["arn:aws:iot:eu-west-1:123456789012:thing/t"],
}
SHORTEST = {r"\S{36,64}": 36, r"[A-Za-z0-9+/]+={0,2}": 1}


@cache
def service(plane: Plane) -> ServiceModel:
    """botocore's own reading of a service model."""
    return botocore.session.get_session().get_service_model(plane)


def operation_model(operation: Operation) -> OperationModel:
    return service(operation.plane).operation_model(operation.name)


def values(shape: Shape, location: str | None = None) -> st.SearchStrategy[Any]:
    """Valid values of a shape as botocore's callers pass them."""
    if shape.type_name == "structure":
        return structures(shape)
    if shape.type_name == "list":
        low = shape.metadata.get("min", 0)
        return st.lists(values(shape.member), min_size=low, max_size=low + 1)
    if shape.type_name == "map":
        low = shape.metadata.get("min", 0)
        return st.dictionaries(values(shape.key), values(shape.value), min_size=low, max_size=low + 1)
    return scalars(shape, location)


def structures(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = {}, {}
    for name, member in shape.members.items():
        if member.serialization.get("jsonvalue"):
            strategy: st.SearchStrategy[Any] = st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
        else:
            strategy = values(member, member.serialization.get("location"))
        if member.serialization.get("location") == "statusCode":  # every answer has one
            required[name] = st.sampled_from([200, 202, 204])
        else:
            (required if name in shape.required_members else optional)[name] = strategy
    return st.fixed_dictionaries(required, optional=optional)


def scalars(shape: Shape, location: str | None) -> st.SearchStrategy[Any]:
    rules = shape.metadata | BEYOND_THE_MODEL.get(("iot", shape.name), {})
    low, high = rules.get("min"), rules.get("max")
    if shape.type_name == "string":
        return texts(shape, location)
    if shape.type_name in ("integer", "long"):
        limit = 2**31 - 1 if shape.type_name == "integer" else 2**63 - 1
        return st.integers(-limit if low is None else low, limit if high is None else high)
    if shape.type_name == "double":
        return st.decimals(1 if low is None else Decimal(str(low)), high or 10**6, places=2).map(float)
    if shape.type_name == "timestamp":
        return st.integers(0, 4 * 10**12).map(lambda millis: millis / 1000)
    return st.booleans() if shape.type_name == "boolean" else st.binary(max_size=20)


def texts(shape: Shape, location: str | None) -> st.SearchStrategy[str]:
    pattern = shape.metadata.get("pattern")
    if shape.enum:
        return st.sampled_from(shape.enum)
    if pattern in SAMPLES:
        return st.sampled_from(SAMPLES[pattern])
    needed = SHORTEST.get(pattern, 1 if (pattern and pattern.endswith("+")) or location in ("uri", "header") else 0)
    low = max(shape.metadata.get("min", 0), needed)
    high = min(low + 6, shape.metadata.get("max", low + 6))
    if pattern is not None:
        return st.text(ALPHABETS[pattern], min_size=low, max_size=high)
    alphabet = "ab:/-" if location == "header" else st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(alphabet, min_size=low, max_size=high)


def wild(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of the right types that may violate anything."""
    if shape.type_name == "structure":
        members = {name: wild(member) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members)
    if shape.type_name == "list":
        return st.lists(wild(shape.member), max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(wild(shape.key), wild(shape.value), max_size=2)
    if shape.type_name == "string":
        choices = shape.enum or ["a", "arn:x", "A_1"]
        return st.sampled_from([*choices, "", "a b", "a\n", "\u200d", "x" * 130])
    if shape.type_name in ("integer", "long"):
        return st.sampled_from([-1, 0, 1, 60, 250, 10**5])
    if shape.type_name == "double":
        return st.sampled_from([0.0, 1.0, 1.1, 5.0, 100.5])
    return scalars(shape, None)


def build(module: ModuleType, shape: Shape, value: Any) -> Any:
    """A generated struct (or a value inside one) from botocore's form of it."""
    if shape.type_name == "structure":
        members = {xform_name(name): build(module, shape.members[name], inner) for name, inner in value.items()}
        return getattr(module, class_name(shape.name))(**members)
    if shape.type_name == "list":
        return [build(module, shape.member, inner) for inner in value]
    if shape.type_name == "map":
        return {key: build(module, shape.value, inner) for key, inner in value.items()}
    return Decimal(repr(value)) if shape.type_name == "double" else value


def plain(shape: Shape, value: Any) -> Any:
    """What botocore's parser returns, with instants as epoch seconds like ours."""
    if shape.type_name == "structure":
        return {name: plain(shape.members[name], inner) for name, inner in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [plain(shape.member, inner) for inner in value]
    if shape.type_name == "map":
        return {key: plain(shape.value, inner) for key, inner in value.items()}
    return value.astimezone(UTC).timestamp() if isinstance(value, datetime) else value
