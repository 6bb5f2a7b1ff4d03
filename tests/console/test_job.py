"""The page of a job, read as its reader reads it; on both stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.console.browser import Browser
from tests.console.test_jobs import XSS
from tests.console.test_sign_in import SECRET, admit
from tests.servers import ANY, Started, options, started

ABORT = {
    "criteriaList": [
        {
            "failureType": "FAILED",
            "action": "CANCEL",
            "thresholdPercentage": 50,
            "minNumberOfExecutedThings": 4,
        }
    ]
}


class Rollout:
    """A job of ten things, five a minute, on a clock that stands still."""

    def __init__(self, server: Started) -> None:
        self.server = server
        server.fetch("/_tidegate/reset", "POST")
        self.iot, self.data = server.client("iot"), server.client("iot-jobs-data")
        self.arn: str = self.iot.create_thing_group(thingGroupName="all")["thingGroupArn"]
        for number in range(10):
            self.iot.create_thing(thingName=f"t{number}")
            self.iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{number}")

    def create(self, name: str = "j", **members: Any) -> None:
        rate = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 5}, "abortConfig": ABORT}
        self.iot.create_job(
            jobId=name,
            targets=[self.arn],
            document='{"do": "it"}',
            **{name: value for name, value in (rate | members).items() if value is not None},
        )
        self.advance(1)

    def advance(self, seconds: float) -> None:
        self.server.fetch("/_tidegate/clock", "POST", {"advance": seconds})

    def report(self, thing: int, status: str, **details: str) -> None:
        self.data.start_next_pending_job_execution(thingName=f"t{thing}")
        given = {"statusDetails": details} if details else {}
        self.data.update_job_execution(jobId="j", thingName=f"t{thing}", status=status, **given)

    def page(self, path: str = "/jobs/j") -> str:
        return Browser(self.server).get(path).words


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication off, movable clock, on each store."""
    store = "sqlite"
    if request.param == "postgres":
        base: str = request.getfixturevalue("postgres_url")
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute("CREATE DATABASE console_pages")
        head, _, query = base.partition("?")
        store = f"{head.rpartition('/')[0]}/console_pages?{query}"
    folder: Path = tmp_path_factory.mktemp("server")
    with started(options(folder, console=ANY, clock="movable", region="eu-west-1", store=store)) as running:
        yield running


@pytest.fixture
def rollout(server: Started) -> Rollout:
    return Rollout(server)


def test_it_says_how_it_stands_and_why(rollout: Rollout) -> None:
    rollout.create()
    seen = rollout.page()
    assert "This minute's rate is used up. 5 queued." in seen
    assert "It moves by itself at" in seen
    assert "cancel when 50 % or more failed, of at least 4 that ended" in seen
    assert "0 of 0 (0.00 %) 4 more in a row; 4 more must end before it counts" in seen
    assert "5 a minute" in seen
    assert "none: a device may take for ever" in seen
    assert '"do": "it"' not in seen, "a document is for whoever may read it"
    assert [f"t{n}" in seen for n in range(10)] == [True] * 5 + [False] * 5


def test_failures_come_with_their_reasons_and_the_abort_with_its_count(rollout: Rollout) -> None:
    rollout.create()
    rollout.report(0, "SUCCEEDED")
    rollout.report(1, "FAILED", reason="disk full")
    rollout.report(2, "FAILED", reason=XSS)
    seen = Browser(rollout.server).get("/jobs/j")
    assert "2 of 3 (66.67 %) 1 more in a row; 1 more must end before it counts" in seen.words
    assert "disk full FAILED 1" in seen.words
    assert f"{XSS} FAILED 1" in seen.words
    assert "<script>alert" not in seen.text
    rollout.report(3, "FAILED", reason="disk full")
    rollout.advance(90)
    words = rollout.page()
    assert "CANCELED An abort criterion was met" in words
    assert "3 of 4 (75.00 %) reached" in words
    assert "disk full FAILED 2" in words
    assert "engine" in words
    assert "Of the devices were to have ended after had ended after 50 %" in words


def test_its_curves_are_numbers_too(rollout: Rollout) -> None:
    rollout.create()
    rollout.report(0, "SUCCEEDED")
    rollout.advance(120)
    text = Browser(rollout.server).get("/jobs/j").text
    table = text.split("Executions over time, by status</caption>")[1].split("</table>")[0]
    rows = [
        [cell.strip() for cell in re.findall(r">([^<>]+)<", row) if cell.strip()] for row in table.split("<tr>")[2:]
    ]
    assert [rows[0][1], *rows[-1][1:3]] == ["5", "10", "1"], "released, released and succeeded"
    assert text.count('<svg class="chart"') == 2
    with Browser(rollout.server).events("/jobs/j") as events:
        assert 'class="line planned"' in events.until("planned: the forecast", "progress")


def test_devices_come_page_by_page_and_by_status(rollout: Rollout) -> None:
    for number in range(10, 130):
        rollout.iot.create_thing(thingName=f"t{number}")
        rollout.iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{number}")
    rollout.create(jobExecutionsRolloutConfig={"maximumPerMinute": 1000})
    rollout.report(7, "SUCCEEDED")
    browser, path, found = Browser(rollout.server), "/jobs/j", []
    while path:
        text = browser.get(path).text
        found += re.findall(r'href="/jobs/j/things/([^"]+)"', text)
        following = re.search(r'rel="next" href="([^"#]+)', text)
        path = following[1].replace("&amp;", "&") if following else ""
    assert sorted(found) == sorted(f"t{number}" for number in range(130))
    only = browser.get("/jobs/j?status=SUCCEEDED").text
    assert re.findall(r'href="/jobs/j/things/([^"]+)"', only) == ["t7"]


def test_an_execution_has_a_page_with_its_reason(rollout: Rollout) -> None:
    rollout.create()
    assert "Its device has never connected over MQTT" in rollout.page("/jobs/j/things/t0")
    rollout.report(0, "FAILED", reason=XSS)
    seen = Browser(rollout.server).get("/jobs/j/things/t0")
    assert "Execution 1 is FAILED" in seen.words
    assert XSS in seen.words
    assert "<script>alert" not in seen.text
    assert Browser(rollout.server).get("/jobs/j/things/t9").status == 404
    assert Browser(rollout.server).get("/jobs/nothing").status == 404


def test_it_changes_while_somebody_looks(rollout: Rollout) -> None:
    rollout.create()
    browser = Browser(rollout.server)
    with browser.events("/jobs/j") as events:
        events.until("5 queued", "state")
        rollout.report(1, "FAILED", reason="disk full")
        events.until("1 failed", "state")
    with browser.events("/jobs/j") as events:
        events.until("disk full", "failures")
        rollout.iot.cancel_job(jobId="j", force=True)
        events.until("CancelJob", "timeline")


def test_who_may_not_know_why_is_told_so(tmp_path: Path) -> None:
    with started(options(tmp_path, console=ANY, auth=True, region="eu-west-1")) as guarded:
        admin = admit(guarded)
        iot = guarded.client("iot", aws_access_key_id=admin, aws_secret_access_key=SECRET)
        arn = iot.create_thing(thingName="t")["thingArn"]
        iot.create_job(jobId="j", targets=[arn], document="{}")
        browser = Browser(guarded)
        seen = browser.sign_in(admit(guarded, "iot:DescribeJob", "iot:ListJobExecutionsForJob"), SECRET, "/jobs/j")
        assert (seen.status, "tidegate:ExplainJob" in seen.words, "tidegate:ReadAudit" in seen.words) == (
            200,
            True,
            True,
        )
        assert browser.get("/jobs/j/things/t").status == 403
        assert (
            "CreateJob arn:aws:iam::000000000000:user/operator"
            in Browser(guarded).sign_in(admin, SECRET, "/jobs/j").words
        )
