"""Versions of software packages: their states, their attributes, what a job does to a thing's ``$package`` shadow."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

SHADOW: Final = "$package"
"""The reserved named shadow that says what is installed (device reference 9.5)."""


class Status(StrEnum):
    """A version's status, spelled as AWS spells it (control reference 16.2)."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    DEPRECATED = "DEPRECATED"


DEPLOYABLE: Final = frozenset({Status.PUBLISHED, Status.DEPRECATED})
"""What a job may deploy, and what may be a package's default version."""

MOVES: Final[dict[tuple[str, str], Status]] = {
    (Status.DRAFT, "PUBLISH"): Status.PUBLISHED,
    (Status.PUBLISHED, "PUBLISH"): Status.PUBLISHED,
    (Status.PUBLISHED, "DEPRECATE"): Status.DEPRECATED,
    (Status.DEPRECATED, "DEPRECATE"): Status.DEPRECATED,
    (Status.DEPRECATED, "PUBLISH"): Status.PUBLISHED,
}


def weight(attributes: Mapping[str, str]) -> int:
    """Bytes of a version's attributes, names and values, in UTF-8."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())


def count(reported: Mapping[str, Any]) -> int:
    """How many packages the ``reported`` section of a ``$package`` shadow names."""
    return sum(isinstance(entry, dict) for entry in reported.values())


class Installed(NamedTuple):
    """What a job has brought to a thing; ``version`` None: the package was removed."""

    package: str
    version: str | None
    attributes: Mapping[str, str]


def reported(installed: list[Installed], before: Mapping[str, Any]) -> dict[str, Any]:
    """The update of a ``$package`` shadow after a job has succeeded.

    Args:
        installed: what the job has brought.
        before: the shadow's ``reported`` section. Attributes of a former version are named there, so that merging
            does not leave them to the new one.
    """
    return {"reported": {one.package: _entry(one, before.get(one.package)) for one in installed}}


def _entry(one: Installed, before: Any) -> dict[str, Any] | None:
    if one.version is None:
        return None
    former = before.get("attributes") if isinstance(before, dict) else None
    gone = dict.fromkeys(former.keys() - one.attributes.keys()) if isinstance(former, dict) else {}
    return {"version": one.version, "attributes": {**gone, **one.attributes}}
