"""The list of jobs, each with its state in one line of words."""

from __future__ import annotations

from typing import Final

from tidegate.console import words
from tidegate.console.visit import Page, Visit, path
from tidegate.http.control import EXPLAIN
from tidegate.ops import glances

_PAGE: Final = 25
STATUSES: Final = ("IN_PROGRESS", "SCHEDULED", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS")


async def listed(visit: Visit) -> Page:
    """``GET /jobs``."""
    status = visit.query.get("status") or None
    found = await visit.ask("ListJobs", status=status, max_results=_PAGE, next_token=visit.query.get("after"))
    names = [one.job_id for one in found.jobs or ()]
    reasons = await visit.permits(EXPLAIN)
    seen = await visit.read(lambda tx, call: glances.of(tx, call, names, reasons=reasons))
    values = {
        "title": "Jobs",
        "status": status,
        "statuses": STATUSES,
        "jobs": [(each, words.state(each)) for each in seen],
        "following": path("jobs", status=status, after=found.next_token) if found.next_token else None,
    }
    return Page("jobs.html", values, live=("list",))
