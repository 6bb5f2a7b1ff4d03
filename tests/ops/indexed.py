"""A fleet to search: what the tests of the index and of dynamic groups share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import Run
from tidegate.ops import connectivity, fleet_index, sweeps
from tidegate.ops.call import Call, Limits
from tidegate.store import things
from tidegate.store.database import Database, Tx, locks_rows, transact
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


def connect(database: Database, call: Call, name: str, connected: bool, at: int, reason: str | None = None) -> None:
    """A client connects or disconnects."""
    transact(database, locks_rows(lambda tx: connectivity.record(tx, call, name, connected, at, reason)))


class Shadows:
    """Stands where the shadows will be: JSON texts by thing and shadow name."""

    def __init__(self, database: Database, call: Call, patch: pytest.MonkeyPatch) -> None:
        self._database = database
        self._call = call
        self._kept: dict[int, dict[str, str]] = {}
        patch.setattr(fleet_index, "shadows_of", self._of)

    def put(self, thing: str, name: str = "", **state: Any) -> None:
        """Keep a shadow, as a device's update would."""
        known = transact(self._database, lambda tx: things.find(tx, self._call.scope, thing))
        assert known is not None
        text = json.dumps({"state": state, "metadata": {}, "version": 1})
        self._kept.setdefault(known.id, {})[name] = text

    def _of(self, _tx: Tx, thing_id: int) -> Mapping[str, str]:
        return self._kept.get(thing_id, {})
