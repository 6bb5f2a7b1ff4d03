"""Software packages (control reference 16): names under which versions stand, and one of them that is the default."""

from __future__ import annotations

from tidegate.core import arn as names
from tidegate.core import checks, packages, texts
from tidegate.ops import idempotency, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import package_versions, tags
from tidegate.store import packages as stored
from tidegate.store.database import Conflict, Tx
from tidegate.store.packages import Package
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

LARGEST_PAGE = 100
"""Of everything in the catalog."""


def create_package(tx: Tx, call: Call, request: iot.CreatePackageRequest) -> iot.CreatePackageResponse:
    """Create a package, without a version.

    Raises:
        ValidationException: a tag is not valid.
        ConflictException: the name is taken.
        ServiceQuotaExceededException: the account has as many packages as it may.
    """
    name = request.package_name
    wrong = checks.tags(list(request.tags or ()))
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    if stored.get(tx, call.scope, name) is not None:
        raise iot.ConflictException(texts.packages.package_exists(name), resource_id=name)
    if stored.count(tx, call.scope) >= call.limits.packages:
        raise iot.ServiceQuotaExceededException(texts.requests.limit_exceeded("packages", call.limits.packages))
    if not stored.insert(tx, call.scope, name, request.description, call.now):
        raise Conflict
    tags.put(tx, call.scope, arn(call, name), request.tags or {})
    return iot.CreatePackageResponse(package_name=name, package_arn=arn(call, name), description=request.description)


def get_package(tx: Tx, call: Call, request: iot.GetPackageRequest) -> iot.GetPackageResponse:
    """A package."""
    package = found(tx, call, request.package_name)
    return iot.GetPackageResponse(
        package_name=package.name,
        package_arn=arn(call, package.name),
        description=package.description,
        default_version_name=package.default_version,
        creation_date=seconds(package.created_at),
        last_modified_date=seconds(package.updated_at),
    )


def update_package(tx: Tx, call: Call, request: iot.UpdatePackageRequest) -> iot.UpdatePackageResponse:
    """Change a package's description or default version.

    Raises:
        ValidationException: the default version is set and unset at once, or set to a draft.
        ResourceNotFoundException: no such package or version.
    """
    if request.default_version_name is not None and request.unset_default_version:
        raise iot.ValidationException(texts.packages.DEFAULT_SET_AND_UNSET)
    package = found(tx, call, request.package_name)
    default = None if request.unset_default_version else package.default_version
    if request.default_version_name is not None:
        default = _deployable(tx, package, request.default_version_name)
    description = package.description if request.description is None else request.description
    stored.update(tx, package._replace(description=description, default_version=default), call.now)
    return iot.UpdatePackageResponse()


def _deployable(tx: Tx, package: Package, name: str) -> str:
    version = package_versions.get(tx, package.id, name)
    if version is None:
        raise iot.ResourceNotFoundException(texts.packages.version_missing(package.name, name))
    if version.status not in packages.DEPLOYABLE:
        raise iot.ValidationException(texts.packages.version_not_deployable(package.name, name))
    return version.name


def delete_package(tx: Tx, call: Call, request: iot.DeletePackageRequest) -> iot.DeletePackageResponse:
    """Delete a package that has no versions, and its tags; one that is not there is no error.

    Raises:
        ValidationException: it has versions.
    """
    package = stored.get(tx, call.scope, request.package_name)
    if package is None:
        return iot.DeletePackageResponse()
    if package_versions.any_of(tx, package.id):
        raise iot.ValidationException(texts.packages.package_has_versions(package.name))
    stored.delete(tx, package)
    tags.delete_all(tx, call.scope, arn(call, package.name))
    return iot.DeletePackageResponse()


def list_packages(tx: Tx, call: Call, request: iot.ListPackagesRequest) -> iot.ListPackagesResponse:
    """The account's packages by name."""
    listing = ("ListPackages", call.scope)
    size = request.max_results or LARGEST_PAGE
    where = paging.page(listing, token=request.next_token, size=size, start=[""], error=iot.ValidationException)
    rows = stored.page(tx, call.scope, str(where.position[0]), where.size + 1)
    return iot.ListPackagesResponse(
        package_summaries=[
            iot.PackageSummary(
                package_name=row.name,
                default_version_name=row.default_version,
                creation_date=seconds(row.created_at),
                last_modified_date=seconds(row.updated_at),
            )
            for row in rows[: where.size]
        ],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.name]),
    )


def arn(call: Call, name: str) -> str:
    """A package's ARN."""
    return call.arn(f"package/{name}")


def found(tx: Tx, call: Call, name: str) -> Package:
    """The package of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    package = stored.get(tx, call.scope, name)
    if package is None:
        raise iot.ResourceNotFoundException(texts.packages.package_missing(name))
    return package


def _exists(tx: Tx, scope: int, name: names.Arn) -> bool:
    """Whether the package or the version that an ARN names is there."""
    if name.version is not None:
        return package_versions.named(tx, scope, name.resource_id, name.version) is not None
    return stored.get(tx, scope, name.resource_id) is not None


TAGGABLE = {"package": _exists}

HANDLERS: Handlers = {
    ("iot", "CreatePackage"): Write(idempotency.once(iot.CreatePackageResponse, create_package)),
    ("iot", "GetPackage"): Read(get_package),
    ("iot", "UpdatePackage"): Write(idempotency.once(iot.UpdatePackageResponse, update_package)),
    ("iot", "DeletePackage"): Write(delete_package),
    ("iot", "ListPackages"): Read(list_packages),
}
