"""Commands: what devices may be told to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.store.database import Tx


class NewCommand(NamedTuple):
    """What a command is created with; ``parameters`` is JSON."""

    name: str
    namespace: str
    display_name: str | None
    description: str | None
    content: bytes | None
    content_type: str | None
    template: str | None
    output_format: str | None
    parameters: str | None
    role_arn: str | None


class Command(NamedTuple):
    """A stored command; instants are epoch ms."""

    id: int
    name: str
    namespace: str
    display_name: str | None
    description: str | None
    content: bytes | None
    content_type: str | None
    template: str | None
    output_format: str | None
    parameters: str | None
    role_arn: str | None
    deprecated_at: int | None
    delete_at: int | None
    created_at: int
    updated_at: int


class Listed(NamedTuple):
    """A command as lists show it."""

    id: int
    name: str
    display_name: str | None
    deprecated_at: int | None
    created_at: int
    updated_at: int


class Due(NamedTuple):
    """A command that is to be deleted, and where it is."""

    id: int
    name: str
    scope: int
    account: str
    region: str


class Wanted(NamedTuple):
    """Which commands of a scope a list is of; None: of any."""

    namespace: str | None
    parameter: str | None


def insert(tx: Tx, scope: int, new: NewCommand, parameters: Iterable[str], now: int) -> bool:
    """Keep a new command and the names of its parameters; False if its name is taken."""
    row = tx.one("command_insert", {"scope": scope, "now": now, **new._asdict()})
    if row is None:
        return False
    tx.many("command_parameter_insert", [{"command": row[0], "name": each} for each in parameters])
    return True


def get(tx: Tx, scope: int, name: str) -> Command | None:
    """One command by its name, one that is pending deletion too."""
    row = tx.one("command_get", {"scope": scope, "name": name})
    return None if row is None else Command(*row)


def update(tx: Tx, command: Command, now: int) -> None:
    """Write what can change of a command."""
    values = {name: getattr(command, name) for name in ("id", "display_name", "description", "deprecated_at")}
    tx.run("command_update", {**values, "delete_at": command.delete_at, "now": now})


def upward(tx: Tx, scope: int, wanted: Wanted, after: int, limit: int) -> list[Listed]:
    """Commands that are not pending deletion, from old to new, after an id."""
    return [Listed(*row) for row in tx.all("command_list_upward", _listing(scope, wanted, "after", after, limit))]


def downward(tx: Tx, scope: int, wanted: Wanted, before: int, limit: int) -> list[Listed]:
    """The same from new to old, before an id."""
    return [Listed(*row) for row in tx.all("command_list_downward", _listing(scope, wanted, "before", before, limit))]


def _listing(scope: int, wanted: Wanted, side: str, place: int, limit: int) -> dict[str, str | int | None]:
    return {
        "scope": scope,
        "namespace": wanted.namespace,
        "any_parameter": int(wanted.parameter is None),
        "parameter": wanted.parameter or "",
        side: place,
        "limit": limit,
    }


def count(tx: Tx, scope: int) -> int:
    """How many there are."""
    row = tx.one("command_count", {"scope": scope})
    return row[0] if row else 0


def delete(tx: Tx, command_id: int) -> None:
    """Remove a command. Its executions stay."""
    tx.run("command_parameter_delete", {"command": command_id})
    tx.run("command_delete", {"id": command_id})


def next_deletion(tx: Tx) -> int | None:
    """When the next command is to be deleted."""
    row = tx.one("command_next_deletion", {})
    return row[0] if row else None


def due(tx: Tx, until: int, limit: int) -> list[Due]:
    """Commands whose time came by an instant."""
    return [Due(*row) for row in tx.all("command_due", {"until": until, "limit": limit})]
