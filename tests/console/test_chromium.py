"""The console in a real Chromium, as an operator uses it: watching, keys alone, what axe finds, what others wrote."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.console.chromium import CHROMIUM, Window, window
from tests.console.test_job import ABORT
from tests.console.test_sign_in import SECRET, admit
from tests.servers import ANY, Started, options, started

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

AXE = files("axe_core_python").joinpath("axe.min.js")
VIOLATIONS = """axe.run({resultTypes: ["violations"]})
  .then(found => found.violations.map(each => [each.id, each.impact, each.nodes[0].html]))"""
TOO_WIDE = """[...document.body.querySelectorAll("*")].filter(each => each.getBoundingClientRect().right > 361)
  .map(each => each.outerHTML.slice(0, 100)).slice(0, 5).join("; ")"""
EVIL = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>\"'{{7*7}}"


class World:
    """A guarded server with a group of ten things, and a browser."""

    def __init__(self, server: Started, browser: Window) -> None:
        self.server = server
        self.browser = browser
        self.place = server.addresses.console or ""
        self.key = admit(server)
        own = {"aws_access_key_id": self.key, "aws_secret_access_key": SECRET}
        self.iot, self.data = server.client("iot", **own), server.client("iot-jobs-data", **own)
        self.group: str = self.iot.create_thing_group(thingGroupName="all")["thingGroupArn"]
        for number in range(10):
            self.iot.create_thing(thingName=f"t{number}")
            self.iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{number}")

    def create(self, name: str, **members: Any) -> None:
        given: dict[str, Any] = {"abortConfig": ABORT, "jobExecutionsRolloutConfig": {"maximumPerMinute": 5}}
        self.iot.create_job(jobId=name, targets=[self.group], document="{}", **(given | members))
        self.advance(1)

    def advance(self, seconds: int) -> None:
        self.server.on_loop(lambda: self.server.running.timeline.advance(seconds * 1000))

    def report(self, job: str, thing: int, status: str, **details: str) -> None:
        found = self.data.start_next_pending_job_execution(thingName=f"t{thing}")
        assert found["execution"]["jobId"] == job
        self.data.update_job_execution(jobId=job, thingName=f"t{thing}", status=status, statusDetails=details)

    def open(self, path: str) -> None:
        self.browser.open(self.place + path)

    def signed_in(self) -> None:
        """Sign in with what a keyboard has, unless that was done before."""
        self.open("/jobs")
        if "Sign in" not in self.browser.words:
            return
        self.browser.type(self.key)  # the first field has the focus
        self.browser.press("Tab")
        self.browser.type(SECRET)
        self.browser.press("Enter")
        self.browser.sees("Sign out")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    wanted = options(tmp_path_factory.mktemp("server"), console=ANY, auth=True, clock="movable", region="eu-west-1")
    with started(wanted) as server, window(tmp_path_factory.mktemp("browser")) as browser:
        yield World(server, browser)


def test_a_rollout_is_foreseen_created_and_watched_until_it_aborts(world: World) -> None:
    browser = world.browser
    world.iot.create_job_template(
        jobTemplateId="careful",
        description="Five a minute",
        document="{}",
        abortConfig=ABORT,
        jobExecutionsRolloutConfig={"maximumPerMinute": 5},
    )
    world.signed_in()
    world.open("/templates/careful")
    browser.sees("cancel when 50 % or more failed")
    for name, text in (("New job of it", ""), ("Job id", "watched"), ("Thing groups", "all"), ("Forecast", "")):
        browser.tab_to(name)
        browser.type(text) if text else browser.press("Enter")
        browser.settled()
    browser.sees("What it would do to 10 devices")
    browser.tab_to("Create the job")
    browser.press("Enter")
    browser.sees("IN PROGRESS")
    world.advance(1)
    browser.sees("5 queued")
    browser.sees("planned: the forecast")
    browser.sees("Live.")
    world.report("watched", 0, "SUCCEEDED")
    browser.sees("1 succeeded")
    for number in (1, 2, 3):
        world.report("watched", number, "FAILED", reason="disk full")
    browser.sees("An abort criterion was met")
    browser.sees("disk full")
    browser.sees("reached")
    browser.sees("engine")
    assert browser.errors == []


def test_a_keyboard_is_enough(world: World) -> None:
    browser = world.browser
    world.create("keys")
    world.signed_in()
    world.open("/jobs")
    browser.tab_to("Skip to content")
    browser.tab_to("keys")
    browser.press("Enter")
    browser.sees("Distance to an abort")
    browser.tab_to("The same in numbers")
    browser.press("Enter")
    browser.sees("After released")
    browser.tab_to("Cancel …")
    browser.press("Enter")
    browser.sees("5 executions that wait are canceled")
    browser.tab_to("With force")
    browser.press(" ")
    browser.tab_to("Comment")
    browser.type("by keyboard")
    browser.tab_to("Cancel the job")
    browser.press("Enter")
    browser.sees("CANCELED")
    assert world.iot.describe_job(jobId="keys")["job"]["comment"] == "by keyboard"
    assert browser.errors == []


PAGES = (
    "/sign-in",
    "/jobs",
    "/jobs?status=COMPLETED",
    "/jobs/seen",
    "/jobs/seen/cancel",
    "/jobs/seen/retry",
    "/jobs/seen/things/t0",
    "/jobs/new?template=evil",
    "/templates",
    "/templates/evil",
    "/things",
    "/things/t0",
    "/groups",
    "/groups/all",
    "/packages",
    "/packages/evil",
    "/provisioning",
    "/nothing",
)


@pytest.fixture(scope="module")
def evil(world: World) -> World:
    """Everything that takes a text has one that would like to be more."""
    iot = world.iot
    iot.create_job_template(jobTemplateId="evil", description=EVIL, document=json.dumps({"do": EVIL}))
    iot.create_package(packageName="evil", description=EVIL)
    world.create("seen", description=EVIL)
    world.report("seen", 0, "FAILED", reason=EVIL)
    world.report("seen", 1, "SUCCEEDED", note=EVIL)
    iot.cancel_job(jobId="seen", comment=EVIL)
    shadows = world.server.client("iot-data", aws_access_key_id=world.key, aws_secret_access_key=SECRET)
    shadows.update_thing_shadow(thingName="t0", payload=json.dumps({"state": {"desired": {"say": EVIL}}}))
    world.signed_in()
    return world


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_no_script_of_others_runs(evil: World, path: str) -> None:
    """In light and in dark, on a desk and on a phone."""
    browser = evil.browser
    browser.command("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=False)
    evil.open(path)
    assert browser.run("document.documentElement.scrollWidth") <= 360, browser.run(TOO_WIDE)
    browser.run(AXE.read_text() + "; true")
    for scheme in ("light", "dark"):
        browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert browser.run(VIOLATIONS) == [], scheme
    browser.command("Emulation.clearDeviceMetricsOverride")
    assert browser.run("window.hit") is None
    errors, browser.errors = browser.errors, []
    assert [each for each in errors if "404" not in each] == []


FOREIGN = """<!doctype html><title>foreign</title><body><script>
const place = "PLACE", got = [];
const soon = promise => Promise.race([promise, new Promise(done => setTimeout(done, 3000))]);
const ask = async (what, path, options) => {
  try {
    const answer = await fetch(place + path, {credentials: "include", ...options});
    got.push(what + (await answer.text()).length);
  } catch (error) {}
};
const submit = (path, fields) => new Promise(done => {
  const frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = "frame";
  Object.assign(form, {action: place + path, method: "post", target: "frame"});
  for (const [name, value] of fields) form.append(Object.assign(document.createElement("input"), {name, value}));
  document.body.append(frame, form);
  frame.onload = done;
  form.submit();
});
const events = path => new Promise(done => {
  const made = new EventSource(place + path, {withCredentials: true});
  made.onopen = () => got.push("events");
  made.onerror = () => { made.close(); done(); };
});
(async () => {
  await ask("read", "/jobs");
  const body = new URLSearchParams({token: "TOKEN", force: "yes"});
  await ask("act", "/jobs/held/cancel", {method: "POST", mode: "no-cors", body});
  await soon(submit("/jobs/held/cancel", [["token", "TOKEN"], ["force", "yes"]]));
  await soon(submit("/sign-out", [["token", "TOKEN"]]));
  await soon(events("/jobs"));
  window.done = got;
})();
</script>"""


@contextmanager
def foreign(page: str) -> Iterator[str]:
    """A page on another port of this machine, which is the same site to a browser."""

    class Visit(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Visit) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}/"
        finally:
            served.shutdown()
            thread.join()


def test_a_page_of_another_origin_does_nothing_with_the_cookie(world: World) -> None:
    """Not even with the token of a form, stolen with it."""
    world.create("held")
    world.signed_in()
    world.open("/jobs/held/cancel")
    token = world.browser.run("document.querySelector('input[name=token]').value")
    assert urlsplit(world.place).hostname == "127.0.0.1"
    with foreign(FOREIGN.replace("PLACE", world.place).replace("TOKEN", token)) as url:
        world.browser.open(url)
        assert world.browser.until("window.done && JSON.stringify(window.done)") in ("[]", '["act0"]')
    assert world.iot.describe_job(jobId="held")["job"]["status"] == "IN_PROGRESS"
    world.open("/jobs")
    world.browser.sees("Sign out")
    world.browser.errors.clear()
