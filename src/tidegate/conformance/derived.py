"""Expectations that the service's own model makes: each bound of each member of each operation, one request each.

A request that is right but for one member must be refused with the family's client error. Only what reaches a server
is tried: a required member of the path cannot be left out.
"""

from __future__ import annotations

import copy
import functools
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import botocore.session
from botocore.model import OperationModel, Shape

from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import Evidence, Expectation

ACCOUNT_ARN = "arn:aws:iot:us-east-1:123456789012:thing/nobody"

SCOPE: dict[str, tuple[str, ...]] = {
    "iot": (
        *("CreateJobTemplate", "DescribeJobTemplate", "ListJobTemplates", "DeleteJobTemplate"),
        *("ListManagedJobTemplates", "DescribeManagedJobTemplate"),
        *("CreateJob", "DescribeJob", "UpdateJob", "CancelJob", "DeleteJob", "ListJobs", "GetJobDocument"),
        *("AssociateTargetsWithJob", "ListJobExecutionsForJob", "ListJobExecutionsForThing"),
        *("DescribeJobExecution", "CancelJobExecution", "DeleteJobExecution"),
        *("CreatePackage", "GetPackage", "UpdatePackage", "DeletePackage", "ListPackages"),
        *("CreatePackageVersion", "GetPackageVersion", "UpdatePackageVersion", "DeletePackageVersion"),
        *("ListPackageVersions", "AssociateSbomWithPackageVersion", "ListSbomValidationResults"),
        *("CreateThing", "UpdateThing", "DeleteThing", "DescribeThing", "ListThings"),
        *("CreateThingType", "DescribeThingType", "ListThingTypes", "DeprecateThingType", "DeleteThingType"),
        *("CreateThingGroup", "UpdateThingGroup", "DescribeThingGroup", "DeleteThingGroup", "ListThingGroups"),
        *("AddThingToThingGroup", "RemoveThingFromThingGroup", "ListThingsInThingGroup", "ListThingGroupsForThing"),
        *("CreateDynamicThingGroup", "UpdateDynamicThingGroup", "DeleteDynamicThingGroup"),
        *("CreateBillingGroup", "DescribeBillingGroup", "UpdateBillingGroup", "DeleteBillingGroup"),
        *("ListBillingGroups", "SearchIndex", "TagResource", "UntagResource", "ListTagsForResource"),
    ),
    "iot-jobs-data": (
        *("GetPendingJobExecutions", "StartNextPendingJobExecution", "DescribeJobExecution", "UpdateJobExecution"),
    ),
}
"""Operations by service, in the order in which they are told of."""

_CATEGORIES = {r"\p{Upper}": "A-Z", r"\p{Digit}": "0-9", r"\p{Graph}": "!-~"}
_NUMBERS = ("integer", "long", "double", "float")
_DEEPEST = 3
_MOST_ENTRIES = 1000


class Broken(NamedTuple):
    """One thing that is wrong with a member."""

    path: tuple[str | int, ...]
    bound: str
    words: str
    value: Any


def expectations() -> Iterator[Expectation]:
    """All of them."""
    for service, operations in SCOPE.items():
        model = _models(service)
        for name in operations:
            yield from _of_operation(service, model.operation_model(name))


@functools.cache
def _models(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _of_operation(service: str, operation: OperationModel) -> Iterator[Expectation]:
    code = _refusal(operation)
    if code is None or operation.input_shape is None:
        return
    section = "device 4" if service == "iot-jobs-data" else "control 1.5"
    for broken in _breaks(operation.input_shape):
        if broken.value is _GONE and _in_path(operation.input_shape, broken.path):
            continue
        dotted = ".".join(str(part) for part in broken.path)
        chapter = "model-data" if service == "iot-jobs-data" else "model"
        yield Expectation(
            f"{chapter}.{operation.name}.{dotted}.{broken.bound}",
            f"{operation.name}: {dotted} {broken.words} is refused with {code}",
            section,
            Evidence.MODEL,
            _observation(service, operation, code, broken),
        )


def _observation(service: str, operation: OperationModel, code: str, broken: Broken) -> Callable[[Endpoint], None]:
    shape = operation.input_shape

    def observe(at: Endpoint) -> None:
        right = _example(shape, required_only=True)
        for name in shape.required_members:
            member = shape.members[name]
            in_path = member.serialization.get("location") == "uri"
            if in_path and member.type_name == "string" and "arn" not in name.lower():
                right[name] = at.name()
        request = _with(shape, right, broken)
        _remove_later(at, operation.name, request)
        at.refused(service, operation.name, code, 400, **request)

    return observe


def _remove_later(at: Endpoint, operation: str, request: dict[str, Any]) -> None:
    """See to it that what must not come into being is removed if it does."""
    removal = operation.replace("Create", "Delete")
    if removal == operation:
        return
    model = _models("iot").operation_model(removal)
    names = {name: request.get(name) for name in model.input_shape.required_members}
    if removal == "DeleteJob":
        names["force"] = True
    if None not in names.values():
        at.later(lambda: at.client("iot")._make_api_call(removal, names))


def _refusal(operation: OperationModel) -> str | None:
    modelled = {shape.name for shape in operation.error_shapes}
    for code in ("InvalidRequestException", "ValidationException"):
        if code in modelled:
            return code
    return None


# --- what can be wrong ----------------------------------------------------------------------------------------------

_GONE: Any = object()


def _breaks(shape: Shape, path: tuple[str | int, ...] = (), deep: int = 0) -> Iterator[Broken]:
    """Everything that can be wrong with the members of a structure."""
    for name, member in shape.members.items():
        here = (*path, name)
        if name in shape.required_members:
            yield Broken(here, "required", "left out", _GONE)
        yield from _breaks_of_value(member, here)
        if deep >= _DEEPEST:
            continue
        if member.type_name == "structure":
            yield from _breaks(member, here, deep + 1)
        elif member.type_name == "list":
            yield from _breaks_of_value(member.member, (*here, 0))
            if member.member.type_name == "structure":
                yield from _breaks(member.member, (*here, 0), deep + 1)


def _breaks_of_value(shape: Shape, path: tuple[str | int, ...]) -> Iterator[Broken]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "string":
        yield from _breaks_of_text(shape, path, low, high)
    elif shape.type_name in _NUMBERS:
        if high is not None:
            yield Broken(path, "max", f"above {high}", int(high) + 1)
        if low is not None:
            yield Broken(path, "min", f"below {low}", int(low) - 1)
    elif shape.type_name == "list":
        if high is not None and high <= _MOST_ENTRIES:
            item = _value(shape.member, required_only=True)
            yield Broken(path, "max", f"of more than {high} entries", [item] * (int(high) + 1))
        if low:
            yield Broken(path, "min", f"of fewer than {low} entries", [])


def _breaks_of_text(shape: Shape, path: tuple[str | int, ...], low: Any, high: Any) -> Iterator[Broken]:
    if shape.enum:
        yield Broken(path, "enum", "of no known value", "NO_SUCH_VALUE")
        return
    if high is not None:
        yield Broken(path, "max", f"of more than {high} characters", _filling(shape) * (int(high) + 1))
    if low and low > 1:
        yield Broken(path, "min", f"of fewer than {low} characters", _filling(shape) * (int(low) - 1))
    if (wrong := _against(shape)) is not None:
        yield Broken(path, "pattern", "against its pattern", wrong)


def _in_path(shape: Shape, path: tuple[str | int, ...]) -> bool:
    return len(path) == 1 and shape.members[path[0]].serialization.get("location") == "uri"


def _with(shape: Shape, right: dict[str, Any], broken: Broken) -> dict[str, Any]:
    """A right request with one thing wrong; what has to be there around it is right, too."""
    request = copy.deepcopy(right)
    at: Any = request
    for part, following in itertools.pairwise(broken.path):
        shape = shape.member if isinstance(part, int) else shape.members[part]
        inner = [] if isinstance(following, int) else _example(shape, required_only=True)
        if isinstance(at, list):
            at[:] = [inner]
        elif not isinstance(at.get(part), type(inner)):
            at[part] = inner
        at = at[part]
    last = broken.path[-1]
    if broken.value is _GONE:
        at.pop(last, None)
    elif isinstance(at, list):
        at[:] = [broken.value]
    else:
        at[last] = broken.value
    return request


# --- values that are right --------------------------------------------------------------------------------------------


def _example(shape: Shape, *, required_only: bool) -> dict[str, Any]:
    wanted = shape.required_members if required_only else shape.members
    return {name: _value(shape.members[name], required_only=required_only, name=name) for name in wanted}


def _value(shape: Shape, *, required_only: bool, name: str = "") -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _example(shape, required_only=required_only)
    if kind == "list":
        return [_value(shape.member, required_only=required_only, name=name)] * max(
            1, int(shape.metadata.get("min", 0))
        )
    if kind == "map":
        return {}
    if kind == "boolean":
        return True
    if kind in _NUMBERS:
        return int(max(shape.metadata.get("min", 1), 1))
    if kind == "timestamp":
        return 0
    return _text(shape, name)


def _text(shape: Shape, name: str) -> str:
    if shape.enum:
        return str(shape.enum[0])
    if name.lower().endswith("arn") or name == "targets":
        return ACCOUNT_ARN
    if name == "document":
        return "{}"
    return _filling(shape) * max(8, int(shape.metadata.get("min", 1)))


def _filling(shape: Shape) -> str:
    """A character that the pattern takes."""
    for each in ("a", "A", "1", "/"):
        if _matches(shape, each * max(8, int(shape.metadata.get("min", 1) or 1))):
            return each
    return "a"


def _against(shape: Shape) -> str | None:
    """A text of a right length that the pattern does not take; None where there is no pattern that we can read."""
    if _pattern(shape) is None:
        return None
    low, high = int(shape.metadata.get("min", 1) or 1), int(shape.metadata.get("max", 1024) or 1024)
    for each in (" ", "{", "\x7f", "\u200d"):
        wrong = (_filling(shape) + each) * max(4, low // 2 + 1)
        if len(wrong) > high:
            wrong = wrong[:high]
        if not _matches(shape, wrong):
            return wrong
    return None


def _matches(shape: Shape, text: str) -> bool:
    pattern = _pattern(shape)
    return pattern is None or pattern.fullmatch(text) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    for java, ours in _CATEGORIES.items():
        pattern = pattern.replace(java, ours)
    pattern = pattern.replace(r"[^\p{C}]", r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f]").replace(r"[^\p{C}*]", "[^\x00-\x1f*]")
    if r"\p{" in pattern:
        return None
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _pattern(shape: Shape) -> re.Pattern[str] | None:
    pattern = shape.metadata.get("pattern")
    return None if pattern is None else _compiled(pattern)
