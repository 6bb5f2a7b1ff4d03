"""What the generated modules are written in: base structs, constraint markers, the operation record.

A generated struct can be made without any of its members (None = unset), because a missing required member is a
constraint violation to be reported with all the others, not a failure to decode. ``__required__`` names those members;
they are ``Required`` to the type checker, since no operation sees a request before it was checked. Constraints stand in
the annotation (``Annotated[str, Text(...)]``), where msgspec passes over them and ``constraints`` reads them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import msgspec

from tidegate.wire.errors import WireError

Plane = Literal["iot", "iot-jobs-data", "iot-data"]
Integer = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""A model ``integer``: outside 32 bits it is no integer to AWS but a serialization error."""
Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A model ``long``: 64 bits."""

MISSING: Any = None
"""A required member before it was set."""

if TYPE_CHECKING:
    _T = TypeVar("_T")
    Required = Annotated[_T, "a member that every checked request has"]
else:

    class Required:
        """What the decoder takes for a required member: null is a violation that the checks report."""

        def __class_getitem__(cls, member: Any) -> Any:
            return member | None


class Shape(msgspec.Struct, kw_only=True, rename="camel"):
    """A structure of the control plane: unset members are written as ``null`` (control reference 1.2)."""

    __required__: ClassVar[tuple[str, ...]] = ()


class SparseShape(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A structure of a data plane: unset members are left out (device reference 3.2)."""

    __required__: ClassVar[tuple[str, ...]] = ()


class Text(msgspec.Struct, frozen=True):
    """Constraints of a string. ``pattern`` is the model's (Java) text; lengths are in characters."""

    min: int | None = None
    max: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    or_empty: bool = False
    """The empty string passes the pattern all the same (package descriptions, control reference 1.6)."""
    multiline: bool = False
    r"""``\n``, ``\r`` and ``\t`` pass the pattern all the same (device statusDetails, device reference 3.2)."""
    quota: str | None = None
    """The quota that ``max`` is: a server may have another (``Ceilings``)."""


class Number(msgspec.Struct, frozen=True):
    """Inclusive bounds of a number."""

    min: int | Decimal | None = None
    max: int | Decimal | None = None
    quota: str | None = None


class Size(msgspec.Struct, frozen=True):
    """Bounds of the number of elements of a list or entries of a map."""

    min: int | None = None
    max: int | None = None
    quota: str | None = None


Ceilings = tuple[tuple[str, int], ...]
"""Quotas of a server that differ from AWS's: (name, most), each in place of the ``max`` of what bears the name."""


class Binding(msgspec.Struct, frozen=True):
    """A request member that does not travel in the body."""

    attribute: str
    location: Literal["label", "query", "header"]
    name: str
    kind: Literal["str", "int", "long", "bool", "json"]
    """How its text is read; ``json`` is JSON text in base64 (``jsonvalue`` headers)."""


def label(attribute: str, name: str, kind: Literal["str", "int", "long"] = "str") -> Binding:
    """A segment of the path."""
    return Binding(attribute, "label", name, kind)


def query(attribute: str, name: str, kind: Literal["str", "int", "long", "bool"] = "str") -> Binding:
    """A parameter of the query string."""
    return Binding(attribute, "query", name, kind)


def header(attribute: str, name: str, kind: Literal["str", "json"] = "str") -> Binding:
    """A request header, named in lower case."""
    return Binding(attribute, "header", name, kind)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a service model: its route, its shapes and where their members travel."""

    name: str
    plane: Plane
    method: str
    path: str
    """The URI template; ``{label+}`` takes the rest of the path."""
    request: type[Shape] | type[SparseShape]
    response: type[Shape] | type[SparseShape] | None = None
    outside: tuple[Binding, ...] = ()
    """Members of the request in path, query string and headers; all others are body members."""
    has_body: bool = False
    """The request has members in a JSON body. Without any, a body is not even read."""
    payload: str | None = None
    """The request member that is the raw body."""
    response_payload: str | None = None
    """The response member that is the raw body."""
    response_status: str | None = None
    """The response member that travels as the status alone (DeleteCommand)."""
    sensitive: bool = False
    """The model marks a member of the response as not to be shown (private keys): no cache may keep it."""
    errors: tuple[type[WireError], ...] = ()
    invalid: type[WireError]
    """What this operation's family raises for constraint violations (control reference 1.5)."""
    success_status: int = 200

    @property
    def read_only(self) -> bool:
        """True for operations that change nothing by their method."""
        return self.method == "GET"
