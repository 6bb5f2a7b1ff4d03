"""Job documents and their source (control reference 3.2, 5.1, 6.1)."""

from __future__ import annotations

from typing import Final

JOB_WITHOUT_DOCUMENT: Final = "document is required if you do not specify a value for documentSource"
"""[third hand] CreateJob."""

TEMPLATE_WITHOUT_DOCUMENT: Final = "Neither job document nor job document source is specified."
"""[third hand] CreateJobTemplate."""

DOCUMENT_AND_SOURCE: Final = "Job document and job document source cannot be specified at the same time."
"""[third hand] CreateJob and CreateJobTemplate."""

INPUT: Final = "request input"
"""[third hand] Where a document given inline is said to be located."""

DOCUMENT_PARAMETERS_NEED_MANAGED: Final = "Document parameters are only supported for managed job templates."
"""Reported by users of the live service."""


def document_invalid(location: str = INPUT) -> str:
    """[third hand] A document that is no JSON; ``location`` is the URL of a fetched one ([R])."""
    return f"Job document located at {location} is an invalid JSON document."


def document_too_long(size: int, limit: int) -> str:
    """[R] ``size`` and ``limit`` in bytes of UTF-8."""
    return f"Job document of {size} bytes is longer than the limit of {limit} bytes."


def document_too_deep(limit: int) -> str:
    """[R] A document no device could parse."""
    return f"Job document is nested deeper than {limit} levels."


def document_source_invalid(source: str) -> str:
    """[R]"""
    return f"Job document source {source} is not a valid S3 URL."


def document_source_too_long(length: int, limit: int) -> str:
    """[R]"""
    return f"Job document source of {length} characters is longer than the limit of {limit} characters."


def document_source_unreachable(source: str) -> str:
    """[R] No object storage is configured that the document could be read from."""
    return f"Job document source {source} cannot be read: this server has no object storage."


def document_source_too_large(source: str, limit: int) -> str:
    """[R] ``limit`` in bytes."""
    return f"Job document located at {source} is longer than the limit of {limit} bytes."


def document_source_missing(source: str) -> str:
    """[R]"""
    return f"Job document source {source} cannot be found."


def document_source_denied(source: str) -> str:
    """[R] Where no role is named; with one, AWS's sentence about the role."""
    return f"Access to job document source {source} is denied."


SOURCE_CHANGED: Final = "The job template changed while its document was being fetched. Try again."
"""[R] CreateJob; the template was deleted and made anew."""


def document_source_unread(source: str) -> str:
    """[R] The object storage does not answer."""
    return f"Job document source {source} cannot be read at the moment."


# --- parameters of managed templates (4.3) ----------------------------------------------------------------------------


MANAGED_HAS_DOCUMENT: Final = "Job document and job document source cannot be specified with a managed job template."
"""[R]"""


def parameter_missing(template: str, key: str) -> str:
    """[R]"""
    return f"Document parameter {key} is required by managed job template {template}."


def parameter_unknown(template: str, key: str) -> str:
    """[R]"""
    return f"Document parameter {key} is not a parameter of managed job template {template}."


def parameter_invalid(key: str, value: str, regex: str) -> str:
    """[R] ``regex`` as DescribeManagedJobTemplate shows it."""
    return f"Document parameter {key} with value {value} does not match {regex}."


# --- delivery ---------------------------------------------------------------------------------------------------------


NO_OBJECTS: Final = "The presigned URLs of the job document cannot be generated: this server has no object storage."
"""[R] CreateJob."""

DOCUMENT_UNDELIVERABLE: Final = "The presigned URLs of the job document cannot be generated."
"""[R] What a device is told; the log knows why."""
