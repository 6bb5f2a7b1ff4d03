"""``tidegate blackouts``: times at which no job goes on."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tidegate.cli import options
from tidegate.cli.own import Place, Region
from tidegate.ops.blackouts import Blackouts, DeleteBlackoutRequest, ListBlackoutsRequest, PutBlackoutRequest

app = App(name="blackouts", help="Times at which no job goes on, or none with a certain tag.")

Name = Annotated[str, Parameter(help="The blackout's name.")]


@app.command
def add(
    name: Name,
    /,
    *,
    start: Annotated[str, Parameter(help="A cron expression (UTC) with --minutes, or a time with --end.")],
    minutes: Annotated[int | None, Parameter(help="How long each lasts.")] = None,
    end: Annotated[str | None, Parameter(help="When the one ends.")] = None,
    tag: Annotated[str | None, Parameter(help="KEY=VALUE: for jobs with this tag alone.")] = None,
    comment: Annotated[str | None, Parameter(help="What it is for.")] = None,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Let no job go on at certain times; one with the same name is replaced.

    Works on the store; a running server follows within a second.
    """
    request = PutBlackoutRequest(
        blackout_name=name, start_time=start, duration_in_minutes=minutes, end_time=end, tag=tag, comment=comment
    )
    if Place(data, store, account, region).carry_out("PutBlackout", request) is None:
        return 2
    print(f"Blackout {name} counts from now on.")
    return 0


@app.command
def delete(
    name: Name,
    /,
    *,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Delete a blackout; jobs go on. A running server follows within a second."""
    request = DeleteBlackoutRequest(blackout_name=name)
    if Place(data, store, account, region).carry_out("DeleteBlackout", request) is None:
        return 2
    print(f"Blackout {name} is deleted.")
    return 0


@app.command(name="list")
def show_all(
    *,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """List the blackouts."""
    found: Blackouts | None = Place(data, store, account, region).carry_out("ListBlackouts", ListBlackoutsRequest())
    if found is None:
        return 2
    for each in found.blackouts:
        lasts = f"until {each.end_time}" if each.end_time is not None else f"for {each.duration_in_minutes} min (UTC)"
        whose = f", jobs with {each.tag}" if each.tag else ""
        print(f"{each.blackout_name}: {each.start_time} {lasts}{whose}{f' ({each.comment})' if each.comment else ''}")
    return 0
