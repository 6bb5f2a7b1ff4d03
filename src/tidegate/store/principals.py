"""Principals: the operators that access keys belong to, and their policies."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from tidegate.store.database import Tx


class Principal(NamedTuple):
    """An operator. ``tags`` is a JSON object of texts.

    ``device_session_s`` is how long credentials may last by which devices are this principal; 0: none are.
    """

    id: int
    arn: str
    tags: str
    created_at: int
    device_session_s: int


class Attached(NamedTuple):
    """A policy of a principal: its name there and its document."""

    name: str
    document: str


class Standing(NamedTuple):
    """What an operator may do is made of these: its tags, and its policies by name."""

    tags: str
    policies: list[Attached]


def insert(tx: Tx, arn: str, tags: str, created_at: int) -> int | None:
    """Keep a principal: its id, or None if its ARN is taken."""
    row = tx.one("principal_insert", {"arn": arn, "tags": tags, "created_at": created_at})
    return row[0] if row else None


def find(tx: Tx, arn: str) -> Principal | None:
    """The principal with this ARN."""
    row = tx.one("principal_get", {"arn": arn})
    return Principal(*row) if row else None


def standing(tx: Tx, arns: Collection[str]) -> dict[str, Standing]:
    """The standing of those of these principals that exist."""
    found: dict[str, Standing] = {}
    for arn, tags, name, document in tx.all("principal_standing", {"arns": msgspec.json.encode(sorted(arns)).decode()}):
        one = found.setdefault(arn, Standing(tags, []))
        if name is not None:
            one.policies.append(Attached(name, document))
    return found


def every(tx: Tx) -> list[Principal]:
    """All principals of all accounts, by ARN: operators are few."""
    return [Principal(*row) for row in tx.all("principal_list", {})]


def delete(tx: Tx, principal_id: int) -> None:
    """Take a principal away, with its policies."""
    tx.run("principal_policy_delete_all", {"principal_id": principal_id})
    tx.run("principal_delete", {"id": principal_id})


def set_device_session(tx: Tx, principal_id: int, longest_s: int) -> None:
    """Say how long credentials of devices may last; 0: there are none."""
    tx.run("principal_set_device_session", {"id": principal_id, "longest_s": longest_s})


def put_policy(tx: Tx, principal_id: int, name: str, document: str, at: int) -> None:
    """Attach a policy; one with the same name is replaced."""
    values = {"principal_id": principal_id, "name": name, "document": document, "updated_at": at}
    tx.run("principal_policy_put", values)


def policies(tx: Tx, principal_id: int) -> list[Attached]:
    """The policies of a principal, by name."""
    return [Attached(*row) for row in tx.all("principal_policy_list", {"principal_id": principal_id})]


def delete_policy(tx: Tx, principal_id: int, name: str) -> bool:
    """Detach a policy; False if there is none of this name."""
    return tx.run("principal_policy_delete", {"principal_id": principal_id, "name": name}) == 1
