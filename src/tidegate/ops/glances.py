"""Jobs at a glance: what a list of them says of each beyond what ListJobs answers. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import why
from tidegate.ops.call import Call
from tidegate.ops.why import Asked, Why
from tidegate.store import jobs
from tidegate.store.database import Tx
from tidegate.store.jobs import Job


class Glance(NamedTuple):
    """A job as it stands: its row, its executions by status, and why it does not go on (None: not asked)."""

    job: Job
    counts: dict[ExecutionStatus, int]
    why: Why | None


def of(tx: Tx, call: Call, names: Sequence[str], *, reasons: bool) -> list[Glance]:
    """Some jobs, in this order; those that are gone by now are left out. ``reasons``: whether to say why."""
    found = [jobs.get(tx, call.scope, name) for name in names]
    return [one(tx, call, row, reasons=reasons) for row in found if row is not None]


def one(tx: Tx, call: Call, row: Job, *, reasons: bool) -> Glance:
    """One job."""
    asked = Asked(call.account, call.region, row.name)
    reason = why.why(tx, asked, call.now, call.limits) if reasons else None
    return Glance(row, jobs.counts(tx, row.id), reason)
