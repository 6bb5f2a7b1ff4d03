"""``tidegate why``: why a job, or its execution on a thing, does not go on."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from tidegate.cli import options
from tidegate.clock import wall_now
from tidegate.ops import why as asked
from tidegate.ops.quotas import Limits
from tidegate.ops.why import Asked, UnknownError, Why
from tidegate.server import open_store


def why(
    job: Annotated[str, Parameter(help="The job's id.")],
    thing: Annotated[str | None, Parameter(help="A thing's name: why not there?")] = None,
    /,
    *,
    account: options.OwnAccount = None,
    region: Annotated[str, Parameter(help="The region of the job.")] = "us-east-1",
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Say the one true reason why a job does not go on, what would move it, and when.

    Reads the store, beside a running server or without one, by the machine's clock; a server whose clock can be moved
    answers GET /_tidegate/why by its own. Ends with 0, or 2 if there is no such job or thing.
    """
    if store == "sqlite" and not (data / "tidegate.db").exists():
        print(f"tidegate: there is no store in {data}", file=sys.stderr)
        return 2
    question = Asked(account or options.account_of(data), region, job, thing)
    now = wall_now()
    database = open_store(data, store, now)
    try:
        found = database.read(lambda tx: asked.why(tx, question, now, Limits()))
    except UnknownError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    finally:
        database.close()
    print(line(found))
    return 0


def line(found: Why) -> str:
    """A reason for people."""
    until = ""
    if found.until is not None:
        until = f" Until {datetime.fromtimestamp(found.until / 1000, UTC).isoformat(timespec='seconds')}."
    return f"{found.reason}: {found.text}{until}"
