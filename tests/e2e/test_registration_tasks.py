"""Bulk registration through boto3, over a server that is killed in the middle of it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import PATIENCE, Account, Maker
from tests.e2e.test_streams import Killable, client_of_objects
from tests.ops.test_provisioning import BY_REQUEST, template
from tests.ops.x509_samples import make_key, signing_request

ROLE = "arn:aws:iam::123456789012:role/registration"
LINES = 120
"""More than one piece of the input file holds."""


@pytest.fixture(params=["sqlite", "postgres"])
def killable(request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> Iterator[Killable]:
    store = "sqlite" if request.param == "sqlite" else new_postgres("tidegate-registration")
    found = Killable(tmp_path / "data", store)
    yield found
    found.kill()


class Factory:
    """An account with an input file, and what it asks of a server."""

    def __init__(self, server: Killable, maker: Maker, folder: Path) -> None:
        self._server, self._maker, self._folder = server, maker, folder
        self.account = Account(server, maker, folder)  # type: ignore[arg-type]
        self.bucket = f"inputs-{self.account.id}"
        key = make_key()
        self.request = signing_request(key=key)
        lines = [json.dumps({"Name": f"t{number}", "CSR": self.request}) for number in range(LINES)]
        lines[7] = json.dumps({"Name": "t7", "CSR": "none"})
        objects = client_of_objects(self.account)
        objects.create_bucket(Bucket=self.bucket)
        objects.put_object(Bucket=self.bucket, Key="one.json", Body="\n".join(lines))
        self.account.iot.create_thing_group(thingGroupName="g")

    def again(self) -> None:
        """See the server that was started anew."""
        account = Account(self._server, self._maker, self._folder)  # type: ignore[arg-type]
        account.id = self.account.id
        self.account = account

    def start(self) -> str:
        task_id: str = self.account.iot.start_thing_registration_task(
            templateBody=template(BY_REQUEST, ThingGroups=["g"]),
            inputFileBucket=self.bucket,
            inputFileKey="one.json",
            roleArn=ROLE,
        )["taskId"]
        return task_id

    def wait(self, task_id: str, holds: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not holds(found := self.account.iot.describe_thing_registration_task(taskId=task_id)):
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

    def report(self, task_id: str, kind: str) -> list[Any]:
        links = self.account.iot.list_thing_registration_task_reports(taskId=task_id, reportType=kind)["resourceLinks"]
        found = []
        for link in links:
            with urllib.request.urlopen(link, timeout=PATIENCE) as answer:
                found += [json.loads(line) for line in answer.read().splitlines()]
        return found


def test_a_task_across_a_kill(killable: Killable, maker: Maker, tmp_path: Path) -> None:
    factory = Factory(killable, maker, tmp_path)
    task_id = factory.start()
    factory.wait(task_id, lambda found: found["successCount"] >= 10)
    killable.kill()
    killable.start()
    factory.again()
    found = factory.wait(task_id, lambda found: found["status"] != "InProgress")
    assert (found["status"], found["successCount"], found["failureCount"], found["percentageProgress"]) == (
        "Completed", LINES - 1, 1, 100,
    )  # fmt: skip
    iot = factory.account.iot
    assert iot.list_thing_registration_tasks(status="Completed")["taskIds"] == [task_id]
    results, (error,) = factory.report(task_id, "RESULTS"), factory.report(task_id, "ERRORS")
    assert [each["lineNumber"] for each in results] == [number for number in range(1, LINES + 1) if number != 8]
    assert (error["lineNumber"], error["errorCode"]) == (8, "ResourceRegistrationFailureException")
    issued = {each["response"]["ResourceArns"]["certificate"] for each in results}
    pages = iot.get_paginator("list_certificates").paginate()
    assert {each["certificateArn"] for page in pages for each in page["certificates"]} == issued
    members = iot.get_paginator("list_things_in_thing_group").paginate(thingGroupName="g")
    assert len([name for page in members for name in page["things"]]) == LINES - 1
