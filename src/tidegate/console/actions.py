"""What can be done to a job. Each act is looked at before it is done: the page counts whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.clock import monotonic
from tidegate.console import render
from tidegate.console.job import glance
from tidegate.console.visit import Moved, NotFoundError, Page, Visit, path
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import courses, forecast
from tidegate.store.courses import BEFORE, Place
from tidegate.wire.errors import WireError
from tidegate.wire.iot import ResourceAlreadyExistsException, ResourceNotFoundException

_MOST: Final = 1000
"""Devices that are tried again by one job of the console."""
_PART_S: Final = 0.004
_COPIED: Final = (
    "presigned_url_config",
    "job_executions_rollout_config",
    "abort_config",
    "timeout_config",
    "job_executions_retry_config",
    "document_parameters",
    "destination_package_versions",
    "namespace_id",
)
_ID: Final = 64


def _page(title: str, segments: tuple[str, ...], effects: list[str], **values: Any) -> Page:
    """The page before an act on what these segments lead to."""
    common = {"title": title, "name": " on ".join(segments[::2]), "effects": effects, "back": path("jobs", *segments)}
    return Page("action.html", {**common, "possible": True, **values})


# --- cancel ---------------------------------------------------------------------------------------------------------


async def cancel(visit: Visit) -> Page:
    """``GET /jobs/{}/cancel``."""
    [name] = visit.parts
    await visit.ask("DescribeJob", job_id=name)
    seen = await glance(visit, name, reasons=False)
    total = await visit.read(lambda tx, _: forecast.targeted(tx, seen.job))
    queued, running = (seen.counts[each] for each in (ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS))
    effects = [
        f"{max(0, total - seen.job.released):,} devices never get the job.",
        f"{queued:,} executions that wait are canceled.",
        f"{running:,} devices are at work: they finish, or, with force, their executions are canceled at once, and "
        "what they report is refused from then on.",
    ]
    return _page("Cancel", (name,), effects, form="cancel", label="Cancel the job", danger=True, running=running)


async def canceled(visit: Visit) -> Moved:
    """``POST /jobs/{}/cancel``."""
    [name] = visit.parts
    form = visit.form
    await visit.ask(
        "CancelJob",
        job_id=name,
        force=True if form.get("force") else None,
        reason_code=form.get("reason") or None,
        comment=form.get("comment") or None,
    )
    return Moved(path("jobs", name))


async def cancel_one(visit: Visit) -> Page:
    """``GET /jobs/{}/things/{}/cancel``."""
    name, thing = visit.parts
    found = (await visit.ask("DescribeJobExecution", job_id=name, thing_name=thing)).execution
    running = int(found.status == "IN_PROGRESS")
    effects = [f"The execution on {thing} is {found.status}; the other devices of the job go on."]
    if running:
        effects.append("Its device is at work: only with force is it canceled.")
    return _page(
        *("Cancel", (name, "things", thing), effects),
        form="cancel_one",
        label="Cancel it",
        danger=True,
        running=running,
    )


async def canceled_one(visit: Visit) -> Moved:
    """``POST /jobs/{}/things/{}/cancel``."""
    name, thing = visit.parts
    force = True if visit.form.get("force") else None
    await visit.ask("CancelJobExecution", job_id=name, thing_name=thing, force=force)
    return Moved(path("jobs", name, "things", thing))


# --- pause and resume -----------------------------------------------------------------------------------------------


async def pause(visit: Visit) -> Page:
    """``GET /jobs/{}/pause``."""
    [name] = visit.parts
    await visit.ask("DescribeJob", job_id=name)
    seen = await glance(visit, name, reasons=False)
    queued, running = (seen.counts[each] for each in (ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS))
    effects = [
        "No further device gets the job until it is resumed.",
        f"{queued:,} executions that wait cannot be begun meanwhile.",
        f"{running:,} devices are at work and go on; what fails is tried again when the job goes on.",
        "An end time comes all the same.",
    ]
    return _page("Pause", (name,), effects, form="pause", label="Pause the job", danger=False)


async def paused(visit: Visit) -> Moved:
    """``POST /jobs/{}/pause``."""
    [name] = visit.parts
    await visit.ask_own("PauseJob", job_id=name, comment=visit.form.get("comment") or None)
    return Moved(path("jobs", name))


async def resume(visit: Visit) -> Page:
    """``GET /jobs/{}/resume``."""
    [name] = visit.parts
    await visit.ask("DescribeJob", job_id=name)
    seen = await glance(visit, name, reasons=False)
    total = await visit.read(lambda tx, _: forecast.targeted(tx, seen.job))
    effects = [
        f"{seen.counts[ExecutionStatus.QUEUED]:,} executions that wait can be begun again.",
        f"{max(0, total - seen.job.released):,} devices get the job, at its rate; nothing is caught up.",
    ]
    return _page("Resume", (name,), effects, form="resume", label="Resume the job", danger=False)


async def resumed(visit: Visit) -> Moved:
    """``POST /jobs/{}/resume``."""
    [name] = visit.parts
    await visit.ask_own("ResumeJob", job_id=name)
    return Moved(path("jobs", name))


# --- approve --------------------------------------------------------------------------------------------------------


async def approve(visit: Visit) -> Page:
    """``GET /jobs/{}/approve``: who asks, why it takes an approval, and what it would do."""
    [name] = visit.parts
    found = await visit.ask_own("DescribeApproval", job_id=name)
    effects = [f"Asked for by {', '.join(found.asked_by)}.", *found.reasons]
    told = found.forecast
    if told is None:
        effects.append(found.no_forecast or "There is no forecast.")
    else:
        effects += [f"{told['things']:,} devices get the job.", *told["findings"]]
        effects += [
            f"{share} % are through after {render.span(1000 * spread['p50'])}."
            for share, spread in told["endedAfter"].items()
            if spread["p50"] is not None
        ]
    if not found.waiting:
        effects.append(f"It was approved by {found.approved_by}." if found.approved_by else "It waits no more.")
    return _page(
        "Approve", (name,), effects, form="approve", label="Approve the job", danger=False, possible=found.waiting
    )


async def approved(visit: Visit) -> Moved:
    """``POST /jobs/{}/approve``."""
    [name] = visit.parts
    await visit.ask_own("ApproveJob", job_id=name, comment=visit.form.get("comment") or None)
    return Moved(path("jobs", name))


# --- retry ----------------------------------------------------------------------------------------------------------


async def retry(visit: Visit) -> Page:
    """``GET /jobs/{}/retry``: the same again for those that failed."""
    [name] = visit.parts
    await visit.ask("DescribeJob", job_id=name)
    found = await _failed(visit, name)
    limits = visit.service.settings.limits
    effects = [f"{len(found):,} devices failed, timed out or rejected the job, and nothing of theirs is under way."]
    if len(found) > _MOST:
        effects = [f"More than {_MOST:,} devices failed. For so many, make a group and a job for it by the API."]
    elif len(found) > limits.targets_per_job:
        effects.append(f"They are more than {limits.targets_per_job} targets: a thing group is made of them.")
    effects.append("A new job with the same document and settings is created for them; this one stays as it is.")
    possible = 0 < len(found) <= _MOST
    new = f"{name[: _ID - 12]}-retry-{visit.request_id[:5]}"
    return _page(
        "Retry failed", (name,), effects, form="retry", label="Create the job", danger=False, possible=possible, new=new
    )


async def retried(visit: Visit) -> Moved:
    """``POST /jobs/{}/retry``."""
    [name] = visit.parts
    new = visit.form.get("new", "")
    things = await _failed(visit, name)
    if not 0 < len(things) <= _MOST:
        raise NotFoundError("There is nothing to try again, or too much of it.")
    described = (await visit.ask("DescribeJob", job_id=name)).job
    document = await visit.ask("GetJobDocument", job_id=name, before_substitution=True)
    members = {each: getattr(described, each) for each in _COPIED}
    targets = [visit.arn(f"thing/{each}") for each in things]
    members |= {"job_id": new, "document": document.document, "description": f"What failed of {name}, again"}
    if len(things) <= visit.service.settings.limits.targets_per_job:
        await visit.ask("CreateJob", targets=targets, **members)
    else:
        await _for_group(visit, new, things, members)
    return Moved(path("jobs", new))


async def _for_group(visit: Visit, name: str, things: list[str], members: Mapping[str, Any]) -> None:
    """Create a job for a new thing group; without the job there is no group either."""
    try:
        await visit.ask("DescribeThingGroup", thing_group_name=name)
    except ResourceNotFoundException:
        pass
    else:
        raise ResourceAlreadyExistsException(f"There is a thing group {name}: choose another id.")
    group = await visit.ask("CreateThingGroup", thing_group_name=name)
    try:
        for thing in things:
            await visit.ask("AddThingToThingGroup", thing_group_name=name, thing_name=thing)
        await visit.ask("CreateJob", targets=[group.thing_group_arn], **members)
    except WireError:
        await visit.ask("DeleteThingGroup", thing_group_name=name)
        raise


async def _failed(visit: Visit, name: str) -> list[str]:
    """The things whose last execution failed, one more than may be tried again at most."""
    await visit.ask("ListJobExecutionsForJob", job_id=name, max_results=1)
    seen = await glance(visit, name, reasons=False)
    found: list[str] = []
    place: Place | None = BEFORE
    while place is not None and len(found) <= _MOST:
        begun, after = monotonic(), place
        place = await visit.read(
            lambda tx, _, after=after, begun=begun: courses.failed(  # type: ignore[misc]
                tx, seen.job.id, found, after, lambda: monotonic() - begun > _PART_S
            )
        )
    return found[: _MOST + 1]


def fields(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """What a form says of some members, those that it leaves empty left out."""
    return {name: form[name].strip() for name in names if form.get(name, "").strip()}
