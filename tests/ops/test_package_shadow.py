"""Jobs that bring packages, and the shadow of what is installed: control reference 16.3, device reference 9.5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW
from tests.ops.test_packages import ROLE, version
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.effects import ShadowMessages
from tidegate.store.database import Database, locks_rows
from tidegate.wire import iot, iot_data

ARN = "arn:aws:iot:eu-west-1:123456789012:"
SECONDS = 1_767_225_600


def named(version: str, package: str = "app") -> str:
    return f"{ARN}package/{package}/version/{version}"


class Fleet:
    """A thing called t, jobs for it, and what its shadow says."""

    def __init__(self, run: Any, database: Database, call: Call) -> None:
        self.run = run
        self._database = database
        self._call = call
        self.effects: list[Any] = []
        run("CreateThing", thing_name="t")

    def configure(self, *, enabled: bool = True) -> None:
        config = iot.VersionUpdateByJobsConfig(enabled=enabled, role_arn=ROLE)
        self.run("UpdatePackageConfiguration", version_update_by_jobs_config=config)

    def create(self, job_id: str, *versions: str, **members: Any) -> None:
        members = {"document": "{}", "targets": [f"{ARN}thing/t"], **members}
        self.run("CreateJob", job_id=job_id, destination_package_versions=list(versions) or None, **members)
        while True:
            again = self._database.commit([locks_rows(lambda tx: sweeps.sweep(tx, NOW, self._call.limits))])[0].result()
            if again is None or again > NOW:
                return

    def report(self, job_id: str, status: str = "SUCCEEDED") -> None:
        self.effects = []
        where = {"plane": "iot-jobs-data", "thing_name": "t", "job_id": job_id}
        self.run("UpdateJobExecution", status=status, effects=self.effects, **where)

    def deploy(self, job_id: str, *versions: str) -> None:
        self.create(job_id, *versions)
        self.report(job_id)

    @property
    def told(self) -> list[tuple[str, Any]]:
        """What subscribers were told of shadows by the last report."""
        return [
            (message.topic, json.loads(message.payload))
            for effect in self.effects
            if isinstance(effect, ShadowMessages)
            for message in effect.messages
        ]

    def shadow(self) -> Any:
        """The reported section of ``$package``; None if there is no such shadow."""
        try:
            found = self.run("GetThingShadow", plane="iot-data", thing_name="t", shadow_name="$package")
        except iot_data.ResourceNotFoundException:
            return None
        return json.loads(found.payload)["state"].get("reported", {})


@pytest.fixture
def fleet(run: Any, database: Database, call: Call) -> Fleet:
    for package in ("app", "lib"):
        run("CreatePackage", package_name=package)
    version(run, "1", attributes={"a": "1", "b": "2"})
    version(run, "2", attributes={"b": "3"})
    version(run, "1", package="lib")
    fleet = Fleet(run, database, call)
    fleet.configure()
    return fleet


LIB = {"version": "1", "attributes": {}}


def test_what_succeeds_is_written_down(fleet: Fleet) -> None:
    fleet.create("j", named("1"), named("1", "lib"))
    assert fleet.shadow() is None
    fleet.report("j", "IN_PROGRESS")
    assert fleet.shadow() is None
    fleet.report("j")
    wanted = {"app": {"version": "1", "attributes": {"a": "1", "b": "2"}}, "lib": LIB}
    assert fleet.shadow() == wanted
    head = "$aws/things/t/shadow/name/$package/update"
    (first, accepted), (second, documents) = fleet.told
    assert (first, second) == (f"{head}/accepted", f"{head}/documents")
    assert accepted["state"] == {"reported": wanted}
    assert (accepted["version"], accepted["timestamp"]) == (1, SECONDS)
    assert documents["previous"] is None
    assert documents["current"]["state"] == {"reported": wanted}


def test_a_new_version_takes_the_place_of_the_old(fleet: Fleet) -> None:
    fleet.deploy("j1", named("1"), named("1", "lib"))
    fleet.deploy("j2", named("2"))
    assert fleet.shadow() == {"app": {"version": "2", "attributes": {"b": "3"}}, "lib": LIB}


def test_null_removes_a_package(fleet: Fleet) -> None:
    fleet.deploy("j1", named("1"), named("1", "lib"))
    fleet.deploy("j2", named("$null"))
    assert fleet.shadow() == {"lib": LIB}
    assert fleet.told[0][1]["state"] == {"reported": {"app": None}}
    fleet.deploy("j3", named("$null", "lib"))
    assert fleet.shadow() == {}


@pytest.mark.parametrize("status", ["FAILED", "REJECTED"])
def test_what_fails_is_not(fleet: Fleet, status: str) -> None:
    fleet.create("j", named("1"))
    fleet.report("j", status)
    assert fleet.shadow() is None


def test_only_where_it_is_switched_on(fleet: Fleet) -> None:
    fleet.configure(enabled=False)
    fleet.deploy("j1", named("1"))
    assert fleet.shadow() is None
    fleet.configure()
    fleet.deploy("j2")
    assert fleet.shadow() is None
    fleet.deploy("j3", named("1"))
    assert fleet.shadow() is not None


def test_what_devices_write_there_stays(fleet: Fleet) -> None:
    payload = json.dumps(
        {"state": {"reported": {"own": {"version": "7"}, "app": {"version": "0", "note": "x"}}}}
    ).encode()
    where = {"plane": "iot-data", "thing_name": "t", "shadow_name": "$package"}
    fleet.run("UpdateThingShadow", payload=payload, **where)
    fleet.deploy("j", named("2"))
    assert fleet.shadow() == {
        "own": {"version": "7"},
        "app": {"version": "2", "attributes": {"b": "3"}, "note": "x"},
    }


def test_default_is_what_it_was_when_the_job_was_created(fleet: Fleet, run: Any) -> None:
    run("UpdatePackage", package_name="app", default_version_name="1")
    fleet.create("j", named("$default"), named("$null", "lib"))
    run("UpdatePackage", package_name="app", default_version_name="2")
    job = run("DescribeJob", job_id="j").job
    assert job.destination_package_versions == [named("1"), named("$null", "lib")]
    raw = run("DescribeJob", job_id="j", before_substitution=True).job
    assert raw.destination_package_versions == [named("$default"), named("$null", "lib")]
    fleet.report("j")
    assert fleet.shadow() == {"app": {"version": "1", "attributes": {"a": "1", "b": "2"}}}


def test_templates_name_what_is_resolved_later(fleet: Fleet, run: Any) -> None:
    run(
        "CreateJobTemplate",
        job_template_id="x",
        description="d",
        document="{}",
        destination_package_versions=[named("$default")],
    )
    template = f"{ARN}jobtemplate/x"
    with pytest.raises(iot.InvalidRequestException, match="no default version"):
        fleet.create("j", job_template_arn=template, document=None)
    run("UpdatePackage", package_name="app", default_version_name="2")
    fleet.create("j", job_template_arn=template, document=None)
    assert run("DescribeJob", job_id="j").job.destination_package_versions == [named("2")]
    run("CreateJobTemplate", job_template_id="y", description="d", job_arn=f"{ARN}job/j")
    for name in ("x", "y"):
        found = run("DescribeJobTemplate", job_template_id=name).destination_package_versions
        assert found == [named("$default")]


@pytest.mark.parametrize(
    ("arn", "error", "message"),
    [
        (named("3"), iot.InvalidRequestException, "is a draft"),
        (named("9"), iot.ResourceNotFoundException, "cannot be found"),
        (named("1", "no"), iot.ResourceNotFoundException, "cannot be found"),
        (named("$default"), iot.InvalidRequestException, "no default version"),
        (named("1").replace("eu-west-1", "us-east-1"), iot.InvalidRequestException, "of this account and region"),
        (named("1").replace("123456789012", "210987654321"), iot.InvalidRequestException, "of this account"),
        (f"{ARN}package/app", iot.InvalidRequestException, "not the ARN of a package version"),
    ],
)
def test_what_jobs_may_not_name(fleet: Fleet, run: Any, arn: str, error: type[Exception], message: str) -> None:
    version(run, "3", action=None)
    with pytest.raises(error, match=message):
        fleet.create("j", arn)
    assert run("ListJobs").jobs == []


def test_a_package_twice(fleet: Fleet) -> None:
    with pytest.raises(iot.InvalidRequestException, match="names package app more than once"):
        fleet.create("j", named("1"), named("2"))


def test_a_deprecated_version_may_be_deployed(fleet: Fleet, run: Any) -> None:
    run("UpdatePackageVersion", package_name="app", version_name="2", action="DEPRECATE")
    fleet.deploy("j", named("2"))
    assert fleet.shadow() == {"app": {"version": "2", "attributes": {"b": "3"}}}


def test_a_version_that_is_gone_fails_the_update_and_nothing_else(
    fleet: Fleet, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.create("j", named("1"), named("1", "lib"))
    run("DeletePackageVersion", package_name="lib", version_name="1")
    fleet.report("j")
    assert fleet.shadow() is None
    assert run("DescribeJob", job_id="j").job.status == "COMPLETED"
    assert f"$package shadow of t was not updated: {named('1', 'lib')} is gone" in caplog.text


def test_a_full_shadow_fails_the_update_and_nothing_else(
    fleet: Fleet, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    payload = json.dumps({"state": {"reported": {"own": "x" * 8150}}}).encode()
    run("UpdateThingShadow", plane="iot-data", thing_name="t", shadow_name="$package", payload=payload)
    fleet.create("j", named("1"))
    fleet.report("j")
    assert fleet.shadow().keys() == {"own"}
    assert fleet.told == []
    assert run("DescribeJobExecution", job_id="j", thing_name="t").execution.status == "SUCCEEDED"
    assert "Json document too large" in caplog.text
