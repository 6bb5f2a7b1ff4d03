"""Which page answers to a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from urllib.parse import unquote

from tidegate.console import actions, create, fleet, job, job_templates, jobs
from tidegate.console.visit import Moved, NotFoundError, Page, Visit

Run = Callable[[Visit], Awaitable[Page | Moved]]


class Route(NamedTuple):
    """A page, or an act: ``{}`` in its path is a label."""

    name: str
    method: str
    path: str
    run: Run
    section: str = ""
    """The entry of the menu that it belongs to."""


async def _sign_in(visit: Visit) -> Page:
    return Page("sign_in.html", {"title": "Sign in", "message": "", "next": visit.query.get("next", ""), "user": None})


async def _of_session(_visit: Visit) -> Moved:
    """The application does it: nothing else may touch sessions."""
    return Moved("/")


async def _home(_visit: Visit) -> Moved:
    return Moved("/jobs")


SIGN_IN: Final = Route("sign_in", "GET", "sign-in", _sign_in)
ROUTES: Final = (
    SIGN_IN,
    Route("signed_in", "POST", "sign-in", _of_session),
    Route("sign_out", "POST", "sign-out", _of_session),
    Route("choose_region", "POST", "region", _of_session),
    Route("home", "GET", "", _home),
    Route("jobs", "GET", "jobs", jobs.listed, "jobs"),
    Route("create", "GET", "jobs/new", create.form, "jobs"),
    Route("created", "POST", "jobs/new", create.act, "jobs"),
    Route("cancel", "GET", "jobs/{}/cancel", actions.cancel, "jobs"),
    Route("canceled", "POST", "jobs/{}/cancel", actions.canceled, "jobs"),
    Route("pause", "GET", "jobs/{}/pause", actions.pause, "jobs"),
    Route("paused", "POST", "jobs/{}/pause", actions.paused, "jobs"),
    Route("resume", "GET", "jobs/{}/resume", actions.resume, "jobs"),
    Route("resumed", "POST", "jobs/{}/resume", actions.resumed, "jobs"),
    Route("approve", "GET", "jobs/{}/approve", actions.approve, "jobs"),
    Route("approved", "POST", "jobs/{}/approve", actions.approved, "jobs"),
    Route("retry", "GET", "jobs/{}/retry", actions.retry, "jobs"),
    Route("retried", "POST", "jobs/{}/retry", actions.retried, "jobs"),
    Route("cancel_one", "GET", "jobs/{}/things/{}/cancel", actions.cancel_one, "jobs"),
    Route("canceled_one", "POST", "jobs/{}/things/{}/cancel", actions.canceled_one, "jobs"),
    Route("job", "GET", "jobs/{}", job.show, "jobs"),
    Route("execution", "GET", "jobs/{}/things/{}", job.execution, "jobs"),
    Route("templates", "GET", "templates", job_templates.listed, "templates"),
    Route("template", "GET", "templates/{}", job_templates.show, "templates"),
    Route("things", "GET", "things", fleet.listed_things, "things"),
    Route("thing", "GET", "things/{}", fleet.thing, "things"),
    Route("groups", "GET", "groups", fleet.listed_groups, "groups"),
    Route("group", "GET", "groups/{}", fleet.group, "groups"),
    Route("packages", "GET", "packages", fleet.listed_packages, "packages"),
    Route("package", "GET", "packages/{}", fleet.package, "packages"),
    Route("provisionings", "GET", "provisioning", fleet.listed_provisioning, "provisioning"),
    Route("provisioning", "GET", "provisioning/{}", fleet.provisioning, "provisioning"),
)
SECTIONS: Final = frozenset(route.section for route in ROUTES if route.section)


def find(method: str, raw_path: bytes) -> tuple[Route, tuple[str, ...]]:
    """The page of a path, and what stands for its labels. Raises NotFoundError."""
    try:
        segments = [unquote(each, errors="strict") for each in raw_path.decode("ascii")[1:].split("/")]
    except UnicodeError:
        raise NotFoundError("There is no such page.") from None
    wanted = "GET" if method == "HEAD" else method
    for route in ROUTES:
        shape = route.path.split("/")
        if route.method == wanted and len(shape) == len(segments):
            pairs = list(zip(shape, segments, strict=True))
            if all(part == segment or (part == "{}" and segment) for part, segment in pairs):
                return route, tuple(segment for part, segment in pairs if part == "{}")
    raise NotFoundError("There is no such page.")
