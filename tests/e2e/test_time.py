"""Time on a whole server: the clock over HTTP, and what subscribers hear while it moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Account, Credentials, Maker, client
from tests.e2e.mqtt import Device, connected
from tests.e2e.test_devices import EVERYTHING
from tests.operators import admitted
from tests.servers import Started, options, started

EVENTS = {"JOB": {"Enabled": True}, "JOB_EXECUTION": {"Enabled": True}}
RETRY = {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 2}]}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def timed_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    store = request.param
    if store == "postgres":
        store = request.getfixturevalue("new_postgres")("tidegate-timed")
    with started(options(tmp_path_factory.mktemp("timed"), clock="movable", store=store)) as server:
        yield server


@pytest.fixture
def timed(timed_server: Started, maker: Maker, tmp_path: Path) -> Account:
    """An account on a server whose time the test moves."""
    move(timed_server, freeze=True)
    return Account(timed_server, maker, tmp_path)


def clock(server: Started) -> dict[str, Any]:
    status, _, body = server.fetch("/_tidegate/clock")
    assert status == 200
    state: dict[str, Any] = json.loads(body)
    return state


def move(server: Started, **command: Any) -> dict[str, Any]:
    status, _, body = server.fetch("/_tidegate/clock", "POST", command)
    assert status == 200, body
    state: dict[str, Any] = json.loads(body)
    return state


def watcher(account: Account) -> Credentials:
    """A certificate that may listen to everything."""
    credentials = account.register("watcher")
    account.iot.attach_policy(policyName=account.policy("all", EVERYTHING), target=credentials.arn)
    return credentials


def heard(device: Device, count: int) -> list[tuple[str, Any]]:
    """(the end of the topic, body) of the next messages, but for those about who connects and subscribes."""
    found: list[tuple[str, Any]] = []
    while len(found) < count:
        one = device.next()
        name = one.topic.removeprefix("$aws/").removeprefix("events/")
        if not name.startswith(("subscriptions/", "presence/")):
            found.append((name, one.body))
    return found


# --- the clock over HTTP --------------------------------------------------------------------------------------------


def test_time_stands_still_until_it_is_moved(timed: Account) -> None:
    before = clock(timed.server)
    assert before["frozen"] is True
    timed.thing("t")
    timed.job("j", "t", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    timed.data.start_next_pending_job_execution(thingName="t")
    assert clock(timed.server)["epochMs"] == before["epochMs"]
    state = move(timed.server, advance=90.5)
    assert state["epochMs"] == before["epochMs"] + 90_500
    assert state["now"].endswith("Z")
    execution = timed.data.describe_job_execution(thingName="t", jobId="j")["execution"]
    assert execution["approximateSecondsBeforeTimedOut"] in (209, 210)
    state = move(timed.server, toNextEvent=True)
    assert state["epochMs"] == before["epochMs"] + 300_000
    assert timed.counts("j") == {"TimedOut": 1}
    back = move(timed.server, set=before["now"])
    assert back["epochMs"] == before["epochMs"]
    assert timed.counts("j") == {"TimedOut": 1}


def test_moves_that_arrive_at_once_add_up(timed: Account) -> None:
    before = clock(timed.server)["epochMs"]
    with ThreadPoolExecutor(4) as threads:
        states = list(threads.map(lambda _: move(timed.server, advance=60), range(8)))
    assert sorted(state["epochMs"] for state in states) == [before + 60_000 * count for count in range(1, 9)]


def test_a_clock_may_run_and_be_frozen_again(timed: Account) -> None:
    assert move(timed.server, resume=True)["frozen"] is False
    there = clock(timed.server)["epochMs"] + 86_400_000
    state = move(timed.server, set=there)
    assert state["frozen"] is False
    assert there <= state["epochMs"] < there + 20_000
    assert move(timed.server, freeze=True)["frozen"] is True
    assert clock(timed.server)["epochMs"] == clock(timed.server)["epochMs"]


def test_boto3_signs_with_the_real_time_while_ours_is_years_away(tmp_path: Path, maker: Maker) -> None:
    """Skew is judged by the wall clock: a guarded server answers whatever its own clock says."""
    with started(options(tmp_path / "data", clock="movable", auth=True)) as server:
        service = server.running.service
        admitted(server, "AKIAMOVER", "secret", "arn:aws:iam::000000000901:user/operator")
        iot = client(server, "iot", "AKIAMOVER", "secret")
        now = service.clock.now()
        for there in (now + 5 * 365 * 86_400_000, now - 365 * 86_400_000):
            server.on_loop(lambda there=there: server.running.timeline.set(there))
            iot.create_thing(thingName=f"t{there}")
        status, _, _ = server.fetch("/_tidegate/clock", "POST", {"advance": 1})
        assert status == 403  # moving time is the operator's, as every other request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"advance": -1}',
        b'{"advance": true}',
        b'{"advance": 1, "freeze": true}',
        b'{"set": "yesterday"}',
        b'{"set": -1}',
        b'{"freeze": false}',
        b'{"wait": 1}',
    ],
)
def test_what_the_clock_refuses(timed: Account, body: bytes) -> None:
    before = clock(timed.server)["epochMs"]
    status, _, answer = timed.server.fetch("/_tidegate/clock", "POST", body)
    assert status == 400
    assert json.loads(answer)["message"]
    assert clock(timed.server)["epochMs"] == before


def test_the_system_clock_is_not_moved(server: Started) -> None:
    status, _, _ = server.fetch("/_tidegate/clock", "POST", {"advance": 1})
    assert status == 409
    assert clock(server)["frozen"] is False


def test_a_month_of_windows_takes_moments(timed: Account) -> None:
    """Each of 30 days opens and closes a window, queues a late joiner and times an execution out."""
    iot = timed.iot
    iot.create_thing_group(thingGroupName="g")
    for number in range(3):
        timed.thing(f"t{number}")
        iot.add_thing_to_thing_group(thingGroupName="g", thingName=f"t{number}")
    windows = [{"startTime": "cron(0 10 * * ? *)", "durationInMinutes": 60}]
    iot.create_job(
        jobId="j",
        targets=[timed.arn("thinggroup/g")],
        document="{}",
        targetSelection="CONTINUOUS",
        schedulingConfig={"maintenanceWindows": windows},
        timeoutConfig={"inProgressTimeoutInMinutes": 30},
        jobExecutionsRetryConfig=RETRY,
    )
    move(timed.server, advance=30 * 86_400)
    assert timed.counts("j") == {"Queued": 3}


# --- what subscribers hear ------------------------------------------------------------------------------------------


def test_events_follow_the_notifications_of_the_same_change(timed: Account) -> None:
    timed.iot.update_event_configurations(eventConfigurations=EVENTS)
    timed.device("t")
    with connected(timed, watcher(timed), "watcher", thing="t") as ear:
        assert ear.subscribe("$aws/things/t/jobs/notify", "$aws/things/t/jobs/notify-next", "$aws/events/#") == [
            1,
            1,
            1,
        ]
        timed.job("j", "t")
        assert [topic for topic, _ in heard(ear, 2)] == ["things/t/jobs/notify", "things/t/jobs/notify-next"]
        timed.data.update_job_execution(jobId="j", thingName="t", status="SUCCEEDED", statusDetails={"k": "v"})
        found = heard(ear, 4)
        assert [topic for topic, _ in found] == [
            "things/t/jobs/notify",
            "things/t/jobs/notify-next",
            "jobExecution/j/succeeded",
            "job/j/completed",
        ]
        assert found[2][1]["thingArn"] == timed.arn("thing/t")
        assert found[3][1]["targets"] == [timed.arn("thing/t")]
        assert ear.silent()


def test_a_subscriber_hears_of_each_change_on_the_way_at_its_own_time(timed: Account) -> None:
    """Two timeouts and the retries between them lie within one move; nothing is merged, each bears its own time."""
    timed.iot.update_event_configurations(eventConfigurations=EVENTS)
    timed.device("t")
    base = clock(timed.server)["epochMs"] // 1000
    limit = {"inProgressTimeoutInMinutes": 5}
    timed.job("a", "t", timeoutConfig=limit)
    timed.data.start_next_pending_job_execution(thingName="t")
    move(timed.server, advance=120)
    timed.job("b", "t", timeoutConfig=limit)
    timed.data.update_job_execution(jobId="b", thingName="t", status="IN_PROGRESS")
    with connected(timed, watcher(timed), "watcher", thing="t") as ear:
        assert ear.subscribe("$aws/things/t/jobs/notify", "$aws/events/#") == [1, 1]
        move(timed.server, advance=3600)
        found = heard(ear, 6)
        assert [(topic, body["timestamp"] - base) for topic, body in found] == [
            ("things/t/jobs/notify", 300),
            ("jobExecution/a/timed_out", 300),
            ("job/a/completed", 300),
            ("things/t/jobs/notify", 420),
            ("jobExecution/b/timed_out", 420),
            ("job/b/completed", 420),
        ]
        assert ear.silent()


def test_events_stay_in_their_account_and_with_those_who_may_receive_them(
    timed: Account, maker: Maker, tmp_path: Path
) -> None:
    other = Account(timed.server, maker, tmp_path)
    for account in (timed, other):
        account.iot.update_event_configurations(eventConfigurations=EVENTS)
    stranger = watcher(other)
    device = timed.device("t")
    with (
        connected(timed, watcher(timed), "watcher", thing="t") as ear,
        connected(other, stranger, "watcher", thing="t") as elsewhere,
        connected(timed, device, "t") as unprivileged,
    ):
        jobs = ("$aws/events/job/#", "$aws/events/jobExecution/#")
        assert ear.subscribe(*jobs) == [1, 1]
        assert elsewhere.subscribe(*jobs) == [1, 1]
        assert unprivileged.subscribe(*jobs) == [0x80, 0x80]
        timed.job("j", "t")
        timed.iot.cancel_job(jobId="j")
        timed.settle()
        topics = [topic for topic, _ in heard(ear, 3)]
        assert topics == ["job/j/cancellation_in_progress", "jobExecution/j/canceled", "job/j/canceled"]
        assert elsewhere.silent()


def test_what_a_server_had_no_time_to_tell_is_told_by_the_next(tmp_path: Path, maker: Maker) -> None:
    data = tmp_path / "data"
    with started(options(data)) as server:
        account = Account(server, maker, tmp_path)
        account.iot.update_event_configurations(eventConfigurations=EVENTS)
        account.thing("t")
        ears = watcher(account)
        account.job("j", "t")
        stop_telling(server)
        account.data.update_job_execution(jobId="j", thingName="t", status="SUCCEEDED")
    with started(options(data)) as server:
        account.server = server
        with connected(account, ears, "watcher", thing="t") as ear:
            assert ear.subscribe("$aws/events/#") == [1]
            assert [topic for topic, _ in heard(ear, 2)] == ["jobExecution/j/succeeded", "job/j/completed"]


def stop_telling(server: Started) -> None:
    """What the outbox gets from now on stays there, as if the server died before it could publish it."""
    server.on_loop(server.running.devices.events.stop)
