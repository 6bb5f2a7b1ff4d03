"""What scenarios do again and again: an account whose time can be moved, and its devices.

A scenario is told once, to boto3; ``direct.py`` tells it to the operations on either store, without a server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.fleet import REGION, Account
from tidegate.ops.call import Origin
from tidegate.ops.table import HANDLERS
from tidegate.wire import iot

DAY = 86_400_000
_AT_ONCE = 250
"""Things that are registered together: no call to the server lasts long, however slow the machine."""


class Refusal:
    """What a refused call answered."""

    def __init__(self, error: ClientError) -> None:
        self.response = error.response
        self.status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        self.code: str = error.response["Error"]["Code"]
        self.message: str = error.response["Error"]["Message"]


def refused(call: Callable[..., Any], **members: Any) -> Refusal:
    with pytest.raises(ClientError) as raised:
        call(**members)
    return Refusal(raised.value)


class Scene(Account):
    """An account whose time can be moved, and its devices."""

    def _move(self, **command: Any) -> int:
        status, _, body = self.server.fetch("/_tidegate/clock", "POST", command)
        assert status == 200, body
        now: int = json.loads(body)["epochMs"]
        return now

    @property
    def now(self) -> int:
        """Epoch ms."""
        _, _, body = self.server.fetch("/_tidegate/clock")
        now: int = json.loads(body)["epochMs"]
        return now

    def minutes(self, count: float) -> None:
        self._move(advance=count * 60)

    def until(self, instant: int) -> None:
        self._move(set=instant)

    def at(self, hour: int, minute: int = 0, *, day: int = 0) -> int:
        """An instant of the scenario's day, or of one that comes later."""
        return (self.now // DAY + day) * DAY + (hour * 60 + minute) * 60_000

    def text(self, instant: int) -> str:
        return datetime.fromtimestamp(instant / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def things(self, count: int) -> list[str]:
        """Things t1, t2, …; their ARNs."""
        return [self.thing(f"t{number}") for number in range(1, count + 1)]

    def group(self, name: str, *members: str) -> str:
        arn: str = self.iot.create_thing_group(thingGroupName=name)["thingGroupArn"]
        for member in members:
            self.iot.add_thing_to_thing_group(thingGroupName=name, thingName=member)
        return arn

    def crowd(self, group: str, count: int) -> str:
        """A group of many things, registered without boto3: the scenario is not about registering them."""
        arn = self.group(group)
        self.enroll([f"t{number:05d}" for number in range(count)], group)
        return arn

    def enroll(self, names: list[str], group: str) -> None:
        """Make things and put them into a group."""
        service = self.server.running.service

        async def run(name: str, requests: Iterable[Any]) -> None:
            where = {"account": self.id, "region": REGION, "principal": "test", "origin": Origin("iot", name)}
            handler = HANDLERS["iot", name]
            await asyncio.gather(*(service.invoke(handler, request, **where) for request in requests))

        async def register(some: list[str]) -> None:
            await run("CreateThing", [iot.CreateThingRequest(thing_name=name) for name in some])
            joins = [iot.AddThingToThingGroupRequest(thing_name=name, thing_group_name=group) for name in some]
            await run("AddThingToThingGroup", joins)

        for first in range(0, len(names), _AT_ONCE):
            self.server.on_loop(partial(register, names[first : first + _AT_ONCE]))

    def create(self, job_id: str, targets: list[str], **members: Any) -> None:
        """Create a job and let the engine do what is due."""
        self.iot.create_job(jobId=job_id, targets=targets, **{"document": "{}", **members})
        self.settle()

    def start(self, thing: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data.start_next_pending_job_execution(thingName=thing).get("execution", {})
        return found

    def report(self, thing: str, status: str, job_id: str = "j", **members: Any) -> None:
        self.data.update_job_execution(jobId=job_id, thingName=thing, status=status, **members)
        self.settle()

    def described(self, job_id: str = "j") -> dict[str, Any]:
        found: dict[str, Any] = self.iot.describe_job(jobId=job_id)["job"]
        return found

    def execution(self, thing: str, job_id: str = "j", **members: Any) -> dict[str, Any]:
        answer = self.iot.describe_job_execution(jobId=job_id, thingName=thing, **members)
        found: dict[str, Any] = answer["execution"]
        return found

    def state(self, thing: str, job_id: str = "j") -> str:
        status: str = self.execution(thing, job_id)["status"]
        return status

    def attempts(self, thing: str, job_id: str = "j") -> list[tuple[int, int, str]]:
        """(executionNumber, retryAttempt, status), oldest first."""
        found = self.iot.list_job_executions_for_thing(thingName=thing, jobId=job_id)["executionSummaries"]
        rows = [one["jobExecutionSummary"] for one in found]
        return sorted((row["executionNumber"], row["retryAttempt"], row["status"]) for row in rows)

    def pending(self, thing: str) -> tuple[int, int]:
        """How many are QUEUED and IN_PROGRESS in a device's list."""
        answer = self.data.get_pending_job_executions(thingName=thing)
        return len(answer["queuedJobs"]), len(answer["inProgressJobs"])
