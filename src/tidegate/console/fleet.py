"""Things, groups, packages and provisioning templates: lists, and a page for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from tidegate.console.visit import Moved, Page, Visit, path
from tidegate.ops.call import Call
from tidegate.store import connectivity, things
from tidegate.store.connectivity import State
from tidegate.store.database import Tx
from tidegate.wire.errors import AccessDeniedException, WireError

_PAGE: Final = 50
_SHADOWS: Final = 25


class Cell(NamedTuple):
    """What stands in a table: a text, which may lead somewhere."""

    text: str
    to: str | None = None


class Table(NamedTuple):
    """Rows, and where more of them are; or why they may not be seen."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    following: str | None = None
    refused: str = ""


async def attempt(columns: Sequence[str], rows: Callable[[], Awaitable[Table]]) -> Table:
    """A part of a page that its reader may not be allowed to see, when the rest may be shown all the same."""
    try:
        return await rows()
    except AccessDeniedException as error:
        return Table(columns, [], refused=error.message)


def _list(title: str, table: Table, **values: Any) -> Page:
    return Page("list.html", {"title": title, "table": table, "find": None, "action": None, **values})


# --- things ---------------------------------------------------------------------------------------------------------


async def listed_things(visit: Visit) -> Page | Moved:
    """``GET /things``: ``name`` leads to one of them."""
    if visit.query.get("name"):
        return Moved(path("things", visit.query["name"].strip()))
    found = await visit.ask("ListThings", max_results=_PAGE, next_token=visit.query.get("after"))
    rows = [
        [Cell(each.thing_name, path("things", each.thing_name)), Cell(each.thing_type_name or ""), _attributes(each)]
        for each in found.things or ()
    ]
    following = path("things", after=found.next_token) if found.next_token else None
    return _list("Things", Table(("Thing", "Type", "Attributes"), rows, following), find="/things")


def _attributes(thing: Any) -> Cell:
    return Cell(", ".join(f"{name}={value}" for name, value in sorted((thing.attributes or {}).items())))


async def thing(visit: Visit) -> Page:
    """``GET /things/{}``: what is to be done on a device and was done, its shadows, its connection."""
    [name] = visit.parts
    described = await visit.ask("DescribeThing", thing_name=name)
    state = await visit.read(lambda tx, call: _connection(tx, call, name))
    values = {
        "title": name,
        "thing": described,
        "connection": state,
        "executions": await attempt(_EXECUTIONS, lambda: _executions(visit, name)),
        "groups": await attempt(("Group",), lambda: _groups_of(visit, name)),
        "shadows": await _shadows(visit, name),
    }
    return Page("thing.html", values, live=("connection", "executions"))


_EXECUTIONS: Final = ("Job", "Status", "Queued", "Last change")


async def _executions(visit: Visit, name: str) -> Table:
    found = await visit.ask(
        "ListJobExecutionsForThing", thing_name=name, max_results=_PAGE, next_token=visit.query.get("after")
    )
    rows = [
        [
            Cell(one.job_id, path("jobs", one.job_id, "things", name)),
            Cell(one.job_execution_summary.status),
            Cell(str(one.job_execution_summary.queued_at)),
            Cell(str(one.job_execution_summary.last_updated_at)),
        ]
        for one in found.execution_summaries or ()
    ]
    return Table(_EXECUTIONS, rows, path("things", name, after=found.next_token) if found.next_token else None)


async def _groups_of(visit: Visit, name: str) -> Table:
    found = await visit.ask("ListThingGroupsForThing", thing_name=name, max_results=_PAGE)
    rows = [[Cell(one.group_name, path("groups", one.group_name))] for one in found.thing_groups or ()]
    return Table(("Group",), rows)


async def _shadows(visit: Visit, name: str) -> list[tuple[str, str]]:
    """(name, document) of a thing's shadows, the classic one first; what may not be seen is left out."""
    names: list[str | None] = [None]
    found = []
    try:
        listed = await visit.ask("ListNamedShadowsForThing", "iot-data", thing_name=name, page_size=_SHADOWS)
        names += listed.results or []
    except WireError:
        pass  # it has none, or they are not for this reader
    for each in names:
        try:
            answer = await visit.ask("GetThingShadow", "iot-data", thing_name=name, shadow_name=each)
        except WireError:
            continue
        found.append((each or "classic", (answer.payload or b"").decode("utf-8", "replace")))
    return found


def _connection(tx: Tx, call: Call, name: str) -> State | None:
    found = things.find(tx, call.scope, name)
    return None if found is None else connectivity.get(tx, found.id)


# --- groups ---------------------------------------------------------------------------------------------------------


async def listed_groups(visit: Visit) -> Page | Moved:
    """``GET /groups``."""
    if visit.query.get("name"):
        return Moved(path("groups", visit.query["name"].strip()))
    found = await visit.ask("ListThingGroups", max_results=_PAGE, next_token=visit.query.get("after"))
    rows = [[Cell(each.group_name, path("groups", each.group_name))] for each in found.thing_groups or ()]
    following = path("groups", after=found.next_token) if found.next_token else None
    return _list("Groups", Table(("Group",), rows, following), find="/groups")


async def group(visit: Visit) -> Page:
    """``GET /groups/{}``."""
    [name] = visit.parts
    described = await visit.ask("DescribeThingGroup", thing_group_name=name)
    members = await attempt(("Thing",), lambda: _members(visit, name))
    action = ("New job for it …", path("jobs", "new", group=name))
    return Page("facts.html", {"title": name, "value": described, "tables": [("Things", members)], "action": action})


async def _members(visit: Visit, name: str) -> Table:
    found = await visit.ask(
        "ListThingsInThingGroup", thing_group_name=name, max_results=_PAGE, next_token=visit.query.get("after")
    )
    rows = [[Cell(each, path("things", each))] for each in found.things or ()]
    return Table(("Thing",), rows, path("groups", name, after=found.next_token) if found.next_token else None)


# --- packages -------------------------------------------------------------------------------------------------------


async def listed_packages(visit: Visit) -> Page:
    """``GET /packages``."""
    found = await visit.ask("ListPackages", max_results=_PAGE, next_token=visit.query.get("after"))
    rows = [
        [Cell(each.package_name, path("packages", each.package_name)), Cell(each.default_version_name or "none")]
        for each in found.package_summaries or ()
    ]
    following = path("packages", after=found.next_token) if found.next_token else None
    return _list("Packages", Table(("Package", "Default version"), rows, following))


async def package(visit: Visit) -> Page:
    """``GET /packages/{}``: its versions, and how many things report each."""
    [name] = visit.parts
    described = await visit.ask("GetPackage", package_name=name)
    versions = await attempt(_VERSIONS, lambda: _versions(visit, name))
    reported = await attempt(_REPORTED, lambda: _reported(visit, name))
    tables = [("Versions", versions), ("Over the fleet", reported)]
    return Page("facts.html", {"title": name, "value": described, "tables": tables, "action": None})


_VERSIONS: Final = ("Version", "Status")
_REPORTED: Final = ("Version", "Things that report it")


async def _versions(visit: Visit, name: str) -> Table:
    found = await visit.ask(
        "ListPackageVersions", package_name=name, max_results=_PAGE, next_token=visit.query.get("after")
    )
    rows = [[Cell(each.version_name), Cell(each.status)] for each in found.package_version_summaries or ()]
    return Table(_VERSIONS, rows, path("packages", name, after=found.next_token) if found.next_token else None)


async def _reported(visit: Visit, name: str) -> Table:
    """What the fleet index counts; a sentence where it cannot."""
    field = f"shadow.name.$package.reported.{name}.version"
    try:
        found = await visit.ask(
            "GetBucketsAggregation",
            query_string="*",
            aggregation_field=field,
            buckets_aggregation_type={"termsAggregation": {"maxBuckets": _PAGE}},
        )
    except AccessDeniedException:
        raise
    except WireError as error:
        return Table(_REPORTED, [], refused=f"The fleet index does not tell: {error.message}")
    return Table(_REPORTED, [[Cell(each.key_value), Cell(f"{each.count:,}")] for each in found.buckets or ()])


# --- provisioning ---------------------------------------------------------------------------------------------------


async def listed_provisioning(visit: Visit) -> Page:
    """``GET /provisioning``."""
    found = await visit.ask("ListProvisioningTemplates", max_results=_PAGE, next_token=visit.query.get("after"))
    rows = [
        [
            Cell(each.template_name, path("provisioning", each.template_name)),
            Cell(each.type or ""),
            Cell("enabled" if each.enabled else "disabled"),
            Cell(each.description or ""),
        ]
        for each in found.templates or ()
    ]
    following = path("provisioning", after=found.next_token) if found.next_token else None
    return _list("Provisioning", Table(("Template", "Type", "State", "Description"), rows, following))


async def provisioning(visit: Visit) -> Page:
    """``GET /provisioning/{}``."""
    [name] = visit.parts
    described = await visit.ask("DescribeProvisioningTemplate", template_name=name)
    return Page("facts.html", {"title": name, "value": described, "tables": [], "action": None})
