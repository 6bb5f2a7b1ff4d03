"""Approvals of jobs, and the rules that demand them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.store.database import Row, Tx


class StoredRule(NamedTuple):
    """A rule; ``config`` is encoded, ``created_at`` epoch ms."""

    name: str
    config: str
    created_at: int


class Approval(NamedTuple):
    """The request for an approval of a job. Instants are epoch ms; ``forecast`` is JSON, ``hold`` the job's."""

    job_id: int
    job_name: str
    asked_by: list[str]
    asked_at: int
    reasons: list[str]
    approved_by: str | None
    approved_at: int | None
    comment: str | None
    forecast: str | None
    hold: str | None


def _approval(row: Row) -> Approval:
    return Approval(row[0], row[1], json.loads(row[2]), row[3], json.loads(row[4]), *row[5:])


def put_rule(tx: Tx, scope: int, name: str, config: str, now: int) -> None:
    """Keep a rule, in place of one with the same name."""
    tx.run("approval_rule_put", {"scope": scope, "name": name, "config": config, "now": now})


def rules(tx: Tx, scope: int) -> list[StoredRule]:
    """Every rule, by name."""
    return [StoredRule(*row) for row in tx.all("approval_rule_list", {"scope": scope})]


def delete_rule(tx: Tx, scope: int, name: str) -> bool:
    """Remove a rule; False if there was none."""
    return tx.run("approval_rule_delete", {"scope": scope, "name": name}) > 0


def put(tx: Tx, scope: int, job_id: int, asked_by: Sequence[str], asked_at: int, reasons: Sequence[str]) -> None:
    """Keep a request, in place of one that there was."""
    texts = {"asked_by": json.dumps(asked_by), "reasons": json.dumps(reasons)}
    tx.run("approval_put", {"job": job_id, "scope": scope, "asked_at": asked_at, **texts})


def get(tx: Tx, job_id: int) -> Approval | None:
    """The request of a job."""
    row = tx.one("approval_get", {"job": job_id})
    return _approval(row) if row else None


def page(tx: Tx, scope: int, before: int, limit: int) -> list[Approval]:
    """Requests of jobs with a smaller inner id than ``before``, the newest job first."""
    return [_approval(row) for row in tx.all("approval_list", {"scope": scope, "before": before, "limit": limit})]


def decide(tx: Tx, job_id: int, by: str, now: int, comment: str | None, forecast: str | None) -> None:
    """Note who approved a job, and what was forecast then."""
    tx.run("approval_decide", {"job": job_id, "by": by, "now": now, "comment": comment, "forecast": forecast})
