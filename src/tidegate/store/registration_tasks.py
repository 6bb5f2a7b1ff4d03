"""Thing registration tasks, and what became of each line of theirs."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class NewTask(NamedTuple):
    """What a task starts with; ``input_size`` in bytes, and ``etag`` the input file's."""

    task_id: str
    principal: str
    body: str
    bucket: str
    key: str
    etag: str
    role_arn: str
    input_size: int
    now: int


class Task(NamedTuple):
    """A task; instants are epoch ms.

    ``outcome`` is the status it will have when its reports are written, None while lines are carried out.
    ``input_offset`` and ``line`` are the bytes and lines that are done, ``result_files`` and ``error_files`` count the
    reports.
    """

    id: int
    scope: int
    account: str
    region: str
    task_id: str
    status: str
    outcome: str | None
    message: str | None
    principal: str
    body: str
    bucket: str
    key: str
    etag: str
    role_arn: str
    input_size: int
    input_offset: int
    line: int
    success_count: int
    failure_count: int
    result_files: int
    error_files: int
    created_at: int
    updated_at: int


class Name(NamedTuple):
    """What a list shows."""

    id: int
    task_id: str


def insert(tx: Tx, scope: int, new: NewTask) -> None:
    """Keep a task, in progress."""
    tx.run("registration_task_insert", {"scope": scope, **new._asdict()})


def get(tx: Tx, scope: int, task_id: str) -> Task | None:
    """One task."""
    row = tx.one("registration_task_get", {"scope": scope, "task_id": task_id})
    return Task(*row) if row else None


def following(tx: Tx, after: int) -> Task | None:
    """The next task of anybody's that is not over, by inner id."""
    row = tx.one("registration_task_next", {"after": after})
    return Task(*row) if row else None


def under_way(tx: Tx, scope: int) -> str | None:
    """The id of a scope's task that is not over."""
    row = tx.one("registration_task_under_way", {"scope": scope})
    return row[0] if row else None


def page(tx: Tx, scope: int, status: str | None, before: int, limit: int) -> list[Name]:
    """Tasks from new to old, before an inner id; those of one status, or all."""
    values = {"scope": scope, "status": status or "", "before": before, "limit": limit}
    return [Name(*row) for row in tx.all("registration_task_list", values)]


def cancel(tx: Tx, task: Task, *, now: int) -> None:
    """Let a task that is in progress begin no further line."""
    tx.run("registration_task_cancel", {"id": task.id, "now": now})


def advance(tx: Tx, task_id: int, *, start: int, end: int, line: int, failed: bool | None, now: int) -> bool:
    """Say that the line from ``start`` to ``end`` is done; ``failed`` None: there was nothing on it.

    False if it is another's by now, or the task's time is over.
    """
    values = {"id": task_id, "start": start, "end": end, "line": line, "now": now}
    counted = {"successes": int(failed is False), "failures": int(failed is True)}
    return tx.run("registration_task_advance", values | counted) == 1


def conclude(tx: Tx, task_id: int, outcome: str, message: str | None, *, now: int) -> None:
    """Carry out no further line; reports follow."""
    tx.run("registration_task_conclude", {"id": task_id, "outcome": outcome, "message": message, "now": now})


def filed(tx: Tx, task: Task, *, now: int) -> bool:
    """Count one more report, ``result_files`` and ``error_files`` being the new numbers; False if it is counted."""
    values = {"id": task.id, "results": task.result_files, "errors": task.error_files, "now": now}
    values["before"] = task.result_files + task.error_files - 1
    return tx.run("registration_task_filed", values) == 1


def close(tx: Tx, task_id: int, status: str, message: str | None, *, now: int) -> None:
    """End a task."""
    tx.run("registration_task_close", {"id": task_id, "status": status, "message": message, "now": now})


def put_result(tx: Tx, task_id: int, line: int, result: str, *, failed: bool) -> None:
    """Keep what became of a line, as it will stand in a report."""
    values = {"task": task_id, "line": line, "failed": int(failed), "result": result}
    tx.run("registration_result_insert", values)


def results(tx: Tx, task_id: int, limit: int, *, failed: bool) -> list[tuple[int, str]]:
    """The first (line, result) that no report has yet."""
    rows = tx.all("registration_result_page", {"task": task_id, "failed": int(failed), "limit": limit})
    return [(line, result) for line, result in rows]


def drop_results(tx: Tx, task_id: int, line: int, *, failed: bool) -> None:
    """Forget results up to a line."""
    tx.run("registration_result_delete", {"task": task_id, "failed": int(failed), "line": line})
