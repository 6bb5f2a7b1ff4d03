"""The page of a job: how it stands and why, its curves, its limits, its failures, its devices, who did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tidegate.console import charts, settings, words
from tidegate.console.courses import ended_at
from tidegate.console.visit import NotFoundError, Page, Visit, path
from tidegate.core import abort
from tidegate.core.abort import Criterion
from tidegate.core.course import Course
from tidegate.core.lifecycle import ExecutionStatus, JobStatus
from tidegate.http.control import EXPLAIN, FORECAST, READ_AUDIT
from tidegate.ops import audit, configuration, glances, job_state, why
from tidegate.ops.call import Call
from tidegate.ops.glances import Glance
from tidegate.ops.why import Asked
from tidegate.store import jobs
from tidegate.store.database import Tx

_PAGE: Final = 50
_REASONS: Final = 12
_THROUGH: Final = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.TIMED_OUT,
    ExecutionStatus.REJECTED,
)
_ENTRIES: Final = 50


async def show(visit: Visit) -> Page:
    """``GET /jobs/{}``: ``status`` and ``after`` choose of its executions."""
    [name] = visit.parts
    described = (await visit.ask("DescribeJob", job_id=name)).job
    may = {each: await visit.permits(each) for each in (EXPLAIN, FORECAST, READ_AUDIT)}
    seen, call = await glance(visit, name, reasons=may[EXPLAIN]), await visit.call()
    course = await visit.courses.of(call, seen)
    # A forecast of many wants a core, and so does reading them: one after the other.
    plan = await visit.courses.planned(call, seen) if may[FORECAST] and course is not None else None
    status = visit.query.get("status") or None
    given = {"job_id": name, "status": status, "max_results": _PAGE, "next_token": visit.query.get("after")}
    found = await visit.ask("ListJobExecutionsForJob", **given) if not visit.live else None
    timeline = await visit.read(lambda tx, call: _timeline(tx, call, seen, may[READ_AUDIT]))
    values: dict[str, Any] = {
        "title": name,
        "job": described,
        "seen": seen,
        "told": words.state(seen),
        "counts": [(each, seen.counts[each]) for each in charts.DRAWN],
        "may": {"explain": may[EXPLAIN], "forecast": may[FORECAST], "audit": may[READ_AUDIT]},
        **_curves(seen, course, plan, call.now),
        "hold": job_state.held(seen.job).hold,
        "limits": _limits(seen),
        "reasons": [] if course is None else course.reasons.most_common(_REASONS),
        "kinds": 0 if course is None else len(course.reasons),
        "unexplained": 0 if course is None else course.unexplained,
        "in_effect": settings.in_effect(seen.job.config, seen.job.target_selection, call.limits),
        "timeline": timeline,
        "lint": None if visit.live else await visit.lint(job=name, things=_things(seen, plan)),
        "status": status,
        "statuses": [each.name for each in ExecutionStatus],
        "executions": None if found is None else found.execution_summaries or [],
        "following": path("jobs", name, status=status, after=found.next_token) if found and found.next_token else None,
        "ended": seen.job.status in (JobStatus.COMPLETED, JobStatus.CANCELED),
    }
    return Page("job.html", values, live=("state", "progress", "limits", "failures", "timeline"))


def _things(seen: Glance, plan: Any) -> int | None:
    """How many things a job is aimed at, if that need not be counted: there may be a million."""
    return seen.job.released or (None if plan is None else int(plan.start.total)) or None


async def glance(visit: Visit, name: str, *, reasons: bool) -> Glance:
    """A job of the API, at a glance. Raises NotFoundError."""
    found = await visit.read(lambda tx, call: glances.of(tx, call, [name], reasons=reasons))
    if not found:
        raise NotFoundError(f"Job {name} cannot be found.")
    return found[0]


async def execution(visit: Visit) -> Page:
    """``GET /jobs/{}/things/{}``."""
    name, thing = visit.parts
    found = (await visit.ask("DescribeJobExecution", job_id=name, thing_name=thing)).execution
    values = {"title": f"{name} on {thing}", "name": name, "thing": thing, "execution": found}
    values["why"] = await _why(visit, name, thing)
    return Page("execution.html", values, live=("execution",))


async def _why(visit: Visit, name: str, thing: str) -> Any:
    """Why an execution does not go on; None if that may not be known."""
    if not await visit.permits(EXPLAIN):
        return None

    def read(tx: Tx, call: Call) -> Any:
        return why.why(tx, Asked(call.account, call.region, name, thing), call.now, call.limits)

    try:
        return await visit.read(read)
    except why.UnknownError as error:
        raise NotFoundError(str(error)) from None


# --- curves ---------------------------------------------------------------------------------------------------------


def _curves(seen: Glance, course: Course | None, plan: Any, now: int) -> dict[str, Any]:
    if course is None:
        return {"release": None, "statuses_chart": None, "rows": [], "compared": [], "planned": plan is not None}
    until = ended_at(seen, now)
    series, passed = course.series(until), max(0, until - course.since)
    actual = charts.points(series, series.released, passed)
    goes_on = seen.job.status == JobStatus.IN_PROGRESS
    planned = None if plan is None else _planned(plan, course.since - plan.curves.begins_at)
    return {
        "release": charts.release(actual, planned, goes_on=goes_on),
        "statuses_chart": charts.stacked(series, passed),
        "rows": charts.rows(series, passed),
        "compared": [] if plan is None else _compared(plan, course),
        "planned": planned is not None,
    }


def _planned(plan: Any, late: int) -> list[tuple[int, float]]:
    """The forecast's curve of releases; it began ``late`` ms before the job's own does."""
    found = [(at * plan.curves.width - late, much) for at, much in enumerate(plan.curves.released)]
    last = next((at for at, (_, much) in enumerate(found) if much == plan.curves.released[-1]), len(found) - 1)
    return [(max(0, at), much) for at, much in found[: last + 1]]


def _compared(plan: Any, course: Course) -> list[tuple[int, Any, int | None]]:
    """(percent, when so many were to have ended, when they had), spans in ms."""
    total = plan.start.total
    return [
        (share, spread, course.ended_after(-(-total * share // 100), _THROUGH)) for share, spread in plan.ended.items()
    ]


# --- limits ---------------------------------------------------------------------------------------------------------


def _limits(seen: Glance) -> list[_Limit]:
    """Its criteria, by what ended since it was last let go on."""
    plan = configuration.plan(seen.job.config, "SNAPSHOT")
    counts = abort.counts(seen.counts).since(job_state.held(seen.job).forgiven)
    return [_Limit.of(each, counts, pauses=plan.pauses) for each in plan.abort]


class _Limit(NamedTuple):
    """An abort criterion, and how far the job is from it."""

    told: str
    found: int
    executed: int
    percent: float
    threshold: float
    least: int
    more: int | None

    @classmethod
    def of(cls, criterion: Criterion, counts: abort.Counts, *, pauses: bool) -> _Limit:
        return cls(
            settings.criterion(criterion, pauses=pauses),
            counts.of(criterion.failure_type),
            counts.executed,
            float(abort.percentage(criterion, counts)),
            float(criterion.threshold_percentage),
            criterion.min_executed,
            abort.more_until(criterion, counts),
        )


# --- who did what ---------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """Something that happened to a job: when (epoch ms), who did it, and what."""

    at: int
    who: str
    what: str


def _timeline(tx: Tx, call: Call, seen: Glance, audited: bool) -> list[Event]:
    row = seen.job
    found = [Event(row.created_at, "", "The job was created.")]
    if row.rollout_started_at is not None:
        found.append(Event(row.rollout_started_at, "engine", "The rollout began."))
    if row.completed_at is not None:
        found.append(Event(row.completed_at, "engine", f"The job was {row.status}."))
    if audited:
        found = [each for each in found if each.who] + _entries(tx, call, row)
    return sorted(found, reverse=True)[:_ENTRIES]


def _entries(tx: Tx, call: Call, row: jobs.Job) -> list[Event]:
    entries: Sequence[audit.Entry] = audit.about(tx, call.arn(f"job/{row.name}"), call.account)
    return [Event(one.service_time or one.time, one.principal, _words_of(one)) for one in entries]


def _words_of(one: audit.Entry) -> str:
    told = one.operation.partition(":")[2] + ("" if one.outcome == "done" else f" ({one.outcome})")
    reason = (one.after or {}).get("reason")
    return f"{told}{f': {reason}' if reason else ''}{f', by the {one.edge}' if one.edge == 'console' else ''}"
