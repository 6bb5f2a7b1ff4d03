"""``tidegate conformance``: does an endpoint do what AWS IoT Jobs does? Line by line, with the evidence for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress

from tidegate.clock import RandomIds, wall_now

_AWS = "AWS"
_MISSING = "tidegate: {name} is missing: pip install 'tidegate[conformance]'"
_COSTS = """\
{count} expectations are about to be observed in a real AWS account, in {region}. Each makes things, groups, jobs,
templates and packages of its own, whose names begin with tgc-, and removes them. That is some 4,000 calls: AWS bills
registry operations and job executions by the thousand (cents in all), and API quotas of the account are used up
meanwhile (half an hour or more). Nothing else of the account is changed.
"""


def conformance(
    *,
    http: Annotated[str | None, Parameter(help="URL of the endpoint.")] = None,
    mqtt: Annotated[str | None, Parameter(help="host:port of MQTT over TLS with client certificates.")] = None,
    ca: Annotated[Path | None, Parameter(help="File with the authorities of its certificates.")] = None,
    clock: Annotated[str | None, Parameter(help="URL of a clock that can be moved, as /_tidegate/clock.")] = None,
    wall: Annotated[bool, Parameter(help="Wait real minutes where there is no such clock.")] = False,
    aws: Annotated[bool, Parameter(help="Observe AWS itself, with the credentials of the environment.")] = False,
    profile: Annotated[str | None, Parameter(help="Profile of the AWS configuration.")] = None,
    region: str = "us-east-1",
    yes: Annotated[bool, Parameter(help="Do not ask before a real account is used.")] = False,
    only: Annotated[list[str] | None, Parameter(help="Ids, or patterns of ids: jobs.*, *.conflict.")] = None,
    listed: Annotated[bool, Parameter(name="--list", help="Print the expectations, and observe none.")] = False,
    capture: Annotated[
        Path | None, Parameter(help="File for what it answered, redacted: accounts, keys, ids, hosts.")
    ] = None,
    captured: Annotated[Path | None, Parameter(help="A file of --capture: expect what that endpoint answered.")] = None,
    since: Annotated[Path | None, Parameter(help="JSON of an earlier run: only what got worse counts.")] = None,
    json: Annotated[Path | None, Parameter(help="File for the results as JSON.")] = None,
    junit: Annotated[Path | None, Parameter(help="File for the results as JUnit XML.")] = None,
    html: Annotated[Path | None, Parameter(help="File for the results as one page.")] = None,
) -> int:
    """Observe what an endpoint that claims to speak AWS IoT Jobs does.

    Ends with 0 if every expectation that could be observed is met, 1 if one is not (with --since: not any more), 2 if
    nothing could be asked.
    """
    try:
        from tidegate.conformance import report, run
        from tidegate.conformance.endpoint import Where
    except ModuleNotFoundError as error:
        print(_MISSING.format(name=error.name), file=sys.stderr)
        return 2
    wanted = run.chosen(only or ())
    if listed:
        for each in wanted:
            print(f"{each.id}\t{each.section}\t{each.evidence}\t{each.rule}")
        return 0
    if not _possible(len(wanted), http, region, aws=aws, agreed=yes):
        return 2
    where = Where(http, mqtt, None if ca is None else str(ca), clock, wall, region, profile)
    console = Console()
    begun = wall_now()
    kept: dict[str, Any] | None = None if capture is None else {}
    try:
        observing, count = _observing(where, wanted, captured, kept)
    except ValueError as error:
        print(f"tidegate: {captured}: {error}", file=sys.stderr)
        return 2
    with Progress(console=console, transient=True) as progress:
        results = list(progress.track(observing, count, description="observing"))
    report.table(results, console)
    at = datetime.fromtimestamp(begun / 1000, UTC).isoformat(timespec="seconds")
    about = {"endpoint": http or f"AWS in {region}", "at": at}
    if capture is not None:
        capture.write_text(_captured(kept or {}, http, region, at))
    for path, text in (
        (json, report.as_json(results, about)),
        (junit, report.as_junit(results)),
        (html, report.as_html(results, f"AWS IoT Jobs conformance of {about['endpoint']}, {about['at']}")),
    ):
        if path is not None:
            path.write_text(text)
    return _judged(results, since)


def _judged(results: list[Any], since: Path | None) -> int:
    from tidegate.conformance import report, run

    if since is None:
        return 1 if run.summary(results).failed else 0
    worse, better = report.changes(results, since.read_text())
    for sign, ids in (("worse", worse), ("better", better)):
        for name in ids:
            print(f"{sign}: {name}")
    return 1 if worse else 0


def _observing(
    where: Any, wanted: Sequence[Any], captured: Path | None, kept: dict[str, Any] | None
) -> tuple[Iterator[Any], int]:
    """What is observed, and how much that is; with ``captured`` what another endpoint answered.

    Raises:
        ValueError: that is no capture.
    """
    from tidegate.conformance import capture, run
    from tidegate.conformance.expectation import Evidence

    if captured is None:
        return run.observe(where, wanted, RandomIds(), kept), len(wanted)
    told, known = capture.read(captured.read_text())
    evidence = Evidence.LIVE if told.get("endpoint") == _AWS else Evidence.THIRD_HAND
    meant = [each for each in wanted if each.id in known]
    return run.compare(where, meant, RandomIds(), known, evidence, ", ".join(told.values())), len(meant)


def _captured(kept: dict[str, Any], http: str | None, region: str, at: str) -> str:
    from tidegate.conformance import capture

    return capture.written(kept, {"endpoint": "another endpoint" if http else _AWS, "region": region, "at": at})


def _possible(count: int, http: str | None, region: str, *, aws: bool, agreed: bool) -> bool:
    """Whether there is something to observe, somewhere, and whoever pays for it agrees."""
    if not count:
        print("tidegate: no expectation has such an id: tidegate conformance --list shows them", file=sys.stderr)
    elif (http is None) == (not aws):
        print("tidegate: name the endpoint with --http URL, or AWS itself with --aws", file=sys.stderr)
    else:
        return not aws or agreed or _agreed(_COSTS.format(count=count, region=region))
    return False


def _agreed(told: str) -> bool:
    print(told)
    try:
        return input("Type yes to go on: ").strip() == "yes"
    except EOFError:
        return False
