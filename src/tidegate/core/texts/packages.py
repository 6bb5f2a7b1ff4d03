"""The software package catalog, and the package versions that jobs name (control reference 16).

AWS prints the sentences about bills of materials under InvalidRequestException, which these operations do not have;
here they come with the catalog's own errors.
"""

from __future__ import annotations

from typing import Final


def package_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Package {name} cannot be found."


def version_missing(package: str, version: str) -> str:
    """[R]"""
    return f"Package version {version} of package {package} cannot be found."


def package_exists(name: str) -> str:
    """[R] CreatePackage."""
    return f"Package {name} already exists."


def version_exists(package: str, version: str) -> str:
    """[R] CreatePackageVersion."""
    return f"Package version {version} of package {package} already exists."


def package_has_versions(name: str) -> str:
    """[R] for the rule [D]. DeletePackage."""
    return f"Package {name} cannot be deleted as it still has package versions."


def version_is_default(package: str, version: str) -> str:
    """[R] for the rule [D]. DeletePackageVersion."""
    return f"Package version {version} cannot be deleted as it is the default version of package {package}."


def version_not_deployable(package: str, version: str) -> str:
    """[R] for the rule [D]. UpdatePackage, and jobs."""
    return f"Package version {version} of package {package} is a draft. Publish it first."


def version_frozen(package: str, version: str, status: str) -> str:
    """[R] for the rule [D]. UpdatePackageVersion."""
    where = f"package version {version} of package {package}"
    return f"Attributes and artifact of {where} cannot be updated in status {status}."


def action_not_allowed(action: str, package: str, version: str, status: str) -> str:
    """[R] for the rule [D]. UpdatePackageVersion."""
    return f"Action {action} is not allowed for package version {version} of package {package} in status {status}."


DEFAULT_SET_AND_UNSET: Final = "defaultVersionName and unsetDefaultVersion=true cannot be given at the same time."
"""[R] for the rule [D]. UpdatePackage."""


def attributes_too_large(size: int, limit: int) -> str:
    """[R] In bytes."""
    return f"The attributes of the package version have {size} bytes, more than the limit of {limit}."


def location_incomplete(member: str) -> str:
    """[R] ``member`` is bucket or key of an artifact."""
    return f"artifact.s3Location.{member} must not be null."


def role_invalid(role: str) -> str:
    """[R] UpdatePackageConfiguration."""
    return f"versionUpdateByJobsConfig role ARN {role} is not the ARN of an IAM role."


ROLE_MISSING: Final = "roleArn is required to enable versionUpdateByJobsConfig."
"""[R] UpdatePackageConfiguration."""

TOKEN_REUSED: Final = "The clientToken was used before with other parameters."  # noqa: S105 - no secret
"""[R]"""

# --- in jobs ----------------------------------------------------------------------------------------------------------


def too_many_package_versions(count: int, limit: int) -> str:
    """[R]"""
    return f"destinationPackageVersions can have at most {limit} elements, not {count}."


def package_version_invalid(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a package version."


def package_version_foreign(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a package version of this account and region."


def package_twice(name: str) -> str:
    """[R]"""
    return f"destinationPackageVersions names package {name} more than once."


def package_version_missing(version_arn: str) -> str:
    """[R] ``destinationPackageVersions``."""
    return f"Package version {version_arn} cannot be found."


def package_without_default(name: str) -> str:
    """[R] ``$default`` in destinationPackageVersions."""
    return f"Package {name} has no default version."


# --- bills of materials (16.4) ----------------------------------------------------------------------------------------


SBOM_MISSING: Final = "Associate request needs to include SBOM reference"
"""[D]"""


def sbom_part_missing(part: str) -> str:
    """[D] ``part`` is bucket name, key name or object version."""
    return f"S3 {part} for SBOM cannot be null"


def sbom_part_too_long(part: str) -> str:
    """[D] likewise."""
    return f"S3 {part} for SBOM is illegal. String length exceeds limit"


SBOM_TOO_LARGE: Final = "S3 object file size exceeds limit"
"""[D]"""

SBOM_UNREACHABLE: Final = (
    "SBOM not accessible by the service. Please make sure the bucket exists and S3 permission is granted."
)
"""[D] Also where this server has no object storage."""

SBOM_NOT_FOUND: Final = (
    "SBOM not accessible by the service. Please make sure the bucket/key/version exists and S3 permission is granted."
)
"""[D]"""

SBOM_TOO_MANY: Final = "Too many ongoing SBOM validation workflows. Please wait and retry"
"""[D]"""


def sbom_missing(package: str, version: str) -> str:
    """[R] DisassociateSbomFromPackageVersion."""
    return f"Package version {version} of package {package} has no SBOM."


SBOM_NO_ARCHIVE: Final = "The object is not a zip archive."
"""[R] as are all that follow: errorMessage of ListSbomValidationResults."""

SBOM_EMPTY: Final = "The archive has no files."
"""[R]"""

SBOM_NOT_JSON: Final = "The file is not a .json file."
"""[R]"""

SBOM_UNREADABLE: Final = "The file is encrypted, damaged, or compressed in another way than deflate."
"""[R]"""

SBOM_UNKNOWN: Final = "The file is neither an SPDX nor a CycloneDX document in JSON."
"""[R]"""

SBOM_FILE_TOO_LARGE: Final = "The file is larger than what is validated."
"""[R]"""
