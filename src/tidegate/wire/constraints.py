"""Constraint violations in AWS's wording: all of a request, in one message (control reference 1.5).

A struct type is compiled once, at first use, into checks of its annotated members. A valid request is walked by ``ok`` alone; only
when that fails does ``explain`` walk it again and write sentences. Members come in the order of the model, a null required member
where it stands; for one value the pattern comes before the length. Elements and entries that are scalars are reported once for the
whole list or map, elements that are structures each under their own path.

Rules about several members, or about what exists, are not shape constraints: they belong to the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from tidegate.wire import patterns
from tidegate.wire.shapes import Number, Shape, Size, SparseShape, Text

Ok = Callable[[Any], object]
"""Truthy for a value that violates nothing."""
Explain = Callable[[Any, str, list[str]], None]


class Check(NamedTuple):
    """How values of one annotation are judged."""

    ok: Ok
    explain: Explain
    """Appends a sentence per violation; called with the value, its path and the list."""
    clauses: tuple[str, ...] = ()
    """Every constraint of a scalar, violated or not: what AWS lists for elements and entries."""


def violations(request: msgspec.Struct) -> list[str]:
    """Every violated constraint of a generated struct, a sentence each; empty when there is none."""
    check = struct_check(type(request))
    if check.ok(request):
        return []
    found: list[str] = []
    check.explain(request, "", found)
    return found


def message(found: Sequence[str]) -> str:
    """The text of the error that reports these violations."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"


class _Member(NamedTuple):
    name: str
    attribute: str
    required: bool
    check: Check | None


@cache
def struct_check(struct: type[msgspec.Struct]) -> Check:
    """The check of a generated struct type. Members that have no constraint cost nothing."""
    members = [member for member in _members(struct) if member.required or member.check]
    required = [member.attribute for member in members if member.required]
    checked = [(member.attribute, member.check.ok) for member in members if member.check]

    def explain(value: Any, path: str, found: list[str]) -> None:
        for member in members:
            inner = getattr(value, member.attribute)
            at = f"{path}.{member.name}" if path else member.name
            if inner is not None and member.check:
                member.check.explain(inner, at, found)
            elif inner is None and member.required:
                found.append(f"Value null at '{at}' failed to satisfy constraint: Member must not be null")

    return Check(_struct_ok(required, checked), explain)


def _struct_ok(required: list[str], checked: list[tuple[str, Ok]]) -> Ok:
    present = _values(required)
    values = _values([attribute for attribute, _ in checked])
    tests = [test for _, test in checked]

    def ok(value: Any) -> bool:
        for inner in present(value):
            if inner is None:
                return False
        for inner, test in zip(values(value), tests, strict=True):
            if inner is not None and not test(inner):
                return False
        return True

    return ok


def _values(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Fetches several attributes in one call; ``attrgetter`` gives no tuple for fewer than two."""
    if not attributes:
        return lambda value: ()
    if len(attributes) == 1:
        only = attrgetter(attributes[0])
        return lambda value: (only(value),)
    return attrgetter(*attributes)


def _members(struct: type[msgspec.Struct]) -> list[_Member]:
    hints = get_type_hints(struct, include_extras=True)
    required: tuple[str, ...] = getattr(struct, "__required__", ())
    return [
        _Member(lower_camel(field.encode_name), field.name, field.name in required, _check(hints[field.name]))
        for field in msgspec.structs.fields(struct)
    ]


def lower_camel(wire_name: str) -> str:
    """Paths are lower camel even where the wire is not: ``tags.1.member.key`` (control reference 1.5)."""
    return wire_name[0].lower() + wire_name[1:]


def _check(annotation: Any) -> Check | None:
    """The check of an annotation, or None when every value of the type passes."""
    annotation, marks = _unwrapped(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return _list_check(_check(arguments[0]), marks)
    if origin is dict:
        return _map_check(_check(arguments[0]), _check(arguments[1]), marks)
    for mark in marks:
        if isinstance(mark, Text):
            return _text_check(mark)
        if isinstance(mark, Number):
            return _number_check(mark)
    if isinstance(annotation, type) and issubclass(annotation, (Shape, SparseShape)):
        return _late(annotation)
    return None


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type within ``Annotated[...] | None``, and its constraint marks."""
    arguments = get_args(annotation)
    if NoneType in arguments:
        (annotation,) = (argument for argument in arguments if argument is not NoneType)
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0], annotation.__metadata__
    return annotation, ()


def _late(struct: type[msgspec.Struct]) -> Check:
    """Nested structs are compiled when first met: shapes may be recursive."""

    def ok(value: Any) -> object:
        return struct_check(struct).ok(value)

    def explain(value: Any, path: str, found: list[str]) -> None:
        struct_check(struct).explain(value, path, found)

    return Check(ok, explain)


class _Test(NamedTuple):
    passes: Ok
    clause: str


def _text_check(rule: Text) -> Check:
    tests = _length_tests(rule.min, rule.max)
    if rule.pattern is not None:
        tests.append(_Test(_pattern_ok(rule), f"Member must satisfy regular expression pattern: {rule.pattern}"))
    if rule.enum is not None:
        allowed = frozenset(rule.enum)
        tests.append(_Test(allowed.__contains__, f"Member must satisfy enum value set: [{', '.join(rule.enum)}]"))
    return _scalar_check(_text_ok(rule) if rule.pattern is not None and rule.max is not None else None, tests)


def _text_ok(rule: Text) -> Ok:
    """Bounds and pattern in one call: what most names and descriptions have."""
    assert rule.max is not None
    low, high, matches = rule.min or 0, rule.max, _pattern_ok(rule)
    return lambda value: low <= len(value) <= high and matches(value)


def _pattern_ok(rule: Text) -> Ok:
    assert rule.pattern is not None
    matches: Ok = patterns.matcher(rule.pattern)
    if rule.multiline:
        assert matches is patterns.without_other, "only this pattern has a lenient form"
        matches = patterns.without_other_but_lines
    if rule.or_empty:
        return lambda value: value == "" or matches(value)
    return matches


def _number_check(rule: Number) -> Check:
    tests: list[_Test] = []
    low, high = rule.min, rule.max
    if high is not None:
        tests.append(_Test(lambda value: value <= high, f"Member must have value less than or equal to {high}"))
    if low is not None:
        tests.append(_Test(lambda value: value >= low, f"Member must have value greater than or equal to {low}"))
    return _scalar_check(None, tests)


def _length_tests(low: int | None, high: int | None) -> list[_Test]:
    tests: list[_Test] = []
    if high is not None:
        tests.append(_Test(lambda value: len(value) <= high, f"Member must have length less than or equal to {high}"))
    if low is not None:
        tests.append(_Test(lambda value: len(value) >= low, f"Member must have length greater than or equal to {low}"))
    return tests


def _scalar_check(ok: Ok | None, tests: list[_Test]) -> Check:
    """``tests`` come in the order in which AWS lists them for elements; a value of its own is reported the other way round."""

    def all_pass(value: Any) -> object:
        return all(test.passes(value) for test in tests)

    def explain(value: Any, path: str, found: list[str]) -> None:
        found += [_sentence(value, path, test.clause) for test in reversed(tests) if not test.passes(value)]

    if ok is None:
        ok = tests[0].passes if len(tests) == 1 else all_pass
    return Check(ok, explain, tuple(test.clause for test in tests))


def _list_check(element: Check | None, marks: tuple[Any, ...]) -> Check | None:
    sizes = _size_tests(marks)
    if element is None and not sizes:
        return None
    size_ok, element_ok = [test.passes for test in sizes], element.ok if element else _anything

    def ok(value: list[Any]) -> object:
        return all(passes(value) for passes in size_ok) and all(map(element_ok, value))

    def explain(value: list[Any], path: str, found: list[str]) -> None:
        found += [_sentence(value, path, test.clause) for test in sizes if not test.passes(value)]
        if element is not None:
            _explain_elements(element, value, path, found)

    return Check(ok, explain)


def _explain_elements(element: Check, value: list[Any], path: str, found: list[str]) -> None:
    if element.clauses:
        if not all(map(element.ok, value)):
            found.append(_sentence(value, path, f"Member must satisfy constraint: [{', '.join(element.clauses)}]"))
        return
    for number, item in enumerate(value, 1):
        element.explain(item, f"{path}.{number}.member", found)


def _map_check(key: Check | None, entry: Check | None, marks: tuple[Any, ...]) -> Check | None:
    sizes = _size_tests(marks)
    if key is None and entry is None and not sizes:
        return None
    size_ok = [test.passes for test in sizes]
    key_ok, entry_ok = key.ok if key else _anything, entry.ok if entry else _anything

    def ok(value: dict[str, Any]) -> object:
        return (
            all(passes(value) for passes in size_ok) and all(map(key_ok, value)) and all(map(entry_ok, value.values()))
        )

    def explain(value: dict[str, Any], path: str, found: list[str]) -> None:
        found += [_sentence(value, path, test.clause) for test in sizes if not test.passes(value)]
        if key is not None and not all(map(key.ok, value)):
            found.append(_sentence(value, path, f"Map keys must satisfy constraint: [{', '.join(key.clauses)}]"))
        if entry is not None:
            _explain_entries(entry, value, path, found)

    return Check(ok, explain)


def _explain_entries(entry: Check, value: dict[str, Any], path: str, found: list[str]) -> None:
    if entry.clauses:
        if not all(map(entry.ok, value.values())):
            found.append(_sentence(value, path, f"Map value must satisfy constraint: [{', '.join(entry.clauses)}]"))
        return
    for name, item in value.items():
        entry.explain(item, f"{path}.{name}.member", found)


def _size_tests(marks: tuple[Any, ...]) -> list[_Test]:
    return [test for mark in marks if isinstance(mark, Size) for test in _length_tests(mark.min, mark.max)]


def _anything(value: Any) -> bool:
    return True


def _sentence(value: Any, path: str, clause: str) -> str:
    return f"Value '{java(value)}' at '{path}' failed to satisfy constraint: {clause}"


def java(value: Any) -> str:
    """A value as Java prints it: ``[a, b]``, ``{k=v}``, ``Tag(key=a, value=null)``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return repr(float(value))
    if isinstance(value, list):
        return f"[{', '.join(map(java, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={java(item)}' for key, item in value.items())}}}"
    if isinstance(value, msgspec.Struct):
        members = [
            f"{lower_camel(f.encode_name)}={java(getattr(value, f.name))}" for f in msgspec.structs.fields(value)
        ]
        return f"{type(value).__name__}({', '.join(members)})"
    return str(value)
