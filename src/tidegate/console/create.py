"""A new job: what it would do is shown before it is created."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidegate.console import charts
from tidegate.console.actions import fields
from tidegate.console.visit import Moved, Page, Visit, camel, path
from tidegate.http.control import FORECAST
from tidegate.ops.forecast import RefusedError
from tidegate.wire.errors import WireError

_RUNS: Final = 20
_NAMES: Final = (
    "job_id",
    "description",
    "template",
    "document",
    "groups",
    "things",
    "selection",
    "per_minute",
    "failing",
)
_TEMPLATES: Final = 100


async def form(visit: Visit) -> Page:
    """``GET /jobs/new``: ``template`` chooses one."""
    return await _page(visit, {"template": visit.query.get("template", ""), "groups": visit.query.get("group", "")})


async def act(visit: Visit) -> Page | Moved:
    """``POST /jobs/new``: shows what it would do, or, when that was seen, creates it."""
    given = fields(visit.form, *_NAMES)
    if visit.form.get("step") != "create":
        return await _page(visit, given, await _foreseen(visit, given))
    try:
        await visit.ask("CreateJob", **_members(visit, given))
    except WireError as error:
        return await _page(visit, given, {"problem": error.message}, status=error.http_status)
    return Moved(path("jobs", given.get("job_id", "")))


async def _page(visit: Visit, given: dict[str, str], found: dict[str, Any] | None = None, status: int = 200) -> Page:
    names: list[str] = []
    try:
        listed = await visit.ask("ListJobTemplates", max_results=_TEMPLATES)
        names = [each.job_template_id for each in listed.job_templates or ()]
    except WireError:
        pass  # who may not list them can write a name
    given = {**dict.fromkeys(_NAMES, ""), **given}
    return Page("create.html", {"title": "New job", "given": given, "templates": names, "found": found}, status)


def _members(visit: Visit, given: dict[str, str]) -> dict[str, Any]:
    """The request: what its fields say."""
    members: dict[str, Any] = {
        **{name: given[name] for name in ("job_id", "description", "document") if name in given},
        "targets": [
            *(visit.arn(f"thinggroup/{each}") for each in given.get("groups", "").split()),
            *(visit.arn(f"thing/{each}") for each in given.get("things", "").split()),
        ],
    }
    if given.get("selection") == "CONTINUOUS":
        members["target_selection"] = "CONTINUOUS"
    if "template" in given:
        members["job_template_arn"] = visit.arn(f"jobtemplate/{given['template']}")
    if given.get("per_minute", "").isdecimal():
        members["job_executions_rollout_config"] = {"maximumPerMinute": int(given["per_minute"])}
    return members


async def _foreseen(visit: Visit, given: dict[str, str]) -> dict[str, Any]:
    """The forecast of a request, or why there is none."""
    await visit.permit(FORECAST)
    members = _members(visit, given)
    members.pop("document", None)
    request = {camel(name): value for name, value in members.items()}
    body: dict[str, Any] = {"request": request, "runs": _RUNS}
    failing = given.get("failing", "")
    if failing.isdecimal() and 0 < int(failing) <= 100:
        body["model"] = {"failed": int(failing) / 100}
    try:
        told = await visit.forecasts.of(await visit.call(), msgspec.json.encode(body))
    except (RefusedError, WireError) as error:
        return {"problem": str(error)}
    curve, step = told["curve"], told["curve"]["stepSeconds"] * 1000
    released = [(at * step, much) for at, much in enumerate(curve["released"])]
    ended = [(at * step, much) for at, much in enumerate(curve["ended"]["p50"])]
    return {"told": told, "chart": charts.release(ended, released, goes_on=False)}
