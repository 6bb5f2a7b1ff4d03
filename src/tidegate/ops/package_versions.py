"""Versions of software packages (control reference 16): their life, and how jobs name them.

A version is made as a draft; publishing freezes what devices get of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tidegate.core import checks, package_placeholders, texts
from tidegate.core import packages as rules
from tidegate.core.location import Location
from tidegate.core.package_placeholders import Named
from tidegate.core.package_placeholders import PackageVersion as Known
from tidegate.ops import idempotency, packages, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import package_versions, tags
from tidegate.store import packages as stored
from tidegate.store.database import Conflict, Tx
from tidegate.store.package_versions import NewPackageVersion, PackageVersion
from tidegate.wire import iot, jsontext
from tidegate.wire.timestamps import seconds

_ATTRIBUTES = msgspec.json.Decoder(dict[str, str])


def create_package_version(
    tx: Tx, call: Call, request: iot.CreatePackageVersionRequest
) -> iot.CreatePackageVersionResponse:
    """Create a version, as a draft.

    Raises:
        ValidationException: attributes, artifact or tags are not valid, all of what is wrong; no such package.
        ConflictException: the package has a version of that name.
        ServiceQuotaExceededException: the account has as many versions as it may.
    """
    name = request.version_name
    wrong = _problems(call, request.attributes, request.artifact) + checks.tags(list(request.tags or ()))
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    package = stored.get(tx, call.scope, request.package_name)
    if package is None:  # the model has no ResourceNotFoundException for this operation
        raise iot.ValidationException(texts.packages.package_missing(request.package_name))
    if package_versions.get(tx, package.id, name) is not None:
        raise iot.ConflictException(texts.packages.version_exists(package.name, name), resource_id=name)
    limit = call.limits.package_versions
    if package_versions.count(tx, call.scope) >= limit:
        raise iot.ServiceQuotaExceededException(texts.requests.limit_exceeded("package versions", limit))
    new = NewPackageVersion(
        package_id=package.id,
        name=name,
        status=rules.Status.DRAFT,
        description=request.description,
        attributes=_encoded(request.attributes),
        artifact=_stored(request.artifact),
        recipe=request.recipe,
    )
    if not package_versions.insert(tx, call.scope, new, call.now):
        raise Conflict
    resource = arn(call, package.name, name)
    tags.put(tx, call.scope, resource, request.tags or {})
    return iot.CreatePackageVersionResponse(
        package_version_arn=resource,
        package_name=package.name,
        version_name=name,
        description=request.description,
        attributes=request.attributes or {},
        status=new.status,
    )


def get_package_version(tx: Tx, call: Call, request: iot.GetPackageVersionRequest) -> iot.GetPackageVersionResponse:
    """A version, with what is known of its bill of materials."""
    version = found(tx, call, request.package_name, request.version_name)
    return iot.GetPackageVersionResponse(
        package_version_arn=arn(call, request.package_name, version.name),
        package_name=request.package_name,
        version_name=version.name,
        description=version.description,
        attributes=_ATTRIBUTES.decode(version.attributes),
        artifact=jsontext.from_json(iot.PackageVersionArtifact, version.artifact) if version.artifact else None,
        status=version.status,
        creation_date=seconds(version.created_at),
        last_modified_date=seconds(version.updated_at),
        sbom=jsontext.from_json(iot.Sbom, version.sbom) if version.sbom else None,
        sbom_validation_status=version.sbom_status,
        recipe=version.recipe,
    )


def update_package_version(
    tx: Tx, call: Call, request: iot.UpdatePackageVersionRequest
) -> iot.UpdatePackageVersionResponse:
    """Edit a version, then publish or deprecate it (control reference 16.2).

    Raises:
        ValidationException: attributes or artifact are not valid.
        ResourceNotFoundException: no such package or version.
        ConflictException: its status does not allow the edit or the action; nothing was changed.
    """
    wrong = _problems(call, request.attributes, request.artifact)
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    version = found(tx, call, request.package_name, request.version_name)
    frozen = version.status != rules.Status.DRAFT
    if frozen and (request.attributes is not None or request.artifact is not None):
        message = texts.packages.version_frozen(request.package_name, version.name, version.status)
        raise iot.ConflictException(message, resource_id=version.name)
    edited = version._replace(
        description=version.description if request.description is None else request.description,
        attributes=version.attributes if request.attributes is None else _encoded(request.attributes),
        artifact=version.artifact if request.artifact is None else _stored(request.artifact),
        recipe=version.recipe if request.recipe is None else request.recipe,
        status=_moved(request.package_name, version, request.action),
    )
    package_versions.update(tx, edited, call.now)
    return iot.UpdatePackageVersionResponse()


def _moved(package: str, version: PackageVersion, action: str | None) -> str:
    """A version's status after an action."""
    if action is None:
        return version.status
    status = rules.MOVES.get((version.status, action))
    if status is None:
        message = texts.packages.action_not_allowed(action, package, version.name, version.status)
        raise iot.ConflictException(message, resource_id=version.name)
    return status


def delete_package_version(
    tx: Tx, call: Call, request: iot.DeletePackageVersionRequest
) -> iot.DeletePackageVersionResponse:
    """Delete a version in any status, with its tags; one that is not there is no error.

    Raises:
        ValidationException: it is its package's default version.
    """
    package = stored.get(tx, call.scope, request.package_name)
    version = package_versions.get(tx, package.id, request.version_name) if package else None
    if package is None or version is None:
        return iot.DeletePackageVersionResponse()
    if package.default_version == version.name:
        raise iot.ValidationException(texts.packages.version_is_default(package.name, version.name))
    package_versions.delete(tx, version)
    tags.delete_all(tx, call.scope, arn(call, package.name, version.name))
    return iot.DeletePackageVersionResponse()


def list_package_versions(
    tx: Tx, call: Call, request: iot.ListPackageVersionsRequest
) -> iot.ListPackageVersionsResponse:
    """A package's versions by name, of one status or all; a package that is not there has none."""
    listing = ("ListPackageVersions", call.scope, request.package_name, request.status)
    size = request.max_results or packages.LARGEST_PAGE
    where = paging.page(listing, token=request.next_token, size=size, start=[""], error=iot.ValidationException)
    package = stored.get(tx, call.scope, request.package_name)
    after, limit = str(where.position[0]), where.size + 1
    rows = package_versions.page(tx, package.id, request.status, after, limit) if package else []
    return iot.ListPackageVersionsResponse(
        package_version_summaries=[
            iot.PackageVersionSummary(
                package_name=request.package_name,
                version_name=row.name,
                status=row.status,
                creation_date=seconds(row.created_at),
                last_modified_date=seconds(row.updated_at),
            )
            for row in rows[: where.size]
        ],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.name]),
    )


def arn(call: Call, package: str, version: str) -> str:
    """A version's ARN."""
    return call.arn(f"package/{package}/version/{version}")


def found(tx: Tx, call: Call, package: str, version: str) -> PackageVersion:
    """The version of this name.

    Raises:
        ResourceNotFoundException: there is none, or not even the package.
    """
    owner = packages.found(tx, call, package)
    known = package_versions.get(tx, owner.id, version)
    if known is None:
        raise iot.ResourceNotFoundException(texts.packages.version_missing(owner.name, version))
    return known


# -- what jobs name ---------------------------------------------------------------------------------------------------


def resolve(tx: Tx, call: Call, arns: Sequence[str]) -> dict[Named, Known]:
    """What ``destinationPackageVersions`` stands for, by (package, version as it is named there); without ``$null``.

    Args:
        tx: where to read.
        call: whose packages.
        arns: well formed, of different packages (``checks.package_versions``).

    Raises:
        InvalidRequestException: of another account or region; a draft; a package without default version. Every one.
        ResourceNotFoundException: no such package or version; the first.
    """
    wanted = [(arn, version) for arn in arns if (version := checks.package_version(arn)) is not None]
    abroad = checks.package_versions_abroad(arns, checks.Home(call.partition, call.region, call.account))
    if abroad:
        raise iot.InvalidRequestException(" ".join(abroad))
    resolved: dict[Named, Known] = {}
    problems: list[str] = []
    for text, named in wanted:
        package = stored.get(tx, call.scope, named.package)
        if package is None:
            raise iot.ResourceNotFoundException(texts.packages.package_version_missing(text))
        if named.version == package_placeholders.NULL:
            continue
        name = package.default_version if named.version == package_placeholders.DEFAULT else named.version
        if name is None:
            problems.append(texts.packages.package_without_default(package.name))
            continue
        known = package_versions.get(tx, package.id, name)
        if known is None:
            raise iot.ResourceNotFoundException(texts.packages.package_version_missing(text))
        if known.status not in rules.DEPLOYABLE:
            problems.append(texts.packages.version_not_deployable(package.name, name))
        resolved[named.package, named.version] = _known(known)
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    return resolved


def _known(version: PackageVersion) -> Known:
    artifact = jsontext.from_json(iot.PackageVersionArtifact, version.artifact) if version.artifact else None
    place = artifact.s3_location if artifact else None
    location = Location(place.bucket, place.key, place.version) if place and place.bucket and place.key else None
    return Known(version.name, attributes(version), location)


def attributes(version: PackageVersion) -> dict[str, str]:
    """A stored version's attributes."""
    return _ATTRIBUTES.decode(version.attributes)


def _problems(call: Call, given: Mapping[str, str] | None, artifact: iot.PackageVersionArtifact | None) -> list[str]:
    wrong = []
    size, limit = rules.weight(given or {}), call.limits.attribute_bytes
    if size > limit:
        wrong.append(texts.packages.attributes_too_large(size, limit))
    place = artifact.s3_location if artifact else None
    if place is not None:
        parts = {"bucket": place.bucket, "key": place.key}
        wrong += [texts.packages.location_incomplete(name) for name, value in parts.items() if value is None]
    return wrong


def _encoded(given: Mapping[str, str] | None) -> str:
    return msgspec.json.encode(given or {}).decode()


def _stored(artifact: iot.PackageVersionArtifact | None) -> str | None:
    return jsontext.to_json(artifact) if artifact is not None and artifact.s3_location is not None else None


HANDLERS: Handlers = {
    ("iot", "CreatePackageVersion"): Write(idempotency.once(iot.CreatePackageVersionResponse, create_package_version)),
    ("iot", "GetPackageVersion"): Read(get_package_version),
    ("iot", "UpdatePackageVersion"): Write(idempotency.once(iot.UpdatePackageVersionResponse, update_package_version)),
    ("iot", "DeletePackageVersion"): Write(delete_package_version),
    ("iot", "ListPackageVersions"): Read(list_package_versions),
}
