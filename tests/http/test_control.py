"""The server's own pages: health, metrics, reset, and the clock that can be moved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.servers import Started
from tidegate.clock import MovableClock
from tidegate.store import scopes
from tidegate.store.database import StoreUnavailable

T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""


def page(server: Started, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    status, headers, answer = server.fetch(path, method, body)
    assert headers["content-type"] == "application/json"
    return status, json.loads(answer)


@pytest.fixture
def at_t0(movable: Started) -> Started:
    """A movable server whose clock stands at T0 and whose store is empty."""
    assert page(movable, "/_tidegate/reset", "POST")[0] == 200
    page(movable, "/_tidegate/clock", "POST", {"freeze": True})
    page(movable, "/_tidegate/clock", "POST", {"set": T0})
    return movable


def move(server: Started, command: Any) -> tuple[int, Any]:
    return page(server, "/_tidegate/clock", "POST", command)


def roll_out(server: Started, things: int, per_minute: int) -> Any:
    """A job for some things, released at a rate; the boto3 client."""
    iot = server.client("iot")
    targets = [iot.create_thing(thingName=f"t{number}")["thingArn"] for number in range(things)]
    config = {"maximumPerMinute": per_minute}
    iot.create_job(jobId="j", targets=targets, document="{}", jobExecutionsRolloutConfig=config)
    return iot


def queued_at(iot: Any) -> list[int]:
    """When each execution was queued, in minutes after T0."""
    summaries = iot.list_job_executions_for_job(jobId="j")["executionSummaries"]
    times = [summary["jobExecutionSummary"]["queuedAt"].timestamp() for summary in summaries]
    return sorted(round((time - T0 / 1000) / 60) for time in times)


def test_health(server: Started) -> None:
    assert page(server, "/_tidegate/health") == (200, {"status": "ok", "store": "writable"})
    assert server.fetch("/_tidegate/health", "HEAD")[0] == 200


def test_health_of_a_store_that_cannot_be_written(
    server: Started, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise StoreUnavailable("/srv/tidegate.db: disk full")

    monkeypatch.setattr(scopes, "touch", full)
    assert page(server, "/_tidegate/health") == (
        503,
        {"status": "unavailable", "store": "It takes no write; the log says why."},
    )
    assert "the health page found that the store takes no write: /srv/tidegate.db: disk full" in caplog.messages


def test_pages_that_are_not_there(server: Started) -> None:
    assert page(server, "/_tidegate/none")[0] == 404
    status, headers, _ = server.fetch("/_tidegate/clock", "DELETE")
    assert (status, headers["allow"]) == (405, "GET, POST")


def test_metrics(server: Started) -> None:
    server.client("iot").list_job_templates(maxResults=1)
    server.fetch("/none")
    status, headers, body = server.fetch("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = body.decode().splitlines()
    assert 'tidegate_requests_total{operation="ListJobTemplates",plane="iot",status="200"} 1.0' in lines
    assert 'tidegate_requests_total{operation="unknown",plane="none",status="404"} 1.0' in lines
    assert 'tidegate_request_seconds_bucket{le="+Inf",operation="ListJobTemplates",plane="iot"} 1.0' in lines
    assert any(line.startswith('tidegate_connections{listener="http"} ') for line in lines)
    assert any(line.startswith("tidegate_engine_steps_total ") for line in lines)


def test_reset_empties_the_store(server: Started) -> None:
    iot = server.client("iot")
    iot.create_job_template(jobTemplateId="gone", description="d", document="{}")
    assert page(server, "/_tidegate/reset", "POST") == (200, {"status": "reset"})
    assert iot.list_job_templates()["jobTemplates"] == []
    iot.create_job_template(jobTemplateId="gone", description="d", document="{}")
    assert len(iot.list_job_templates()["jobTemplates"]) == 1


def test_reset_empties_the_object_storage(server: Started) -> None:
    s3 = server.client("s3", region_name="us-east-1")
    for content in (b"first", b"second"):
        s3.create_bucket(Bucket="gone")
        s3.put_object(Bucket="gone", Key="k", Body=content)
        assert page(server, "/_tidegate/reset", "POST") == (200, {"status": "reset"})
        assert s3.list_buckets()["Buckets"] == []


def test_the_system_clock_is_read_and_not_moved(server: Started) -> None:
    status, state = page(server, "/_tidegate/clock")
    assert status == 200
    assert set(state) == {"now", "epochMs", "frozen", "nextEventAt"}
    assert state["frozen"] is False
    status, answer = move(server, {"advance": 1})
    assert (status, answer["message"]) == (
        409,
        "This server runs on the system clock. Start it with --clock movable to move time.",
    )


def test_a_movable_clock_stands_still(at_t0: Started) -> None:
    expected = {"now": "2026-01-01T00:00:00.000Z", "epochMs": T0, "frozen": True, "nextEventAt": None}
    assert page(at_t0, "/_tidegate/clock") == (200, expected)
    assert page(at_t0, "/_tidegate/clock") == (200, expected)


@pytest.mark.parametrize(
    ("command", "now"),
    [
        ({"advance": 90}, T0 + 90_000),
        ({"advance": 0.25}, T0 + 250),
        ({"advance": 0}, T0),
        ({"set": T0 - 86_400_000}, T0 - 86_400_000),
        ({"set": "2026-02-03T04:05:06.789Z"}, 1_770_091_506_789),
        ({"set": "2026-02-03T04:05:06+02:00"}, 1_770_084_306_000),
        ({"set": "2026-02-03"}, 1_770_076_800_000),
        ({"toNextEvent": True}, T0),
    ],
)
def test_moving_the_clock(at_t0: Started, command: Any, now: int) -> None:
    status, state = move(at_t0, command)
    assert (status, state["epochMs"], state["frozen"]) == (200, now, True)


def test_what_is_due_on_the_way_is_done_at_its_time(at_t0: Started) -> None:
    iot = roll_out(at_t0, things=5, per_minute=1)
    assert page(at_t0, "/_tidegate/clock")[1]["nextEventAt"] == "2026-01-01T00:01:00.000Z"
    assert queued_at(iot) == [0]
    status, state = move(at_t0, {"advance": 150})
    assert (status, state["now"]) == (200, "2026-01-01T00:02:30.000Z")
    assert state["nextEventAt"] == "2026-01-01T00:03:00.000Z"
    assert queued_at(iot) == [0, 1, 2]
    assert move(at_t0, {"toNextEvent": True})[1]["now"] == "2026-01-01T00:03:00.000Z"
    assert queued_at(iot) == [0, 1, 2, 3]
    assert move(at_t0, {"advance": 86_400})[1]["nextEventAt"] is None
    assert queued_at(iot) == [0, 1, 2, 3, 4]


def test_resume_and_freeze(at_t0: Started) -> None:
    status, state = move(at_t0, {"resume": True})
    assert (status, state["frozen"]) == (200, False)
    clock = at_t0.running.service.clock
    assert isinstance(clock, MovableClock)
    while clock.now() == T0:
        pass
    status, state = move(at_t0, {"advance": 3600})
    assert (status, state["frozen"]) == (200, False)
    status, state = move(at_t0, {"freeze": True})
    assert (status, state["frozen"]) == (200, True)
    assert state["epochMs"] > T0 + 3_600_000
    assert page(at_t0, "/_tidegate/clock")[1] == state


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"{",
        [],
        {},
        {"advance": 1, "freeze": True},
        {"rewind": 1},
        {"advance": -1},
        {"advance": "1"},
        {"advance": True},
        {"advance": 1e300},
        {"set": "tomorrow"},
        {"set": None},
        {"set": 10**18},
        {"set": -1},
        {"set": 1.5},
        {"freeze": False},
        {"toNextEvent": 1},
    ],
)
def test_commands_that_are_none(at_t0: Started, command: Any) -> None:
    status, answer = move(at_t0, command)
    assert status == 400
    assert answer["message"]
    assert page(at_t0, "/_tidegate/clock")[1]["epochMs"] == T0


def test_boto3_works_while_time_stands_still(at_t0: Started) -> None:
    made = at_t0.client("iot").create_job_template(jobTemplateId="t", description="d", document="{}")
    assert made["jobTemplateId"] == "t"
    shown = at_t0.client("iot").describe_job_template(jobTemplateId="t")
    assert shown["createdAt"].timestamp() * 1000 == T0
