"""Devices against a real server: sockets, certificates, policies, and time that the test moves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.clock import SequentialIds
from tidegate.fleet import registration
from tidegate.fleet.agent import Agent, Execution, Watcher
from tidegate.fleet.behaviour import Behaviour
from tidegate.fleet.device import ConnectionRefused, Device, tls_context
from tidegate.fleet.fleet import Endpoint, Fleet
from tidegate.fleet.registration import Credentials
from tidegate.testing.server import Server, serving

_ENOUGH_S = 20


class Workshop:
    """A server with registered things ``lamp-0`` … in one group."""

    def __init__(self, server: Server, files: dict[str, Credentials], group: str) -> None:
        self.server = server
        self.files = files
        self.group = group
        self.iot = server.client("iot")
        self.endpoint = Endpoint("localhost", int(server.addresses.mqtts.rpartition(":")[2]))

    def context(self, thing_name: str) -> ssl.SSLContext:
        return tls_context(Path(self.server.addresses.ca), *self.files[thing_name])

    def contexts(self) -> dict[str, ssl.SSLContext]:
        return {name: self.context(name) for name in self.files}

    def create_job(self, name: str, **members: Any) -> None:
        self.iot.create_job(jobId=name, targets=[self.group], document='{"install": "2.0"}', **members)
        self.server.clock.advance()

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.iot.describe_job(jobId=name)["job"]
        return found


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def workshop(_served: Server, tmp_path: Path) -> Workshop:
    _served.reset()
    iot = _served.client("iot")
    groups = registration.create_groups(iot, "everything", ["lamps"], "devices")
    things = {f"lamp-{number}": "lamps" for number in range(4)}
    done: list[int] = []
    files = registration.register(iot, things, tmp_path, SequentialIds(), lambda: done.append(1))
    assert len(done) == 4
    return Workshop(_served, files, groups["lamps"])


async def until(fleet: Fleet, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_ENOUGH_S):
        while not holds():
            fleet.changed.clear()
            await fleet.changed.wait()


def behaving(**ways: float) -> Behaviour:
    return Behaviour(1, **ways)  # type: ignore[arg-type]


def test_registration_leaves_keys_that_nobody_else_reads(workshop: Workshop) -> None:
    for name, files in workshop.files.items():
        assert files.key.stat().st_mode & 0o777 == 0o600
        assert workshop.iot.list_thing_principals(thingName=name)["principals"]
    members = workshop.iot.list_things_in_thing_group(thingGroupName="lamps")["things"]
    assert sorted(members) == sorted(workshop.files)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_fleet_carries_a_job_to_its_end(workshop: Workshop, qos: int) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving(steps=2), qos=qos) as fleet:
            await fleet.connect(workshop.contexts())
            assert fleet.online == 4
            await asyncio.to_thread(workshop.create_job, "update")
            await until(fleet, lambda: fleet.endings.total() == 4)
            assert fleet.ended == {(name, "update", 1): "SUCCEEDED" for name in workshop.files}
            assert fleet.working_devices == 0
            assert not fleet.refusals

    asyncio.run(run())
    assert workshop.job("update")["status"] == "COMPLETED"
    execution = workshop.iot.describe_job_execution(jobId="update", thingName="lamp-0")["execution"]
    assert execution["statusDetails"]["detailsMap"] == {"result": "installed"}
    assert execution["versionNumber"] == 5  # queued, started, two steps, succeeded


def test_a_device_finds_what_waited_before_it_connected_and_does_one_job_after_another(workshop: Workshop) -> None:
    for name in ("first", "second", "third"):
        workshop.create_job(name)
        workshop.server.clock.advance(seconds=1)
    begun: list[str] = []

    class Noting(Fleet):
        def started(self, device: Agent, execution: Execution) -> None:
            begun.append(execution.job_id)
            assert execution.document() == {"install": "2.0"}
            super().started(device, execution)

    async def run() -> None:
        async with Noting(workshop.endpoint, behaving()) as fleet:
            await fleet.connect({"lamp-0": workshop.context("lamp-0")})
            await until(fleet, lambda: fleet.endings.total() == 3)

    asyncio.run(run())
    assert begun == ["first", "second", "third"]


@pytest.mark.parametrize(("way", "status"), [("failure", "FAILED"), ("rejection", "REJECTED")])
def test_devices_fail_and_reject(workshop: Workshop, way: str, status: str) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving(**{way: 1.0})) as fleet:
            await fleet.connect(workshop.contexts())
            await asyncio.to_thread(workshop.create_job, "update")
            await until(fleet, lambda: fleet.endings[status] == 4)

    asyncio.run(run())
    assert workshop.job("update")["jobProcessDetails"][f"numberOf{status.title()}Things"] == 4


def test_a_silent_device_times_out_and_takes_the_next_job(workshop: Workshop) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving(silence=1.0)) as fleet:
            await fleet.connect({"lamp-0": workshop.context("lamp-0")})
            create = asyncio.to_thread(workshop.create_job, "first", timeoutConfig={"inProgressTimeoutInMinutes": 5})
            await create
            await until(fleet, lambda: fleet.silent_devices == 1)
            assert fleet.working_devices == 0
            await asyncio.to_thread(workshop.server.clock.advance, minutes=5)
            await until(fleet, lambda: fleet.silent_devices == 0)
            assert [device.execution for device in fleet.devices] == [None]
            await asyncio.to_thread(workshop.create_job, "second")
            await until(fleet, lambda: fleet.silent_devices == 1)
            assert [device.execution and device.execution.job_id for device in fleet.devices] == ["second"]

    asyncio.run(run())
    assert workshop.job("first")["jobProcessDetails"]["numberOfTimedOutThings"] == 1


def test_a_device_goes_on_with_its_work_after_a_lost_connection(workshop: Workshop) -> None:
    begun: list[tuple[str, str]] = []

    class Noting(Watcher):
        def __init__(self) -> None:
            self.happened = asyncio.Event()

        def started(self, device: Agent, execution: Execution) -> None:
            begun.append((execution.job_id, execution.status))
            self.happened.set()

        def silent(self, device: Agent, execution: Execution) -> None:
            self.happened.set()

    async def run() -> None:
        watcher = Noting()
        device = Device("lamp-0", behaving(silence=1.0), watcher)
        for _ in range(2):
            watcher.happened.clear()
            await device.connect(*workshop.endpoint, workshop.context("lamp-0"))
            await asyncio.wait_for(watcher.happened.wait(), _ENOUGH_S)
            await device.close()
            assert not device.online

    workshop.create_job("update")
    asyncio.run(run())
    assert begun == [("update", "IN_PROGRESS"), ("update", "IN_PROGRESS")]
    execution = workshop.iot.describe_job_execution(jobId="update", thingName="lamp-0")["execution"]
    assert execution["versionNumber"] == 2  # handed out again, not started again


def test_a_canceled_execution_is_dropped(workshop: Workshop) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving(quickest=0.2, slowest=0.2, steps=0)) as fleet:
            await fleet.connect({"lamp-0": workshop.context("lamp-0")})
            await asyncio.to_thread(workshop.create_job, "update")
            await until(fleet, lambda: fleet.working_devices == 1)
            await asyncio.to_thread(workshop.iot.cancel_job, jobId="update", force=True)
            await until(fleet, lambda: bool(fleet.refusals))
            assert fleet.refusals == {"InvalidStateTransition": 1}
            assert fleet.endings.total() == 0
            await asyncio.to_thread(workshop.create_job, "another")
            await until(fleet, lambda: fleet.endings["SUCCEEDED"] == 1)

    asyncio.run(run())


def test_a_device_that_is_cut_off_comes_back(workshop: Workshop) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving()) as fleet:
            await fleet.connect({"lamp-0": workshop.context("lamp-0")})
            intruder = Device("lamp-0", behaving(), Watcher())
            await intruder.connect(*workshop.endpoint, workshop.context("lamp-0"))  # the same client id: it wins
            await until(fleet, lambda: fleet.online == 0)
            await until(fleet, lambda: fleet.online == 1)
            await intruder.close()
            await asyncio.to_thread(workshop.create_job, "update")
            await until(fleet, lambda: fleet.endings["SUCCEEDED"] == 1)

    asyncio.run(run())


def test_a_device_may_not_be_another(workshop: Workshop) -> None:
    async def run() -> None:
        with pytest.raises(ConnectionRefused, match="lamp-1: the server refuses the connection"):
            await Device("lamp-1", behaving(), Watcher()).connect(*workshop.endpoint, workshop.context("lamp-0"))

    asyncio.run(run())


def test_a_fleet_does_not_start_with_a_device_that_is_refused(workshop: Workshop) -> None:
    async def run() -> None:
        async with Fleet(workshop.endpoint, behaving()) as fleet:
            with pytest.raises(ConnectionRefused):
                await fleet.connect({**workshop.contexts(), "stranger": workshop.context("lamp-0")})

    asyncio.run(run())


def test_a_certificate_nobody_registered_gets_no_connection(workshop: Workshop, tmp_path: Path) -> None:
    certificate, key = registration.issue(tmp_path / "elsewhere", "lamp-0", SequentialIds())

    async def run() -> None:
        context = tls_context(Path(workshop.server.addresses.ca), certificate, key)
        with pytest.raises(OSError):
            await Device("lamp-0", behaving(), Watcher()).connect(*workshop.endpoint, context)

    asyncio.run(run())


def test_the_wrong_server_is_not_trusted(workshop: Workshop, tmp_path: Path) -> None:
    registration.issue(tmp_path / "elsewhere", "lamp-0", SequentialIds())

    async def run() -> None:
        context = tls_context(tmp_path / "elsewhere" / "ca.pem", *workshop.files["lamp-0"])
        with pytest.raises(ssl.SSLCertVerificationError):
            await Device("lamp-0", behaving(), Watcher()).connect(*workshop.endpoint, context)

    asyncio.run(run())
