"""Custom authorizers (device reference 2.10). All [R]: AWS's sentences are not known."""

from __future__ import annotations

from typing import Final

DEFAULT_MISSING: Final = "There is no default authorizer."
SIGNING_INCOMPLETE: Final = "tokenKeyName and tokenSigningPublicKeys are required unless signingDisabled is true."


def exists(name: str) -> str:
    """CreateAuthorizer."""
    return f"Authorizer {name} already exists."


def missing(name: str) -> str:
    """After the text for things."""
    return f"Authorizer {name} cannot be found."


def function_unknown(arn: str) -> str:
    """Ours: an authorizer must not look as if it could be asked."""
    return f"Access denied during lambda validation: {arn}"


def key_invalid(name: str) -> str:
    """``tokenSigningPublicKeys``."""
    return f"tokenSigningPublicKeys: {name} is not a public RSA key of at least 2048 bits in PEM."


def too_many_keys(most: int) -> str:
    """``tokenSigningPublicKeys``. Ours."""
    return f"tokenSigningPublicKeys: an authorizer cannot have more than {most} keys."


def active(name: str) -> str:
    """DeleteAuthorizer."""
    return f"Authorizer {name} is ACTIVE and cannot be deleted."


def is_default(name: str) -> str:
    """DeleteAuthorizer, UpdateAuthorizer."""
    return f"Authorizer {name} is the default authorizer."


def default_exists(name: str) -> str:
    """SetDefaultAuthorizer."""
    return f"Authorizer {name} is the default authorizer already."


def answer_invalid(reason: str) -> str:
    """TestInvokeAuthorizer."""
    return f"The authorizer's answer is invalid: {reason}."
