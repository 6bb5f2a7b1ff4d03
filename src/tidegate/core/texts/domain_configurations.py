"""Domain configurations. All [R]: AWS's sentences are not known."""

from __future__ import annotations

from typing import Final

CERTIFICATE_REQUIRED: Final = "serverCertificateArns names one certificate where domainName is given, and none else."
AUTHORIZER_SET_AND_REMOVED: Final = "authorizerConfig and removeAuthorizerConfig contradict each other."


def exists(name: str) -> str:
    """CreateDomainConfiguration."""
    return f"Domain configuration {name} already exists."


def domain_taken(domain: str, name: str) -> str:
    """CreateDomainConfiguration."""
    return f"Domain name {domain} belongs to domain configuration {name}."


def domain_invalid(domain: str) -> str:
    """``domainName``."""
    return f"domainName {domain} is not a host name."


def missing(name: str) -> str:
    """After the text for things."""
    return f"Domain configuration {name} cannot be found."


def enabled(name: str) -> str:
    """DeleteDomainConfiguration."""
    return f"Domain configuration {name} is ENABLED and cannot be deleted."
