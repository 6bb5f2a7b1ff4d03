"""Policies (device reference 8.1, 6)."""

from __future__ import annotations

from typing import Final

NOT_A_POLICY_TARGET: Final = (
    "The given target is not the ARN of a certificate or thing group, nor the id of a Cognito identity"
)
"""[R] AttachPolicy, DetachPolicy, ListAttachedPolicies."""

POLICY_MISSING: Final = "Policy not found"
"""Reported by users of the live service. AttachPolicy, ListTargetsForPolicy; [R] for the others."""

POLICY_VERSION_DEFAULT: Final = "Cannot delete the default version of a policy"
"""[R] DeletePolicyVersion."""


def policy_version_missing(name: str, version: str) -> str:
    """[R] after the text for things."""
    return f"Version {version} of policy {name} cannot be found."


def policy_exists(name: str) -> str:
    """Reported by users of the live service. CreatePolicy."""
    return f"Policy cannot be created - name already exists (name={name})"


def policy_attached(name: str) -> str:
    """Reported by users of the live service. DeletePolicy."""
    return f"The policy cannot be deleted as the policy is attached to one or more principals (name={name})"


def policy_has_versions(name: str) -> str:
    """Reported by users of the live service, typing error included; the brackets are [R]. DeletePolicy."""
    return f"The policy cannot be deleted as versions other than than default version exist (name={name})"


def policy_versions_full(name: str, limit: int) -> str:
    """Reported by users of the live service. CreatePolicyVersion."""
    return f"The policy {name} already has the maximum number of versions ({limit})"


def policy_too_large(size: int, limit: int) -> str:
    """[R] In characters that are no white space."""
    return f"The policy document has {size} characters without white space, more than the limit of {limit}."
