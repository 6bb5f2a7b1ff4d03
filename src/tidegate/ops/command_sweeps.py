"""What the engine does about commands: executions time out and are forgotten, commands are deleted (reach 7.1, 7.5)."""

from __future__ import annotations

from typing import Final

from tidegate.core import command
from tidegate.core.command import MOVES, RUNNING, Act
from tidegate.ops import command_executions
from tidegate.store import command_executions as stored
from tidegate.store import commands, scopes, tags
from tidegate.store.command_executions import Execution
from tidegate.store.database import Tx

CHUNK: Final = 250


def next_due(tx: Tx) -> int | None:
    """When something is due next."""
    times = (stored.next_wake(tx), commands.next_deletion(tx))
    return min((at for at in times if at is not None), default=None)


def step(tx: Tx, now: int, until: int, partition: str) -> None:
    """Do what came due by an instant, a bounded number of executions and commands."""
    for scope, execution in stored.due(tx, until, CHUNK):
        if execution.state in RUNNING:
            _time_out(tx, scope, now, execution, partition)
        else:
            stored.delete(tx, execution)
    for one in commands.due(tx, until, CHUNK):
        commands.delete(tx, one.id)
        tags.delete_all(tx, one.scope, f"arn:{partition}:iot:{one.region}:{one.account}:command/{one.name}")


def _time_out(tx: Tx, scope: int, now: int, execution: Execution, partition: str) -> None:
    """The service's own TIMED_OUT, which a late report still wins against."""
    late = execution._replace(
        state=MOVES[execution.state, Act.TIME_OUT],
        reason_code=command.NO_RESPONSE,
        reason_description=None,
        updated_at=now,
        wake_at=execution.created_at + command.RETENTION,
    )
    if stored.update(tx, late):  # on PostgreSQL its device may have reported since it was read
        account, region = scopes.name(tx, scope) or ("", "")
        command_executions.tell(tx, command_executions.At(scope, account, region, partition, now), late)
