"""A fleet to search: what the tests of the index and of dynamic groups share."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Run
from tidegate.ops import connectivity, sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.store.connectivity import Session
from tidegate.store.database import Database, locks_rows, transact
from tidegate.wire import iot


def switch_on(run: Run, mode: str = "REGISTRY", **members: Any) -> None:
    """Turn the index of things on."""
    wanted = iot.ThingIndexingConfiguration(thing_indexing_mode=mode, **members)
    run("UpdateIndexingConfiguration", thing_indexing_configuration=wanted)


def create(run: Run, name: str, **attributes: str) -> None:
    """A thing with attributes."""
    run("CreateThing", thing_name=name, attribute_payload=iot.AttributePayload(attributes=attributes))


def change(run: Run, name: str, **attributes: str) -> None:
    """Set attributes of a thing; an empty one removes it."""
    payload = iot.AttributePayload(attributes=attributes, merge=True)
    run("UpdateThing", thing_name=name, attribute_payload=payload)


def found(run: Run, text: str, **members: Any) -> list[str]:
    """The names of the things a query finds, on all pages."""
    names: list[str] = []
    token = None
    while True:
        response = run("SearchIndex", query_string=text, next_token=token, **members)
        names += [thing.thing_name for thing in response.things]
        token = response.next_token
        if token is None:
            return names


def members(run: Run, group: str) -> list[str]:
    """The things in a group, by name."""
    return sorted(run("ListThingsInThingGroup", thing_group_name=group).things)


def settle(database: Database, now: int) -> None:
    """Let the engine do what is due."""
    while True:
        due = transact(database, locks_rows(lambda tx: sweeps.sweep(tx, now, Limits())))
        if due is None or due > now:
            return


def connect(
    database: Database,
    call: Call,
    name: str,
    connected: bool,
    at: int,
    reason: str | None = None,
    session: Session = Session(),  # noqa: B008 - a value
) -> None:
    """A client connects or disconnects."""
    transact(database, locks_rows(lambda tx: connectivity.record(tx, call, name, connected, at, reason, session)))


def report(run: Run, thing: str, name: str | None = None, **state: Any) -> None:
    """A device (or an operator) updates a shadow."""
    payload = json.dumps({"state": state}).encode()
    run("UpdateThingShadow", plane="iot-data", thing_name=thing, shadow_name=name, payload=payload)
