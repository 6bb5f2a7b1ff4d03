"""Who gets in, until when, and what a page of another site can do with it: nothing."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.console.browser import Browser
from tests.operators import admitted
from tests.servers import ANY, Started, options, started
from tidegate.clock import SequentialIds
from tidegate.console import sessions as chapter
from tidegate.console.sessions import Sessions
from tidegate.ops import audit, iam
from tidegate.server import Address
from tidegate.store import keys

SECRET = "a-secret-of-forty-characters-0123456789"
_numbers = itertools.count(1)


def admit(server: Started, *actions: str) -> str:
    """A new operator with a key, who may do everything or some actions only; the key's id."""
    number = next(_numbers)
    key_id, principal = f"AKIACONSOLE{number:09d}", f"arn:aws:iam::000000000000:user/operator{number}"
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policies = {"own": json.dumps({"Version": "2012-10-17", "Statement": [statement]})} if actions else None
    admitted(server, key_id, SECRET, principal, **({} if policies is None else {"policies": policies}))
    return key_id


@pytest.fixture
def browser(guarded: Started) -> Browser:
    return Browser(guarded)


def test_nobody_sees_anything_before(browser: Browser) -> None:
    seen = browser.request("GET", "/jobs?status=FAILED")
    assert (seen.status, seen.headers["location"]) == (303, "/sign-in?next=%2Fjobs%3Fstatus%3DFAILED")
    assert "Sign in" in browser.get("/jobs").words
    with browser.events("/jobs") as events:
        assert events.status == 303


def test_a_key_and_its_secret_let_in(guarded: Started, browser: Browser) -> None:
    key_id = admit(guarded)
    browser.get("/jobs")
    before = dict(browser.cookies)
    answer = browser.post("/sign-in", follow=False, key=key_id, secret=SECRET, next="/jobs?status=SCHEDULED")
    assert (answer.status, answer.headers["location"]) == (303, "/jobs?status=SCHEDULED")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; ")), cookie
    assert browser.cookies != before, "a session has an id that nobody knew before"
    seen = browser.get("/jobs")
    assert "user/operator" in seen.words
    assert SECRET not in seen.text + str(browser.cookies) + str(answer)
    assert "script-src 'self'" in seen.headers["content-security-policy"]
    assert seen.headers["cache-control"] == "no-store"
    assert ("tidegate:SignIn", key_id, "console") in noted(guarded)


def noted(server: Started) -> list[tuple[str, str, str]]:
    """The audit log's unsealed and sealed entries: operation, key, edge."""
    unit = server.running.service.unit

    def read(tx) -> list[audit.Entry]:  # type: ignore[no-untyped-def]
        sealed = [audit.read(bytes(one.entry).decode()) for one in audit.exported(tx, 0)]
        return sealed + [audit.read(text) for text in audit.unsealed(tx)]

    return [(one.operation, one.access_key_id, one.edge) for one in server.on_loop(lambda: unit.read(read))]


@pytest.mark.parametrize(("secret", "session"), [("another", ""), ("", ""), (SECRET, "a-token"), ("\x00ü", "")])
def test_nothing_else_does(guarded: Started, browser: Browser, secret: str, session: str) -> None:
    key_id = admit(guarded)
    browser.get("/jobs")
    answer = browser.post("/sign-in", key=key_id, secret=secret, session=session, next="/jobs")
    assert (answer.status, "do not go together" in answer.words) == (403, True)
    assert "Sign in" in browser.get("/jobs").words


@pytest.mark.parametrize("key_id", ["AKIANOBODY", "", "\x00", "<b>"])
def test_made_up_keys_do_not(browser: Browser, key_id: str) -> None:
    browser.get("/jobs")
    assert browser.post("/sign-in", key=key_id, secret=SECRET).status == 403


@pytest.mark.parametrize("wanted", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "\\\\e"])
def test_it_leads_to_pages_of_its_own_only(guarded: Started, browser: Browser, wanted: str) -> None:
    key_id = admit(guarded)
    browser.get("/jobs")
    assert browser.post("/sign-in", follow=False, key=key_id, secret=SECRET, next=wanted).headers["location"] == "/"


def test_signing_out_ends_it_at_once(guarded: Started, browser: Browser) -> None:
    browser.sign_in(admit(guarded), SECRET)
    stolen = Browser(guarded)
    stolen.cookies = dict(browser.cookies)
    with stolen.events("/jobs") as events:
        assert events.next() is not None
        assert "Sign in" in browser.post("/sign-out").words
        assert "Sign in" in stolen.get("/jobs").words


def test_it_ends_with_its_key(guarded: Started, browser: Browser) -> None:
    key_id = admit(guarded)
    browser.sign_in(key_id, SECRET)
    assert "Jobs" in browser.get("/jobs").words
    access_keys = guarded.running.service.access_keys

    async def revoke() -> None:
        await guarded.running.service.unit.transact(lambda tx: iam.set_key_status(tx, key_id, keys.INACTIVE))
        access_keys.forget()  # as a server does that is told, or a second later

    guarded.on_loop(revoke)
    assert "Sign in" in browser.get("/jobs").words


def test_what_a_policy_does_not_allow_is_refused_in_the_api_s_words(guarded: Started, browser: Browser) -> None:
    seen = browser.sign_in(admit(guarded, "iot:DescribeJob"), SECRET, "/jobs")
    assert seen.status == 403
    assert "is not authorized to perform: iot:ListJobs" in seen.words
    other = Browser(guarded)
    assert other.sign_in(admit(guarded, "iot:ListJobs"), SECRET, "/jobs").status == 200, "without reasons"


def test_a_form_of_another_session_is_refused(guarded: Started, browser: Browser) -> None:
    key_id = admit(guarded)
    browser.sign_in(key_id, SECRET)
    other = Browser(guarded)
    other.sign_in(key_id, SECRET)
    browser.token = other.token
    assert browser.post("/sign-out").status == 403
    assert (
        browser.request("POST", "/sign-out", "", **{"content-type": "application/x-www-form-urlencoded"}).status == 403
    )
    assert "user/operator" in browser.get("/jobs").words


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.test"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_a_stolen_cookie_is_of_no_use_to_a_page_of_another_site(
    guarded: Started, browser: Browser, headers: dict[str, str]
) -> None:
    browser.sign_in(admit(guarded), SECRET)
    token = browser.token
    seen = browser.request("GET", "/jobs", **headers)
    assert (seen.status, "user/operator" in seen.text) == (403, False)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.request("POST", "/sign-out", f"token={token}", **(form | headers)).status == 403
    assert "user/operator" in browser.get("/jobs").words


def test_a_link_from_elsewhere_opens_in_a_second_step(guarded: Started, browser: Browser) -> None:
    browser.sign_in(admit(guarded), SECRET)
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    seen = browser.request("GET", '/jobs?status="><script>', **link)
    assert seen.status == 200
    assert "user/operator" not in seen.text
    assert 'href="/jobs?status=' in seen.text
    assert "<script>" not in seen.text


def test_without_authentication_nobody_is_asked(server: Started) -> None:
    seen = Browser(server).get("/")
    assert "authentication is off" in seen.words
    assert Browser(server).request("GET", "/", host="evil.test").status == 403, "a rebound name"


@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "//", "/jobs/%ff", "/static/", "/static/../app.py", "/%2e%2e"])
def test_there_is_no_such_page(server: Started, path: str) -> None:
    assert Browser(server).request("GET", path).status == 404


def test_sessions_end_by_themselves_and_are_bounded(guarded: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id, time = admit(guarded), [0.0]
    monkeypatch.setattr(chapter, "MOST", 3)

    async def drive() -> None:
        sessions = Sessions(guarded.running.service.access_keys, SequentialIds(), lambda: time[0])

        async def begin() -> str:
            return (await sessions.sign_in(key_id, SECRET, None, "127.0.0.1"))[0]

        rests, busy = await begin(), await begin()
        for _ in range(5):
            time[0] += 0.9 * chapter.IDLE_S
            assert await sessions.holder(busy) is not None
        assert await sessions.holder(rests) is None, "it rested too long"
        time[0] = chapter.LASTS_S + 1
        assert await sessions.holder(busy) is None, "it lasted too long"
        first, *others = [await begin() for _ in range(4)]
        assert len(sessions) == 3
        assert [await sessions.holder(each) is not None for each in (first, *others)] == [False, True, True, True]

    guarded.on_loop(drive)


def test_a_port_that_nobody_chose_may_be_taken(server: Started, tmp_path: Path) -> None:
    taken = Address("127.0.0.1", urlsplit(server.addresses.console or "").port or 0)
    with started(options(tmp_path / "a", console=taken, console_anywhere=True)) as second:
        assert second.addresses.console != server.addresses.console
        assert "Jobs" in Browser(second).get("/").words
    with pytest.raises(OSError, match="--console HOST:PORT"), started(options(tmp_path / "b", console=taken)):
        pass


def test_over_tls_cookies_are_for_tls_alone(tmp_path: Path) -> None:
    with started(options(tmp_path, console=ANY, console_tls=True)) as secure:
        place = urlsplit(secure.addresses.console or "")
        context = ssl.create_default_context(cafile=secure.addresses.ca)
        connection = http.client.HTTPSConnection(place.hostname or "", place.port, context=context)
        connection.request("GET", "/jobs")
        cookie = connection.getresponse().headers["set-cookie"]
        connection.close()
    assert (place.scheme, cookie.startswith("__Host-"), "Secure" in cookie) == ("https", True, True)
