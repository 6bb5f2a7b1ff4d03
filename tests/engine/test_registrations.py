"""Bulk registration as the engine carries it out: to its end, whatever becomes of the input file meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.ops.test_provisioning import template
from tests.shelf import Shelf
from tidegate.clock import MovableClock, SequentialIds
from tidegate.core.location import Fault, Location
from tidegate.core.provisioning import bulk
from tidegate.engine.registrations import Registrations
from tidegate.ops.call import Origin
from tidegate.ops.table import HANDLERS
from tidegate.runtime import unit
from tidegate.runtime.service import Service, Settings
from tidegate.store.database import Database
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot

NOW = 1_767_225_600_000
INPUT = Location("inputs", "one.json")
GOOD = [json.dumps({"Name": f"t{number}"}) for number in range(bulk.AT_ONCE + 5)]


def whole(database: Database, shelf: Shelf, then: Callable[[], None] = lambda: None, *, stop: bool = False) -> Any:
    """Start a task, do something before the engine looks, and see how the task ends."""

    async def scenario() -> Any:
        service = Service(unit.over(database), MovableClock(NOW), SequentialIds(), Settings(), objects=shelf)

        async def ask(name: str, request: Any) -> Any:
            where = {"account": "123456789012", "region": "eu-west-1", "principal": "alice"}
            origin = Origin("iot", name, edge="http")
            return await service.invoke(HANDLERS["iot", name], request, origin=origin, **where)

        start = iot.StartThingRegistrationTaskRequest(
            template_body=template(),
            input_file_bucket=INPUT.bucket,
            input_file_key=INPUT.key,
            role_arn="arn:aws:iam::123456789012:role/r",
        )
        task_id = (await ask("StartThingRegistrationTask", start)).task_id
        if stop:
            await ask("StopThingRegistrationTask", iot.StopThingRegistrationTaskRequest(task_id=task_id))
        then()
        registrations = Registrations(service, look_s=0.02)
        registrations.start()
        try:
            while True:
                request = iot.DescribeThingRegistrationTaskRequest(task_id=task_id)
                found = await ask("DescribeThingRegistrationTask", request)
                if found.status not in ("InProgress", "Cancelling"):
                    return found
                await asyncio.sleep(0.01)
        finally:
            await registrations.stop()
            await service.unit.close()

    return asyncio.run(asyncio.wait_for(scenario(), 300))


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf()
    found.on[INPUT] = "\n".join(GOOD).encode()
    return found


@pytest.fixture
def database() -> Database:
    return SqliteDatabase(None, now=NOW)


def test_to_the_end(database: Database, shelf: Shelf) -> None:
    found = whole(database, shelf)
    assert (found.status, found.success_count, found.failure_count, found.message) == ("Completed", len(GOOD), 0, None)
    (report,) = [body for at, body in shelf.on.items() if at.key.endswith("/RESULTS-1")]
    assert isinstance(report, bytes)
    assert len(report.splitlines()) == len(GOOD)


def test_stopped(database: Database, shelf: Shelf) -> None:
    found = whole(database, shelf, stop=True)
    assert (found.status, found.success_count) == ("Cancelled", 0)


@pytest.mark.parametrize("becomes", [Fault.MISSING, Fault.DENIED, b'{"Name": "another"}'])
def test_an_input_file_that_is_no_longer_what_it_was(database: Database, shelf: Shelf, becomes: bytes | Fault) -> None:
    found = whole(database, shelf, lambda: shelf.on.update({INPUT: becomes}))
    assert (found.status, found.success_count) == ("Failed", 0)
    assert "inputs/one.json cannot be read" in found.message


def test_a_storage_that_is_away_is_waited_for(database: Database, shelf: Shelf) -> None:
    body, tries = shelf.on[INPUT], []
    read = shelf.read

    def away(*given: Any) -> bytes:
        tries.append(given)
        shelf.on[INPUT] = Fault.UNREACHABLE if len(tries) < 3 else body
        return read(*given)

    found = whole(database, shelf, lambda: setattr(shelf, "read", away))
    assert (found.status, found.success_count) == ("Completed", len(GOOD))
    assert len(tries) >= 3


def test_a_line_without_an_end(database: Database, shelf: Shelf) -> None:
    shelf.on[INPUT] = GOOD[0].encode() + b"\n" + b" " * (2 * bulk.LONGEST)
    found = whole(database, shelf)
    assert (found.status, found.success_count) == ("Failed", 1)
    assert found.message.startswith("Line 2 of the input file is longer")


def test_reports_that_cannot_be_written(database: Database, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.ops.registration_tasks.report_key", lambda *_given: INPUT.key)

    def denied() -> None:
        monkeypatch.setattr(shelf, "put", lambda *_given, **_more: shelf.fetch(Location("no", "where"), limit=1))

    found = whole(database, shelf, denied)
    assert (found.status, found.success_count) == ("Failed", len(GOOD))
    assert "reports cannot be written" in found.message
