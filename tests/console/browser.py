"""What a browser does, without one: cookies, forms with their tokens, events."""

from __future__ import annotations

import html
import http.client
import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from tests.servers import PATIENCE_S, Started

_TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Seen(NamedTuple):
    """An answer: ``text`` is the page."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def words(self) -> str:
        """What a reader sees of it, on one line."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


class Browser:
    """One window of a browser with cookies of its own."""

    def __init__(self, server: Started) -> None:
        assert server.addresses.console is not None
        self.place = urlsplit(server.addresses.console)
        self.cookies: dict[str, str] = {}
        self.token = ""

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> Seen:
        connection = http.client.HTTPConnection(self.place.netloc, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, self._headers() | headers)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("set-cookie") or ():
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            seen = Seen(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode())
        finally:
            connection.close()
        found = _TOKEN.search(seen.text)
        if found:
            self.token = found[1]
        return seen

    def _headers(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def get(self, path: str, **headers: str) -> Seen:
        """A page, behind all redirections."""
        seen = self.request("GET", path, **headers)
        return self.get(seen.headers["location"]) if seen.status == 303 else seen

    def post(self, path: str, *, follow: bool = True, **fields: Any) -> Seen:
        """Send a form as the page that was looked at last has it."""
        body = urlencode({"token": self.token, **fields}, doseq=True)
        kind = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://{self.place.netloc}"}
        seen = self.request("POST", path, body, **kind)
        return self.get(seen.headers["location"]) if follow and seen.status == 303 else seen

    def sign_in(self, key_id: str, secret: str, path: str = "/") -> Seen:
        self.get(path)
        return self.post("/sign-in", key=key_id, secret=secret, next=path)

    def events(self, path: str) -> Events:
        """What a page that is open is told."""
        return Events(self, path)


class Events:
    """Server-sent events, until the block is left."""

    def __init__(self, browser: Browser, path: str) -> None:
        self._connection = http.client.HTTPConnection(browser.place.netloc, timeout=PATIENCE_S)
        self._connection.request("GET", path, headers=browser._headers() | {"accept": "text/event-stream"})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()

    def next(self) -> dict[str, str] | None:
        """The next parts that changed; None if there are no more events."""
        while line := self._answer.readline():
            if line.startswith(b"data: "):
                found: dict[str, str] = json.loads(line[6:])
                return found
        return None

    def until(self, text: str, part: str = "list") -> str:
        """Wait for a part that says something."""
        while (parts := self.next()) is not None:
            if text in parts.get(part, ""):
                return parts[part]
        raise AssertionError(f"the events ended before {text!r} came")
