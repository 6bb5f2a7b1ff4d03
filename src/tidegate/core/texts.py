"""Error texts that the service model does not give, in one place, so that a capture from a real account corrects them here.

[O] was seen in an answer of AWS, [T] in an answer of another implementation, [R] is our own wording.
"""

from __future__ import annotations

# ---------------------------------------------------------------------------------------------------------- certificates


def certificate_missing(certificate_id: str) -> str:
    """[R]"""
    return f"Certificate {certificate_id} cannot be found."


def thing_missing(name: str) -> str:
    """[T]"""
    return f"Thing {name} cannot be found."


CERTIFICATE_EXISTS = "The certificate is already provisioned or registered"  # [O]
CERTIFICATE_UNREADABLE = "Certificate is not a valid X.509 certificate in PEM format."  # [R]
CERTIFICATE_AUTHORITY_MISSING = "This server has no certificate authority."  # [R]


def certificate_status_internal(status: str) -> str:
    """[R]"""
    return f"Status {status} is set by the service only."


def certificate_active(certificate_id: str) -> str:
    """[O]"""
    return f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"


def certificate_has_things(arn: str) -> str:
    """[R], after the sentence about policies"""
    return f"Things must be detached before deletion (arn: {arn})"


def certificate_has_policies(arn: str) -> str:
    """[O]"""
    return f"Certificate policies must be detached before deletion (arn: {arn})"


NOT_A_CERTIFICATE_ARN = "The given ARN does not represent a cert"  # [O]


def attached_exclusively(arn: str, thing: str) -> str:
    """[R]"""
    return f"The principal {arn} is exclusively attached to thing {thing}. Detach it first."


def attached_elsewhere(arn: str) -> str:
    """[R]"""
    return f"The principal {arn} is attached to another thing and cannot be attached exclusively. Detach it first."


def attached_otherwise(arn: str, thing: str, kind: str) -> str:
    """[R]"""
    return f"The principal {arn} is already attached to thing {thing} as {kind}. Detach it first."


# -------------------------------------------------------------------------------------------------------------- policies

NOT_A_POLICY_TARGET = "The given target is neither the ARN of a certificate nor of a thing group"  # [R]


def policy_missing(name: str) -> str:
    """[R]"""
    return f"Policy {name} cannot be found."


def policy_version_missing(name: str, version: str) -> str:
    """[R]"""
    return f"Version {version} of policy {name} cannot be found."


def group_missing(name: str) -> str:
    """[R]"""
    return f"Thing group {name} cannot be found."


def policy_exists(name: str) -> str:
    """[O]"""
    return f"Policy cannot be created - name already exists (name={name})"


def policy_attached(name: str) -> str:
    """[O]"""
    return f"The policy cannot be deleted as the policy is attached to one or more principals (name={name})"


def policy_has_versions(name: str) -> str:
    """[O], the name in brackets after the sentence above"""
    return f"The policy cannot be deleted as versions other than than default version exist (name={name})"


def policy_versions_full(name: str, most: int) -> str:
    """[O]"""
    return f"The policy {name} already has the maximum number of versions ({most})"


POLICY_VERSION_DEFAULT = "Cannot delete the default version of a policy"  # [R]


def policy_too_large(most: int) -> str:
    """[R]"""
    return f"The policy document has more than {most} characters, white space not counted"


def policies_full(most: int) -> str:
    """[R]"""
    return f"The target already has the maximum number of policies ({most})"


# ------------------------------------------------------------------------------------------------------------------ tags

TAG_KEY_RESERVED = "Tag keys that start with aws: are reserved."  # [R]


def tag_repeated(key: str) -> str:
    """[R]"""
    return f"Tag key {key} is given more than once."


def tags_full(most: int) -> str:
    """[R]"""
    return f"A resource can have at most {most} tags."


def not_an_arn(text: str) -> str:
    """[R]"""
    return f"{text} is not a valid ARN."


def not_taggable(arn: str) -> str:
    """[R]"""
    return f"Resource {arn} cannot be tagged."


def resource_missing(arn: str) -> str:
    """[R]"""
    return f"Resource {arn} cannot be found."


# ------------------------------------------------------------------------------------------------------------- endpoints


def endpoint_type_unknown(kind: str) -> str:
    """[R]"""
    return f"Endpoint type {kind} is not supported."
