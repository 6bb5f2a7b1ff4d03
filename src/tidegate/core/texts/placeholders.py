"""Placeholders in job documents (control reference 5.6): AWS prints these sentences in its pages on troubleshooting.

It names exceptions there that its service model does not have, InvalidJobDocumentException and InvalidRoleException;
here they are all InvalidRequestException. What is not printed there is marked [R].
"""

from __future__ import annotations

from typing import Final

# --- any placeholder --------------------------------------------------------------------------------------------------

NOT_TERMINATED: Final = "One or more parameters or placeholders are not terminated."
"""[D]"""


def second_layer(kind: str) -> str:
    """[D] ``kind`` is as in ``iot:s3-presigned-url``."""
    return f"${{aws:{kind}[...]}} should not be the second layer pattern."


def unknown(kind: str) -> str:
    """[R] A placeholder that begins as AWS's do and is none of them."""
    return f"${{aws:{kind}[...]}} is not a placeholder that this service knows."


CODE_SIGNING: Final = "${aws:iot:code-sign-signature[...]} is not supported by this server: it has no code signing."
"""[R]"""

# --- presigned URLs ---------------------------------------------------------------------------------------------------

ROLE_REQUIRED: Final = "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document."
"""[D]"""

DOWNLOAD_INVALID: Final = "Provided argument for presigned url is invalid"
"""[D]"""

VERSION_MISSING: Final = "VersionId not found when attempting to access s3 url"
"""[D]"""


def role_denied(role: str, bucket: str) -> str:
    """[D]"""
    return f"Permission denied when attempting to use role {role} to access bucket {bucket}."


def role_invalid(role: str) -> str:
    """[R] ``presignedUrlConfig.roleArn``."""
    return f"presignedUrlConfig role ARN {role} is not the ARN of an IAM role."


def too_many(count: int, limit: int) -> str:
    """[R]"""
    return f"Job document has {count} presigned url placeholders, more than the limit of {limit}."


# --- uploads ----------------------------------------------------------------------------------------------------------

UPLOAD_CROSS_REGION: Final = "Cross region S3 bucket is not supported for presigned url upload placeholder"
"""[D]"""

UPLOAD_WITHOUT_BUCKET: Final = "S3 bucket in job document presigned url upload placeholder not found"
"""[D] Here for a URL without a bucket too: there is no other that the service could take."""

BUCKET_NAME_INVALID: Final = "Given S3 bucket name is invalid."
"""[D]"""

BUCKET_WITH_PLACEHOLDER: Final = "S3 bucket name in presigned url upload is not allowed to contain any placeholders"
"""[D]"""

UPLOAD_UNDEFINED: Final = "Undefined placeholder, ${...}, inside of presign url upload parameter"
"""[D]"""

LOCAL_OUTSIDE_UPLOAD: Final = "Local placeholder, ${...}, is only valid inside of presign url upload"
"""[D]"""


def upload_bucket_invalid(url: str, error: str) -> str:
    """[D] ``error`` is [R]."""
    return f"Provided S3 bucket is not valid: {url}. Error: {error}"


NOT_AN_S3_URL: Final = "it is not a valid S3 URL"
"""[R] The end of the sentence above."""

KEY_TOO_LONG: Final = "the key is too long"
"""[R] The end of the sentence above."""


def local_too_often(name: str, limit: int) -> str:
    """[D]"""
    return (
        f"The occurrence of local placeholder ${{{name}}} within S3 presigned url upload placeholder "
        f"exceeds limit of {limit}."
    )


# --- package versions -------------------------------------------------------------------------------------------------

PACKAGE_AMBIGUOUS: Final = (
    "Cannot resolve empty package name and version name given multiple elements in destination package versions."
)
"""[D]"""

PACKAGE_PAIR: Final = "Empty package name and version name have to be used in pair."
"""[D]"""

PACKAGE_NULL: Final = "$null is not allowed to be referenced as a package version in job documents."
"""[D]"""

ATTRIBUTES_ALONE: Final = (
    "The package version attribute placeholder for all attributes has to be a json value by itself "
    "and not appended with other strings or nested with other placeholders."
)
"""[D]"""

ARTIFACT_NESTED: Final = (
    "${aws:iot:package:[...]:artifact:s3-presigned-url} cannot be nested inside another placeholder."
)
"""[D]"""


def artifact_missing(package: str, version: str) -> str:
    """[D]"""
    return f"Package {package} version {version} does not have an associated artifact to generate an S3 presigned url."


def artifact_role_required(package: str, version: str) -> str:
    """[D]"""
    return f"{ROLE_REQUIRED.removesuffix('.')} for package {package} version {version} artifact."


def package_invalid(text: str) -> str:
    """[R]"""
    return f"Placeholder {text} is not a valid package placeholder."


def package_not_listed(package: str, version: str) -> str:
    """[R] for the rule [D]."""
    return f"Package {package} version {version} in job document is not in destination package versions."


PACKAGE_NONE_LISTED: Final = "Cannot resolve empty package name and version name without destination package versions."
"""[R] for the rule [D]."""


def attribute_missing(package: str, version: str, key: str) -> str:
    """[R]"""
    return f"Package {package} version {version} does not have an attribute {key}."
