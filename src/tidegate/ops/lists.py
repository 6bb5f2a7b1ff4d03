"""How many entries the lists of a request may have that are judged one by one: asked before any of them is.

The service model leaves them without a bound. Where they are hopelessly long, not even their entries' shape is looked
at. Permissions, tag conditions and look-ups take time for every entry, so
that a megabyte of them would hold up everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tidegate.core import texts
from tidegate.ops.quotas import Limits
from tidegate.wire import iot
from tidegate.wire.errors import WireError
from tidegate.wire.routes import OPERATIONS
from tidegate.wire.shapes import Operation

MOST_GROUPS: Final = 100
"""Thing groups that one request may name to add a thing to, and to take it from. Ours: a thing is in ten at most."""

_TAGS: Final = frozenset({"tags", "tag_keys"})
_GROUPS: Final = frozenset({"thing_groups_to_add", "thing_groups_to_remove"})


HOPELESS: Final = 1000
"""Entries of a list from which on nothing else is said of a request whose list is too long. Ours."""


def require_bounded(operation: Operation, request: Any, limits: Limits, least: int = 0) -> None:
    """Pass if no such list of a decoded request is too long; those of up to ``least`` entries are not looked at.

    Raises:
        LimitExceededException: there are more targets than a job may have, or more tags than a resource, of an
            operation that models this error.
        InvalidRequestException: more tags of another operation, or more thing groups than a request may name.
    """
    for member in _BOUNDED.get((operation.plane, operation.name), ()):
        given = getattr(request, member)
        if given and len(given) > least:
            _CHECKS[member](operation, given, limits)


def _targets(_operation: Operation, given: list[str], limits: Limits) -> None:
    most = limits.targets_per_job
    if len(given) > most and len(set(given)) > most:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("targets per job", most))


def _tags(operation: Operation, given: list[Any] | dict[str, str], limits: Limits) -> None:
    if len(given) > limits.tags_per_resource:
        modelled = iot.LimitExceededException in operation.errors
        error: type[WireError] = iot.LimitExceededException if modelled else operation.invalid
        raise error(texts.tags.too_many_tags(limits.tags_per_resource))


def _groups(_operation: Operation, given: list[str], _limits: Limits) -> None:
    if len(given) > MOST_GROUPS:
        raise iot.InvalidRequestException(texts.groups.too_many_groups_named(MOST_GROUPS))


_CHECKS: Final[dict[str, Callable[[Operation, Any, Limits], None]]] = {
    "targets": _targets,
    **dict.fromkeys(_TAGS, _tags),
    **dict.fromkeys(_GROUPS, _groups),
}
_BOUNDED: Final = {
    (operation.plane, operation.name): members
    for operations in OPERATIONS.values()
    for operation in operations.values()
    if (members := tuple(name for name in operation.request.__struct_fields__ if name in _CHECKS))
}
