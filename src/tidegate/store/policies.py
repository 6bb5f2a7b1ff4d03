"""Policies, their versions, and what they are attached to: certificates, thing groups, Cognito identities, by name."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx

NEWEST = 1 << 62
"""Where a list that runs from new to old begins."""


class Policy(NamedTuple):
    """A stored policy; instants are epoch ms."""

    id: int
    name: str
    uuid: str
    default_version: int
    last_version: int
    created_at: int
    updated_at: int


class Version(NamedTuple):
    """One version of a policy's document; ``created_at`` is epoch ms."""

    version: int
    uuid: str
    document: str
    created_at: int


class PolicyName(NamedTuple):
    """What a list shows."""

    id: int
    name: str


class Target(NamedTuple):
    """One attachment, by the order of attaching."""

    id: int
    target_arn: str


class InForce(NamedTuple):
    """A policy's name, and number and document of its default version."""

    name: str
    document: str
    version: int


def insert(tx: Tx, scope: int, name: str, *, uuid: str, now: int) -> int | None:
    """Keep a new policy, whose first version is to be the default; its inner id, or None if the name is taken."""
    row = tx.one("policy_insert", {"scope": scope, "name": name, "uuid": uuid, "now": now})
    return row[0] if row else None


def get(tx: Tx, scope: int, name: str) -> Policy | None:
    """One policy by its name."""
    row = tx.one("policy_get", {"scope": scope, "name": name})
    return Policy(*row) if row else None


def page(tx: Tx, scope: int, after: int, limit: int) -> list[PolicyName]:
    """Policies in the order of their creation, after an inner id."""
    return [PolicyName(*row) for row in tx.all("policy_list", {"scope": scope, "after": after, "limit": limit})]


def page_newest(tx: Tx, scope: int, before: int, limit: int) -> list[PolicyName]:
    """Policies from new to old, before an inner id (first ``NEWEST``)."""
    rows = tx.all("policy_list_newest", {"scope": scope, "before": before, "limit": limit})
    return [PolicyName(*row) for row in rows]


def set_default(tx: Tx, policy_id: int, version: int, *, now: int) -> None:
    """Put a version in force."""
    tx.run("policy_set_default", {"id": policy_id, "version": version, "now": now})


def delete(tx: Tx, policy: Policy) -> None:
    """Remove a policy that nothing is attached to and its only version."""
    delete_version(tx, policy.id, policy.default_version)
    tx.run("policy_delete", {"id": policy.id})


def insert_version(tx: Tx, policy_id: int, version: int, document: str, *, uuid: str, now: int) -> None:
    """Keep a document as the newest version of a policy."""
    values = {"policy": policy_id, "version": version, "uuid": uuid, "document": document, "now": now}
    tx.run("policy_version_insert", values)
    tx.run("policy_set_last", {"id": policy_id, "version": version, "now": now})


def version(tx: Tx, policy_id: int, number: int) -> Version | None:
    """One version."""
    row = tx.one("policy_version_get", {"policy": policy_id, "version": number})
    return Version(*row) if row else None


def versions(tx: Tx, policy_id: int) -> list[Version]:
    """Every version, newest first."""
    return [Version(*row) for row in tx.all("policy_version_list", {"policy": policy_id})]


def count_versions(tx: Tx, policy_id: int) -> int:
    """How many versions there are."""
    row = tx.one("policy_version_count", {"policy": policy_id})
    return row[0] if row else 0


def delete_version(tx: Tx, policy_id: int, number: int) -> None:
    """Remove one version."""
    tx.run("policy_version_delete", {"policy": policy_id, "version": number})


def attach(tx: Tx, scope: int, policy_id: int, target_arn: str) -> bool:
    """Attach a policy; False if it was attached already."""
    return tx.one("policy_target_insert", {"scope": scope, "policy": policy_id, "target": target_arn}) is not None


def detach(tx: Tx, policy_id: int, target_arn: str) -> bool:
    """Undo an attachment; False if there was none."""
    return tx.run("policy_target_delete", {"policy": policy_id, "target": target_arn}) > 0


def detach_all(tx: Tx, scope: int, target_arn: str) -> bool:
    """Undo every attachment of a certificate or group that is going away; False if there was none."""
    return tx.run("policy_target_forget", {"scope": scope, "target": target_arn}) > 0


def named_in_force(tx: Tx, scope: int, name: str) -> InForce | None:
    """A policy with its default version, whatever it is attached to."""
    row = tx.one("policy_named_in_force", {"scope": scope, "name": name})
    return InForce(*row) if row else None


def count_of_target(tx: Tx, scope: int, target_arn: str) -> int:
    """How many policies a target has."""
    row = tx.one("policy_target_count", {"scope": scope, "target": target_arn})
    return row[0] if row else 0


def is_attached(tx: Tx, policy_id: int) -> bool:
    """Whether a policy is attached to anything."""
    return tx.one("policy_target_any", {"policy": policy_id}) is not None


def targets(tx: Tx, policy_id: int, after: int, limit: int, *, without: str = "") -> list[Target]:
    """What a policy is attached to, in the order of attaching; not what begins with ``without``."""
    values = {"policy": policy_id, "after": after, "limit": limit, "size": len(without), "without": without}
    return [Target(*row) for row in tx.all("policy_target_list", values)]


def targets_newest(tx: Tx, policy_id: int, before: int, limit: int, *, without: str = "") -> list[Target]:
    """The same from the latest attachment to the first, before one (first ``NEWEST``)."""
    values = {"policy": policy_id, "before": before, "limit": limit, "size": len(without), "without": without}
    return [Target(*row) for row in tx.all("policy_target_list_newest", values)]


def of_target(tx: Tx, scope: int, target_arn: str, after: int, limit: int) -> list[PolicyName]:
    """The policies of a target in the order of their creation."""
    rows = tx.all("policy_of_target", {"scope": scope, "target": target_arn, "after": after, "limit": limit})
    return [PolicyName(*row) for row in rows]


def of_target_newest(tx: Tx, scope: int, target_arn: str, before: int, limit: int) -> list[PolicyName]:
    """The same from new to old, before an inner id (first ``NEWEST``)."""
    rows = tx.all("policy_of_target_newest", {"scope": scope, "target": target_arn, "before": before, "limit": limit})
    return [PolicyName(*row) for row in rows]


def of_group_line(tx: Tx, scope: int, prefix: str, group: str, after: int, limit: int) -> list[PolicyName]:
    """The policies of a group and of its ancestors, in the order of their creation; ``prefix`` begins a group's ARN."""
    values = {"scope": scope, "prefix": prefix, "group": group, "after": after, "limit": limit}
    return [PolicyName(*row) for row in tx.all("policy_of_group_line", values)]


def in_force(tx: Tx, scope: int, target_arn: str) -> list[InForce]:
    """The documents that apply to a target by itself."""
    return [InForce(*row) for row in tx.all("policy_in_force", {"scope": scope, "target": target_arn})]


def in_force_for_group(tx: Tx, scope: int, prefix: str, group: str) -> list[InForce]:
    """The documents of a group and of its ancestors; ``prefix`` begins a group's ARN."""
    values = {"scope": scope, "prefix": prefix, "group": group}
    return [InForce(*row) for row in tx.all("policy_in_force_for_group", values)]


def in_force_for_thing(tx: Tx, scope: int, prefix: str, thing_id: int) -> list[InForce]:
    """The documents that apply to a thing through its groups and their ancestors; ``prefix`` begins a group's ARN."""
    values = {"scope": scope, "prefix": prefix, "thing": thing_id}
    return [InForce(*row) for row in tx.all("policy_in_force_for_thing", values)]
