"""The operator's HTTP service that answers for a custom authorizer."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

from tidegate.net import hooks


class Service:
    """The operator's service. ``answer(event)`` is what it says; ``events`` are what it was asked."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.allowed = ["iot:*", "iotjobsdata:*"]
        self.answer: Callable[[dict[str, Any]], Any] = self.yes
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["X-Tidegate-Signature"] == hooks.sign(b"shared", body)
                outer.events.append(json.loads(body))
                said = json.dumps(outer.answer(outer.events[-1])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def yes(self, event: dict[str, Any]) -> Any:
        statement = {"Effect": "Allow", "Action": self.allowed, "Resource": "*"}
        return {
            "isAuthenticated": event.get("token") == "right" or "mqtt" in event["protocolData"],
            "principalId": "pump1",
            "policyDocuments": [{"Version": "2012-10-17", "Statement": [statement]}],
            "disconnectAfterInSeconds": 86_400,
            "refreshAfterInSeconds": 300,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/auth"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
