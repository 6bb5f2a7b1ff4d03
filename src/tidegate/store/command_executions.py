"""Executions of commands: a command that was sent to one device, and what became of it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from tidegate.core.command import State
from tidegate.store.database import Tx

Target = Literal["thing", "client"]
_EVER = 1 << 62


class Place(NamedTuple):
    """Whom a command is for."""

    type: Target
    id: str


class NewExecution(NamedTuple):
    """What an execution begins with; ``parameters`` is JSON, ``wake_at`` (epoch ms) when its time is over."""

    uuid: str
    command: str
    namespace: str
    target_type: Target
    target: str
    parameters: str | None
    timeout_s: int
    wake_at: int


class Execution(NamedTuple):
    """A stored execution; instants are epoch ms, ``parameters`` and ``result`` JSON."""

    id: int
    uuid: str
    command: str
    namespace: str
    target_type: Target
    target: str
    state: State
    reason_code: str | None
    reason_description: str | None
    result: str | None
    parameters: str | None
    timeout_s: int
    created_at: int
    updated_at: int
    completed_at: int | None
    wake_at: int
    version: int


class Listed(NamedTuple):
    """An execution as lists show it."""

    id: int
    uuid: str
    command: str
    target_type: Target
    target: str
    state: State
    created_at: int
    completed_at: int | None


class Wanted(NamedTuple):
    """Which executions of a scope a list is of; ends of spans (epoch ms) are excluded."""

    command: str | None = None
    target: Place | None = None
    namespace: str | None = None
    states: tuple[State, ...] = ()
    """One or two; none: any."""
    started: tuple[int, int] = (-1, _EVER)
    completed: tuple[int, int] | None = None
    """None: those that are not completed, too."""


def insert(tx: Tx, scope: int, new: NewExecution, now: int) -> None:
    """Keep a new execution, in state CREATED."""
    tx.run("command_execution_insert", {"scope": scope, "now": now, **new._asdict()})


def get(tx: Tx, scope: int, uuid: str, target: Place) -> Execution | None:
    """An execution of a target."""
    values = {"scope": scope, "uuid": uuid, "target_type": target.type, "target": target.id}
    row = tx.one("command_execution_get", values)
    return None if row is None else _execution(row)


def _execution(row: tuple[object, ...]) -> Execution:
    found = Execution(*row)  # type: ignore[arg-type]
    return found._replace(state=State(found.state))


def update(tx: Tx, execution: Execution) -> bool:
    """Write what can change of an execution, if nobody has changed it since it was read."""
    return tx.run("command_execution_update", execution._asdict()) == 1


def delete(tx: Tx, execution: Execution) -> None:
    """Forget an execution."""
    tx.run("command_execution_delete", {"id": execution.id})


_LISTS: Final[dict[tuple[str, bool], str]] = {
    ("", True): "command_execution_list_upward",
    ("", False): "command_execution_list_downward",
    ("command", True): "command_execution_list_of_command_upward",
    ("command", False): "command_execution_list_of_command_downward",
    ("target", True): "command_execution_list_of_target_upward",
    ("target", False): "command_execution_list_of_target_downward",
}
"""The statement by what is asked about and by direction."""


def listed(tx: Tx, scope: int, wanted: Wanted, place: int, limit: int, *, upward: bool) -> list[Listed]:
    """Executions after an id from old to new, or before it from new to old."""
    about = "command" if wanted.command else "target" if wanted.target else ""
    completed = wanted.completed or (0, 0)
    values = {
        "scope": scope,
        "namespace": wanted.namespace,
        "any_state": int(not wanted.states),
        "state": int(wanted.states[0]) if wanted.states else -1,
        "other_state": int(wanted.states[-1]) if wanted.states else -1,
        "started_after": wanted.started[0],
        "started_before": wanted.started[1],
        "completed": int(wanted.completed is not None),
        "completed_after": completed[0],
        "completed_before": completed[1],
        "place": place,
        "limit": limit,
    }
    if wanted.command:
        values["command"] = wanted.command
    elif wanted.target:
        values |= {"target_type": wanted.target.type, "target": wanted.target.id}
    rows = tx.all(_LISTS[about, upward], values)
    return [each._replace(state=State(each.state)) for each in (Listed(*row) for row in rows)]


def next_wake(tx: Tx) -> int | None:
    """When the engine has to do with an execution next."""
    row = tx.one("command_execution_next_wake", {})
    return row[0] if row else None


def due(tx: Tx, until: int, limit: int) -> list[tuple[int, Execution]]:
    """The executions whose time came by an instant, the earliest first, with their scopes."""
    rows = tx.all("command_execution_due", {"until": until, "limit": limit})
    return [(row[0], _execution(row[1:])) for row in rows]


def latest_start(tx: Tx) -> int | None:
    """When the latest of the executions began whose time runs."""
    row = tx.one("command_execution_latest_start", {})
    return row[0] if row else None


def set_back(tx: Tx, latest: int, now: int) -> None:
    """What runs and began in the future is moved to now's time: the clock was ahead, and said ``latest``."""
    tx.run("command_execution_set_back", {"now": now, "shift": now - latest})


def move_timers(tx: Tx, span: tuple[int, int], now: int) -> None:
    """Let what runs end as long after ``now`` as it would have after the end of ``span``, as those of jobs do."""
    seen, before = span
    values = {"after": now - (before - seen), "before": before, "now": now, "shift": now - before}
    tx.run("command_execution_move_timers", values)


def running(tx: Tx, scope: int, target: Place) -> int:
    """How many executions of a target have not ended."""
    row = tx.one("command_execution_running", {"scope": scope, "target_type": target.type, "target": target.id})
    return row[0] if row else 0
