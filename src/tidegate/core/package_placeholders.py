"""Placeholders for what a package version holds: attributes and its artifact (control reference 5.5, 5.6).

Attributes take their placeholders' place when the job is created. An artifact's placeholder only gets its names
filled in, and stays in what the control plane shows; ``presign`` puts a URL there for each device.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tidegate.core import document as document_text
from tidegate.core import placeholders, texts
from tidegate.core.location import Location
from tidegate.core.placeholders import Part, Placeholder

DEFAULT: Final = "$default"
NULL: Final = "$null"


class PackageVersion(NamedTuple):
    """What the catalog knows of a package version; ``version`` is its name, for ``$default`` too."""

    version: str
    attributes: Mapping[str, str]
    artifact: Location | None = None


Named = tuple[str, str]
"""A package and a version as an ARN of ``destinationPackageVersions`` names it, which may be ``$default``."""


class Reference(NamedTuple):
    """What one placeholder asks for: an artifact, one attribute (``key``), or else all of them. Names may be empty."""

    package: str
    version: str
    artifact: bool
    key: str | None


class Resolved(NamedTuple):
    """A document with attributes in place; ``artifacts`` are where those lie whose placeholders, as written, remain.

    ``packages`` says, by the same placeholders, which (package, version) they are of.
    """

    document: str
    problems: list[str]
    artifacts: dict[str, Location]
    packages: dict[str, Named]


_FORM: Final = re.compile(
    r"(?P<package>[a-zA-Z0-9_.-]*):version:(?P<version>[a-zA-Z0-9_.-]*|\$default|\$null):"
    r"(?:(?P<artifact>artifact(?:-location)?:s3-presigned-url)|attributes(?::(?P<key>[a-zA-Z0-9:_.-]+))?)"
)


def reference(placeholder: Placeholder) -> Reference | None:
    """What a placeholder of the kind ``package`` asks for; None if it cannot be read."""
    match = _FORM.fullmatch(placeholders.joined(placeholder.argument))
    return match and Reference(match["package"], match["version"], match["artifact"] is not None, match["key"])


def problems(document: str, listed: Sequence[Named] | None) -> list[str]:
    """What is wrong with a document's package placeholders before anything is looked up.

    Args:
        document: JSON text.
        listed: ``destinationPackageVersions``; None if they are not known yet, as in a template without them.
    """
    found = [
        problem
        for value in document_text.values(document)
        for one in _used(value.text)
        for problem in _problems(one, listed)
    ]
    return list(dict.fromkeys(found))


def resolved(document: str, listed: Sequence[Named], versions: Mapping[Named, PackageVersion]) -> Resolved:
    """A document with what the catalog knows in place; with problems it is of no use.

    Args:
        document: JSON text.
        listed: ``destinationPackageVersions``.
        versions: the catalog's knowledge of those that are listed.
    """
    found = Resolved(document, problems(document, listed), {}, {})
    if found.problems:
        return found

    def json_of(text: str) -> str | None:
        parts = _parts(text)
        only = _reference_of(parts[0]) if len(parts) == 1 else None
        if only is not None and not only.artifact and only.key is None:
            return json.dumps(dict(versions[_named(only, listed)].attributes), ensure_ascii=False)
        filled = "".join(_filled(part, listed, versions, found) for part in parts)
        return None if filled == text else document_text.quoted(filled)

    return found._replace(document=document_text.replaced(document, json_of))


class _Use(NamedTuple):
    placeholder: Placeholder
    alone: bool
    nested: bool


def _used(text: str) -> list[_Use]:
    """Every package placeholder in a string value, at both layers where one may stand."""
    parts = _parts(text)
    found = []
    for part in parts:
        if isinstance(part, Placeholder) and part.kind == "package":
            found.append(_Use(part, len(parts) == 1, nested=False))
        elif isinstance(part, Placeholder):
            found += [_Use(inner, alone=False, nested=True) for inner in part.nested if inner.kind == "package"]
    return found


def _parts(text: str) -> tuple[Part, ...]:
    """The parts of a string value, if they can be told apart; that they cannot is for ``presign.read`` to say."""
    try:
        return placeholders.scan(text)
    except placeholders.PlaceholderError:
        return (text,)


def _problems(used: _Use, listed: Sequence[Named] | None) -> list[str]:
    if used.placeholder.nested:
        inner = used.placeholder.nested[0]
        return [
            texts.placeholders.LOCAL_OUTSIDE_UPLOAD
            if inner.local
            else texts.placeholders.second_layer(f"iot:{inner.kind}")
            if inner.kind
            else texts.placeholders.package_invalid(used.placeholder.text)
        ]
    asked = reference(used.placeholder)
    if asked is None:
        return [texts.placeholders.package_invalid(used.placeholder.text)]
    found = []
    if asked.artifact and used.nested:
        found.append(texts.placeholders.ARTIFACT_NESTED)
    if not asked.artifact and asked.key is None and not used.alone:
        found.append(texts.placeholders.ATTRIBUTES_ALONE)
    return found + _name_problems(asked, listed)


def _name_problems(asked: Reference, listed: Sequence[Named] | None) -> list[str]:
    if bool(asked.package) != bool(asked.version):
        return [texts.placeholders.PACKAGE_PAIR]
    if asked.version == NULL:
        return [texts.placeholders.PACKAGE_NULL]
    if listed is None:
        return []
    if asked.package:
        named = asked.package, asked.version
        return [] if named in listed else [texts.placeholders.package_not_listed(*named)]
    if len(listed) > 1:
        return [texts.placeholders.PACKAGE_AMBIGUOUS]
    if not listed:
        return [texts.placeholders.PACKAGE_NONE_LISTED]
    return [texts.placeholders.PACKAGE_NULL] if listed[0][1] == NULL else []


def _named(asked: Reference, listed: Sequence[Named]) -> Named:
    return (asked.package, asked.version) if asked.package else listed[0]


def _reference_of(part: Part) -> Reference | None:
    return reference(part) if isinstance(part, Placeholder) and part.kind == "package" else None


def _filled(part: Part, listed: Sequence[Named], versions: Mapping[Named, PackageVersion], into: Resolved) -> str:
    """A part of a string value with package placeholders replaced; what goes wrong is added to ``into``."""
    if isinstance(part, str):
        return part
    asked = _reference_of(part)
    if asked is None:
        inner = [
            _filled(each, listed, versions, into) if _reference_of(each) else _written(each) for each in part.parts
        ]
        return "${" + "".join(inner) + "}"
    package, version = _named(asked, listed)
    known = versions[package, version]
    if asked.artifact:
        return _artifact(package, known, into)
    assert asked.key is not None, "all attributes stand alone"
    if asked.key not in known.attributes:
        into.problems.append(texts.placeholders.attribute_missing(package, known.version, asked.key))
    return known.attributes.get(asked.key, "")


def _artifact(package: str, known: PackageVersion, into: Resolved) -> str:
    if known.artifact is None:
        into.problems.append(texts.placeholders.artifact_missing(package, known.version))
        return ""
    text = f"${{aws:iot:package:{package}:version:{known.version}:artifact:s3-presigned-url}}"
    into.artifacts[text] = known.artifact
    into.packages[text] = package, known.version
    return text


def _written(part: Part) -> str:
    return part if isinstance(part, str) else part.text
