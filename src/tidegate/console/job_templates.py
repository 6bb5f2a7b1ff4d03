"""Job templates: what each would do, in words."""

from __future__ import annotations

from typing import Final

from tidegate.console import settings
from tidegate.console.fleet import Cell, Table
from tidegate.console.visit import NotFoundError, Page, Visit, path
from tidegate.store import templates

_PAGE: Final = 50


async def listed(visit: Visit) -> Page:
    """``GET /templates``."""
    found = await visit.ask("ListJobTemplates", max_results=_PAGE, next_token=visit.query.get("after"))
    rows = [
        [Cell(each.job_template_id, path("templates", each.job_template_id)), Cell(each.description or "")]
        for each in found.job_templates or ()
    ]
    following = path("templates", after=found.next_token) if found.next_token else None
    table = Table(("Template", "Description"), rows, following)
    return Page("list.html", {"title": "Templates", "table": table, "find": None, "action": None})


async def show(visit: Visit) -> Page:
    """``GET /templates/{}``."""
    [name] = visit.parts
    described = await visit.ask("DescribeJobTemplate", job_template_id=name)
    row = await visit.read(lambda tx, call: templates.get(tx, call.scope, name))
    if row is None:
        raise NotFoundError(f"Template {name} cannot be found.")
    limits = visit.service.settings.limits
    in_effect = settings.in_effect(row.config, "SNAPSHOT", limits)[1:]  # for whom is each job's to say
    action = ("New job of it …", path("jobs", "new", template=name))
    values = {"title": name, "value": described, "in_effect": in_effect, "action": action}
    return Page("template.html", {**values, "lint": await visit.lint(template=name)})
