"""The server of a test: its time, its devices, what a real device connects with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tidegate.fleet.behaviour import Behaviour
from tidegate.fleet.device import tls_context
from tidegate.fleet.fleet import Endpoint, Fleet
from tidegate.server import InUseError
from tidegate.testing.device import NothingPending
from tidegate.testing.server import Server, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(served: Server) -> Server:
    served.reset()
    return served


def job(server: Server, name: str, *targets: str, document: str = '{"install": "2.0"}', **members: object) -> None:
    server.client("iot").create_job(jobId=name, targets=list(targets), document=document, **members)
    server.clock.advance()


# -- time --------------------------------------------------------------------------------------------------------------


def test_time_stands_still(server: Server) -> None:
    before = server.clock.now
    server.client("iot").create_thing(thingName="lamp")
    assert server.clock.now == before
    assert server.clock.next_event is None


def test_advance_goes_ahead_by_the_span(server: Server) -> None:
    before = server.clock.now
    assert server.clock.advance(hours=1, minutes=2, seconds=3, milliseconds=4) == before + timedelta(
        hours=1, minutes=2, seconds=3, milliseconds=4
    )
    assert server.clock.advance(days=0.5) == server.clock.now
    with pytest.raises(ValueError, match="advance goes ahead"):
        server.clock.advance(minutes=-1)


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        datetime(2030, 1, 2, 3, 4, 5, 678_000),  # noqa: DTZ001 - taken as UTC
        "2030-01-02T03:04:05.678Z",
        "2030-01-02T04:04:05.678+01:00",
        1_893_553_445_678,
    ],
)
def test_set_takes_every_way_to_name_an_instant(server: Server, instant: datetime | str | int) -> None:
    expected = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert server.clock.set(instant) == expected
    assert server.clock.now == expected


def test_to_next_event_stops_where_something_is_due(server: Server) -> None:
    lamps = [server.device(f"lamp-{number}", "kitchen") for number in range(3)]
    group = server.client("iot").describe_thing_group(thingGroupName="kitchen")["thingGroupArn"]
    began = server.clock.now
    job(server, "slow", group, jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    released = [sum(bool(lamp.pending()) for lamp in lamps)]
    while len(released) < 3:
        assert server.clock.next_event == began + timedelta(minutes=len(released))
        assert server.clock.to_next_event() == began + timedelta(minutes=len(released))
        released.append(sum(bool(lamp.pending()) for lamp in lamps))
    assert released == [1, 2, 3]


def test_to_next_event_with_nothing_to_come_leaves_time_alone(server: Server) -> None:
    before = server.clock.now
    assert server.clock.to_next_event() is None
    assert server.clock.now == before


def test_reset_empties_the_store_and_returns_to_the_present(server: Server) -> None:
    server.device("lamp")
    server.client("s3").create_bucket(Bucket="left-behind")
    server.clock.advance(days=400)
    server.reset()
    assert server.client("s3").list_buckets()["Buckets"] == []
    assert server.client("iot").list_things()["things"] == []
    assert abs(server.clock.now - datetime.now(UTC)) < timedelta(minutes=1)


# -- devices -----------------------------------------------------------------------------------------------------------


def test_a_device_carries_a_job_through(server: Server) -> None:
    lamp = server.device("lamp", "kitchen", "house")
    server.device("radio", "kitchen")
    job(server, "update", lamp.arn)
    assert lamp.pending() == ["update"]
    execution = lamp.start_next(step="1")
    assert execution == ("update", 1, 2, {"install": "2.0"}, {"step": "1"})
    lamp.progress(percent="50")
    assert lamp.status("update") == "IN_PROGRESS"
    lamp.succeed(result="fine")
    assert lamp.status("update") == "SUCCEEDED"
    assert lamp.start_next() is None
    assert server.client("iot").describe_job(jobId="update")["job"]["status"] == "COMPLETED"


@pytest.mark.parametrize(("act", "status"), [("succeed", "SUCCEEDED"), ("fail", "FAILED"), ("reject", "REJECTED")])
def test_a_report_starts_the_next_execution_if_none_is_under_way(server: Server, act: str, status: str) -> None:
    lamp = server.device("lamp")
    job(server, "first", lamp.arn)
    server.clock.advance(seconds=1)
    job(server, "second", lamp.arn)
    getattr(lamp, act)(why="because")
    assert (lamp.status("first"), lamp.status("second")) == (status, "QUEUED")
    getattr(lamp, act)()
    assert lamp.status("second") == status


def test_a_report_may_name_its_job(server: Server) -> None:
    lamp = server.device("lamp")
    job(server, "first", lamp.arn)
    server.clock.advance(seconds=1)
    job(server, "second", lamp.arn)
    lamp.start_next()
    lamp.reject("second")
    assert (lamp.status("first"), lamp.status("second")) == ("IN_PROGRESS", "REJECTED")
    lamp.succeed()
    assert lamp.status("first") == "SUCCEEDED"


def test_a_report_without_work_is_the_tests_mistake(server: Server) -> None:
    with pytest.raises(NothingPending, match="nothing waits for lamp"):
        server.device("lamp").succeed()


def test_a_report_after_the_end_is_refused_by_the_server(server: Server) -> None:
    lamp = server.device("lamp")
    job(server, "update", lamp.arn)
    lamp.succeed()
    with pytest.raises(ClientError, match="InvalidStateTransition"):
        lamp.fail("update")


def test_real_devices_connect_with_credentials(server: Server, tmp_path: Path) -> None:
    lamps = [server.device("lamp-1"), server.device("lamp-2")]
    files = {lamp.thing_name: server.credentials(lamp.thing_name, tmp_path) for lamp in lamps}
    job(server, "update", *(lamp.arn for lamp in lamps))

    async def run() -> None:
        async with Fleet(Endpoint(files["lamp-1"].host, files["lamp-1"].port), Behaviour()) as fleet:
            contexts = {name: tls_context(of.ca, of.certificate, of.key) for name, of in files.items()}
            async with asyncio.timeout(20):
                await fleet.connect(contexts)
                while fleet.endings["SUCCEEDED"] < 2:
                    fleet.changed.clear()
                    await fleet.changed.wait()

    asyncio.run(run())
    assert [lamp.status("update") for lamp in lamps] == ["SUCCEEDED", "SUCCEEDED"]
    assert files["lamp-1"].client_id == "lamp-1"
    assert files["lamp-1"].key.stat().st_mode & 0o777 == 0o600


# -- starting and stopping ---------------------------------------------------------------------------------------------


def test_what_keeps_a_server_from_starting_is_raised(tmp_path: Path) -> None:
    with serving(tmp_path), pytest.raises(InUseError), serving(tmp_path):
        pass


def test_an_error_in_the_test_stops_the_server(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="mine"), serving(tmp_path):
        raise RuntimeError("mine")
    with serving(tmp_path) as again:
        assert again.client("iot").list_things()["things"] == []
