"""Versions of software packages, with their bills of materials (SBOM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.store.database import Tx


class PackageVersion(NamedTuple):
    """A stored version; ``attributes``, ``artifact`` and ``sbom`` are JSON text, instants are epoch ms."""

    id: int
    package_id: int
    name: str
    status: str
    description: str | None
    attributes: str
    artifact: str | None
    recipe: str | None
    sbom: str | None
    sbom_status: str | None
    created_at: int
    updated_at: int


class NewPackageVersion(NamedTuple):
    """A version to be kept."""

    package_id: int
    name: str
    status: str
    description: str | None
    attributes: str
    artifact: str | None
    recipe: str | None


class PackageVersionSummary(NamedTuple):
    """What a list shows."""

    name: str
    status: str
    created_at: int
    updated_at: int


class SbomResult(NamedTuple):
    """What was found of one file of a bill of materials; ``position`` is its place there."""

    position: int
    file_name: str
    result: str
    error_code: str | None
    error_message: str | None


def insert(tx: Tx, scope: int, new: NewPackageVersion, now: int) -> bool:
    """Keep a new version; False if its package has one of that name."""
    return tx.one("package_version_insert", {"scope": scope, **new._asdict(), "now": now}) is not None


def get(tx: Tx, package_id: int, name: str) -> PackageVersion | None:
    """One version of a package."""
    row = tx.one("package_version_get", {"package_id": package_id, "name": name})
    return PackageVersion(*row) if row else None


def named(tx: Tx, scope: int, package: str, name: str) -> PackageVersion | None:
    """One version by the names of its package and of itself."""
    row = tx.one("package_version_named", {"scope": scope, "package": package, "name": name})
    return PackageVersion(*row) if row else None


def update(tx: Tx, version: PackageVersion, now: int) -> None:
    """Write what can change of a version."""
    tx.run("package_version_update", {**version._asdict(), "now": now})


def page(tx: Tx, package_id: int, status: str | None, after: str, limit: int) -> list[PackageVersionSummary]:
    """A package's versions by name, after a name; those of one status, or all."""
    wanted = {"package_id": package_id, "status": status, "after": after, "limit": limit}
    return [PackageVersionSummary(*row) for row in tx.all("package_version_list", wanted)]


def any_of(tx: Tx, package_id: int) -> bool:
    """True if a package has versions."""
    return tx.one("package_version_any", {"package_id": package_id}) is not None


def count(tx: Tx, scope: int) -> int:
    """How many versions a scope's packages have in all."""
    row = tx.one("package_version_count", {"scope": scope})
    return row[0] if row else 0


def delete(tx: Tx, version: PackageVersion) -> None:
    """Remove a version and what was found of its bill of materials."""
    put_sbom_results(tx, version.id, [])
    tx.run("package_version_delete", {"id": version.id})


def put_sbom_results(tx: Tx, version_id: int, results: Sequence[SbomResult]) -> None:
    """Replace what was found of a version's bill of materials."""
    tx.run("sbom_result_delete", {"version_id": version_id})
    tx.many("sbom_result_insert", [{"version_id": version_id, **result._asdict()} for result in results])


def sbom_results(tx: Tx, version_id: int, result: str | None, after: int, limit: int) -> list[SbomResult]:
    """What was found, in order, after a position; of one result, or all."""
    wanted = {"version_id": version_id, "result": result, "after": after, "limit": limit}
    return [SbomResult(*row) for row in tx.all("sbom_result_list", wanted)]
