"""Pages of other sites in front of a server without authentication, on every listener; and what names no one Host."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from tests.servers import Started, options, started
from tidegate import rate_limited_log

LISTENERS = ("http", "https", "shared", "objects")
REFUSED = [
    {"Host": "evil.test"},
    {"Host": "iot.us-east-1.evil.test"},
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


def ask(server: Started, listener: str, request: str) -> tuple[int, str]:
    """Send a request of one's own making; the status and all of the answer."""
    parts = urlsplit(getattr(server.addresses, listener))
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port), 20) as plain:
        connection: socket.socket = plain
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=server.addresses.ca)
            connection = context.wrap_socket(plain, server_hostname="localhost")
        with connection:
            connection.sendall(request.encode())
            answer = b""
            while data := connection.recv(65_536):
                answer += data
    return int(answer.split(b" ", 2)[1]), answer.decode()


def request(path: str = "/", method: str = "GET", version: str = "1.1", **headers: str) -> str:
    named = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"{method} {path} HTTP/{version}\r\n{lines}Connection: close\r\n\r\n"


@pytest.mark.parametrize("headers", REFUSED, ids=str)
@pytest.mark.parametrize("listener", LISTENERS)
def test_pages_of_other_sites(server: Started, listener: str, headers: dict[str, str]) -> None:
    path = "/bucket-of-a-page" if listener == "objects" else "/things/made-by-a-page/jobs"
    for method in ("GET", "PUT", "POST", "DELETE"):
        status, answer = ask(server, listener, request(path, method, **headers))
        assert status == 403
        assert ("<Code>AccessDenied</Code>" if listener == "objects" else "AccessDeniedException") in answer
    assert ask(server, listener, request(path))[0] != 403


@pytest.mark.parametrize("headers", REFUSED, ids=str)
@pytest.mark.parametrize("page", ["/metrics", "/_tidegate/health", "/_tidegate/clock", "/_tidegate/reset", "/mqtt"])
def test_the_servers_own_pages(server: Started, page: str, headers: dict[str, str]) -> None:
    assert ask(server, "http", request(page, "POST" if page.endswith("reset") else "GET", **headers))[0] == 403


@pytest.mark.parametrize("listener", ["http", "https", "shared"])
def test_websocket_handshakes(server: Started, listener: str) -> None:
    shake = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    for headers in REFUSED:
        sent = request("/mqtt", **shake, **headers).replace("Connection: close", "Connection: Upgrade, close")
        assert ask(server, listener, sent)[0] == 403


@pytest.mark.parametrize("authentication", ["server", "guarded"])
@pytest.mark.parametrize("listener", LISTENERS)
def test_a_request_has_one_host(listener: str, authentication: str, request: pytest.FixtureRequest) -> None:
    server: Started = request.getfixturevalue(authentication)
    for head in (
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n",
        "GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://localhost/ HTTP/1.0\r\n",
    ):
        status, answer = ask(server, listener, head + "\r\n")
        assert status == 400
        assert "Host header" in answer
        assert ("<Code>InvalidRequest</Code>" if listener == "objects" else "InvalidRequestException") in answer


def test_the_absolute_form_is_judged_by_the_host_it_names(server: Started) -> None:
    assert ask(server, "http", request("http://localhost/_tidegate/health"))[0] == 200
    assert ask(server, "http", request("http://evil.test/_tidegate/health", Host="evil.test"))[0] == 403


def test_with_authentication_pages_that_ask_for_no_signature_are_told_to_no_strange_name(guarded: Started) -> None:
    for page in ("/metrics", "/_tidegate/health", "/_tidegate/clock"):
        assert ask(guarded, "http", request(page, Host="evil.test"))[0] == 403
        for host in ("localhost", "tidegate:8080", "192.168.1.9:8080", "10.0.0.1"):
            assert ask(guarded, "http", request(page, Host=host, Origin="http://monitor.test"))[0] == 200
    status, answer = ask(guarded, "http", request("/things", Host="evil.test", Sec_Fetch_Site="cross-site"))
    assert (status, "MissingAuthenticationToken" in answer) == (403, True)


def test_names_that_the_operator_gives(tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted = options(tmp_path_factory.mktemp("named"), names=("gate.test",), objects_url="https://files.test")
    with started(wanted) as named:
        for listener in LISTENERS:
            path = "/" if listener == "objects" else "/things/t/jobs"
            for headers in (
                {"Host": "gate.test"},
                {"Host": "below.gate.test:99"},
                {"Host": "files.test"},
                {"Origin": "https://gate.test:3000", "Sec-Fetch-Site": "cross-site"},
            ):
                status, answer = ask(named, listener, request(path, **headers))
                assert (status, "AccessDenied" in answer) != (403, True), (listener, headers)
                assert status != 400


def test_the_log_has_one_line_a_cause(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limited_log, "_MINUTE_S", 1e9)
    caplog.set_level(logging.WARNING)
    with started(options(tmp_path_factory.mktemp("quiet"))) as quiet:
        for listener in ("http", "objects"):
            caplog.clear()
            for number in range(5):
                ask(quiet, listener, request(Host=f"evil{number}.test"))
                ask(quiet, listener, request(Origin="null"))
            assert len(caplog.messages) == 2
            assert "--name evil0.test" in caplog.messages[0]


def test_the_answer_tells_what_to_do(server: Started) -> None:
    status, headers, body = server.fetch("/things", headers={"Host": "gate.test"})
    assert status == 403
    assert headers["x-amzn-errortype"] == "AccessDeniedException:"
    assert "--name gate.test" in json.loads(body)["message"]
    assert headers["x-amzn-requestid"] == json.loads(body)["traceId"]


def test_objects_served_by_a_process_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    with started(options(tmp_path_factory.mktemp("apart"), objects_apart=True)) as apart:
        assert [ask(apart, "objects", request(**headers))[0] for headers in REFUSED] == [403] * len(REFUSED)
        assert ask(apart, "objects", request())[0] == 200
