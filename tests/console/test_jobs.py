"""The list of jobs: what it says, and that it goes on saying it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.console.browser import Browser
from tests.servers import Started

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class _Dangers(HTMLParser):
    """What a browser would run, or load from elsewhere."""

    found: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        inline = tag == "script" and not (given.get("src") or "").startswith("/static/")
        if (
            inline
            or tag in ("img", "iframe", "object")
            or any(name.startswith("on") or name == "style" for name in given)
        ):
            self.found.append(self.get_starttag_text() or tag)


def dangers(text: str) -> list[str]:
    """The elements of a page that must not be there."""
    parser = _Dangers()
    parser.found = []
    parser.feed(text)
    return parser.found


@pytest.fixture
def iot(server: Started) -> Any:
    server.fetch("/_tidegate/reset", "POST")
    return server.client("iot")


def jobs(iot: Any, *names: str, **members: Any) -> None:
    arn = iot.create_thing(thingName="lamp")["thingArn"]
    for name in names:
        iot.create_job(jobId=name, targets=[arn], document="{}", **members)


def test_each_job_stands_there_with_its_state_in_words(server: Started, iot: Any) -> None:
    jobs(iot, "first", description=XSS)
    later = datetime.now(UTC) + timedelta(days=30)
    jobs(iot, "second", schedulingConfig={"startTime": later.strftime("%Y-%m-%d %H:%M")})
    server.fetch("/_tidegate/clock", "POST", {"advance": 1})
    seen = Browser(server).get("/jobs")
    assert "Everything is released: 1 executions are QUEUED and 0 IN_PROGRESS. 1 queued." in seen.words
    assert "Its startTime has not come. No execution yet." in seen.words
    assert XSS in seen.words
    assert dangers(seen.text) == []
    only = Browser(server).get("/jobs?status=SCHEDULED").text
    assert ['href="/jobs/second"' in only, 'href="/jobs/first"' in only] == [True, False]


def test_it_goes_through_all_of_them_page_by_page(server: Started, iot: Any) -> None:
    jobs(iot, *(f"job{number:02}" for number in range(60)))
    browser, found, path = Browser(server), [], "/jobs"
    for _ in range(3):
        text = browser.get(path).text
        found += re.findall(r'href="/jobs/(job[^"]+)"', text)
        path = text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in text else ""
    assert found == [f"job{number:02}" for number in reversed(range(60))]
    assert not path
    assert browser.get("/jobs?after=nonsense").status == 400


def test_who_looks_sees_what_changes(server: Started, iot: Any) -> None:
    jobs(iot, "watched")
    with Browser(server).events("/jobs") as events:
        events.until("watched")
        iot.cancel_job(jobId="watched", comment=XSS)
        told = events.until("CANCELED")
        assert "<script>alert" not in told


def test_regions_are_kept_apart_and_can_be_chosen(server: Started, iot: Any) -> None:
    jobs(iot, "here")
    far = server.client("iot", region_name="ap-south-1")
    jobs(far, "there")
    browser = Browser(server)
    assert "there" not in browser.get("/jobs").words
    words = browser.post("/region", region="ap-south-1", next="/jobs").words
    assert "there" in words
    assert "here" not in words.replace("there", "")
    assert "here" in browser.post("/region", region='x";<', next="/jobs").words, "what is none is the server's own"
