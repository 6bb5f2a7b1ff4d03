"""An endpoint that stands before another and alters one of its answers: a broken implementation, on purpose."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """What an endpoint answers."""

    status: int
    headers: dict[str, str]
    body: bytes


class Mutation(NamedTuple):
    """Which answers are altered, and how."""

    name: str
    method: str
    path: str
    """A pattern of the whole path, without the query."""
    alter: Callable[[Answer], Answer]
    only: str
    """Patterns of expectations of which one must notice."""


def members(change: Callable[[Any], Any]) -> Callable[[Answer], Answer]:
    """Alter the JSON of a successful answer."""

    def alter(answer: Answer) -> Answer:
        if answer.status != 200 or not answer.body:
            return answer
        content = json.loads(answer.body)
        change(content)
        return answer._replace(body=json.dumps(content).encode())

    return alter


def renamed(error: str, to: str, status: int) -> Callable[[Answer], Answer]:
    """Another error code and status in place of one."""

    def alter(answer: Answer) -> Answer:
        if not answer.headers.get("x-amzn-errortype", "").startswith(error):
            return answer
        return answer._replace(status=status, headers={**answer.headers, "x-amzn-errortype": to})

    return alter


def taken(body: bytes = b"{}") -> Callable[[Answer], Answer]:
    """A refusal that becomes a 200."""
    return lambda answer: Answer(200, {}, body) if 400 <= answer.status < 500 else answer


def reworded(answer: Answer) -> Answer:
    """Every message of an error in other words."""
    if answer.status < 400:
        return answer
    return answer._replace(body=json.dumps({**json.loads(answer.body), "message": "It did not work."}).encode())


@contextmanager
def altering(to: str, mutation: Mutation) -> Iterator[str]:
    """The URL of an endpoint that passes everything on to another, and alters what a mutation says."""
    target = urlsplit(to).netloc
    wanted = re.compile(mutation.path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            connection = http.client.HTTPConnection(target, timeout=300)
            connection.request(self.command, self.path, self.rfile.read(length), dict(self.headers.items()))
            with connection.getresponse() as response:
                headers = {name.lower(): value for name, value in response.getheaders()}
                answer = Answer(response.status, headers, response.read())
            connection.close()
            if self.command == mutation.method and wanted.fullmatch(urlsplit(self.path).path):
                answer = mutation.alter(answer)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
