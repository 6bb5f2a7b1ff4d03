"""``tidegate lint`` and ``tidegate diff``: what is dubious about a job or template, and how two of them differ."""

from __future__ import annotations

import json as text
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tidegate.cli import options
from tidegate.cli.own import Place, Region
from tidegate.core.lint import Level
from tidegate.faults import ToldError
from tidegate.ops.lint import Linting, LintRequest
from tidegate.ops.subjects import Named
from tidegate.ops.words import Difference, DiffRequest

_FOUND = 3
What = Annotated[
    str,
    Parameter(
        help="A file with what CreateJob or CreateJobTemplate takes, or the name of a template or a job; template:NAME"
        " and job:NAME say which."
    ),
]


class UnreadableError(ToldError):
    """A file is not what it should be."""


def lint(
    what: What,
    /,
    *,
    things: Annotated[int | None, Parameter(help="For so many things.")] = None,
    group: Annotated[str | None, Parameter(help="For the things of a group of this store.")] = None,
    model: Annotated[Path | None, Parameter(help="What the devices are like: a file, see docs/forecast.md.")] = None,
    ignore: Annotated[tuple[str, ...], Parameter(help="A rule that says nothing; several times.")] = (),
    fail_on: Annotated[Literal["error", "warning", "note"], Parameter(help="The least that is a failure.")] = "warning",
    json: Annotated[bool, Parameter(help="Print JSON.", negative=())] = False,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Say what is dubious about a job, a template or a request before it meets a device.

    Reads the store, beside a running server or without one; a file needs none. Ends with 0, with 3 if there is a
    finding as grave as --fail-on, with 2 if it cannot be said. docs/hold.md lists the rules.
    """
    place = Place(data, store, account, region)
    fleet = None if model is None else _file(model)
    found: Linting | None = None
    meant = _meant(what)
    for named in meant:
        request = LintRequest(
            request=named.request,
            template=named.template,
            job=named.job,
            things=things,
            group=group,
            model=fleet,
            ignore=list(ignore),
        )
        found = place.carry_out("Lint", request, quietly=named != meant[-1], without=True)
        if found is not None:
            break
    if found is None:
        return 2
    if json:
        print(text.dumps({"title": found.title, "findings": [_plain(each) for each in found.findings]}))
    else:
        told = [f"{each.level.upper()} {each.rule}: {each.text}" for each in found.findings]
        print("\n".join(told) or "Nothing to say.")
    failed = any(Level[each.level.upper()] >= Level[fail_on.upper()] for each in found.findings)
    return _FOUND if failed else 0


def diff(
    first: What,
    second: What,
    /,
    *,
    json: Annotated[bool, Parameter(help="Print JSON.", negative=())] = False,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Say in words how two jobs, templates or requests differ.

    Ends with 0 if they do not, with 3 if they do, with 2 if it cannot be said.
    """
    place = Place(data, store, account, region)
    pairs = [(one, other) for one in _meant(first) for other in _meant(second)]
    found: Difference | None = None
    for one, other in pairs:
        last = (one, other) == pairs[-1]
        found = place.carry_out("Diff", DiffRequest(first=one, second=other), quietly=not last, without=True)
        if found is not None:
            break
    if found is None:
        return 2
    if json:
        print(text.dumps({"first": found.first, "second": found.second, "differences": found.differences}))
    else:
        print("\n".join(found.differences) or f"{found.first} and {found.second} do not differ.")
    return _FOUND if found.differences else 0


def _plain(found: Any) -> dict[str, str]:
    return {"rule": found.rule, "level": found.level, "text": found.text}


def _meant(what: str) -> list[Named]:
    """What an argument may mean, the likeliest first."""
    kind, colon, name = what.partition(":")
    if colon and kind in ("template", "job"):
        return [Named(template=name) if kind == "template" else Named(job=name)]
    if Path(what).is_file():
        return [Named(request=_file(Path(what)))]
    return [Named(template=what), Named(job=what)]


def _file(file: Path) -> dict[str, Any]:
    try:
        given = text.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{file} cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise UnreadableError(f"{file} holds no JSON object")
    return given
