"""What the annotations of a generated struct ask of its values, in a form that can be walked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from tidegate.wire.shapes import Ceilings, Number, Shape, Size, SparseShape, Text


class Scalar(NamedTuple):
    """A string or number with constraints."""

    rule: Text | Number


class Items(NamedTuple):
    """A list."""

    size: Size
    element: Plan | None


class Entries(NamedTuple):
    """A map."""

    size: Size
    key: Plan | None
    value: Plan | None


Plan = Union[Scalar, Items, Entries, type[msgspec.Struct]]  # noqa: UP007 - evaluated here, where Items is a forward name
"""How a value is judged: a struct type stands for its own members. None: every value passes."""


class Member(NamedTuple):
    """A member of a struct, in the order of the model."""

    name: str
    """As paths have it: lower camel even where the wire is not, ``tags.1.member.key`` (control reference 1.5)."""
    attribute: str
    required: bool
    plan: Plan | None


@cache
def of(struct: type[msgspec.Struct], ceilings: Ceilings = ()) -> tuple[Member, ...]:
    """The members of a generated struct, with the quotas of a server."""
    hints = get_type_hints(struct, include_extras=True)
    required: tuple[str, ...] = getattr(struct, "__required__", ())
    return tuple(
        Member(
            _lower_camel(field.encode_name),
            field.name,
            field.name in required,
            _plan(hints[field.name], dict(ceilings)),
        )
        for field in msgspec.structs.fields(struct)
    )


def _lower_camel(wire_name: str) -> str:
    return wire_name[0].lower() + wire_name[1:]


def _plan(annotation: Any, ceilings: Mapping[str, int]) -> Plan | None:
    bare, marks = _unwrapped(annotation)
    marks = tuple(_under(mark, ceilings) for mark in marks)
    size = next((mark for mark in marks if isinstance(mark, Size)), Size())
    inner = [_plan(argument, ceilings) for argument in get_args(bare)]
    if get_origin(bare) is list:
        return Items(size, inner[0]) if inner[0] or size != Size() else None
    if get_origin(bare) is dict:
        return Entries(size, inner[0], inner[1]) if any(inner) or size != Size() else None
    if isinstance(bare, type) and issubclass(bare, (Shape, SparseShape)):
        return bare
    return next((Scalar(mark) for mark in marks if isinstance(mark, (Text, Number))), None)


def _under(mark: Any, ceilings: Mapping[str, int]) -> Any:
    if isinstance(mark, (Text, Number, Size)) and mark.quota is not None and mark.quota in ceilings:
        return msgspec.structs.replace(mark, max=ceilings[mark.quota])
    return mark


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type within ``Annotated[...] | None``, and its marks."""
    arguments = get_args(annotation)
    if NoneType in arguments:
        (annotation,) = (argument for argument in arguments if argument is not NoneType)
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0], annotation.__metadata__
    return annotation, ()
