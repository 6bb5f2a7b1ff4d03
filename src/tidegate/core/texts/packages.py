"""Package versions that jobs name (control reference 16.3)."""

from __future__ import annotations


def too_many_package_versions(count: int, limit: int) -> str:
    """[R]"""
    return f"destinationPackageVersions can have at most {limit} elements, not {count}."


def package_version_invalid(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a package version."


def package_twice(name: str) -> str:
    """[R]"""
    return f"destinationPackageVersions names package {name} more than once."


def package_version_missing(version_arn: str) -> str:
    """[R] ``destinationPackageVersions``."""
    return f"Package version {version_arn} cannot be found."
