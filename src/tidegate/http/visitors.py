"""Keeps web pages out that have no business here, before anything else looks at a request (``net.pages``)."""

from __future__ import annotations

import logging

from tidegate.clock import Ids
from tidegate.http import control
from tidegate.net import pages
from tidegate.net.http1.messages import Answer, Request
from tidegate.net.pages import Names, Refusal
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.wire import protocol
from tidegate.wire.errors import AccessDeniedException

log = logging.getLogger("tidegate.access")


class Guard:
    """Judges the requests of a server's listeners.

    With authentication on, a page would have to sign; only the server's own pages, which ask for no signature, are kept
    from names that are not the server's.
    """

    def __init__(self, own: Names, ids: Ids, *, auth: bool) -> None:
        self._own = own
        self._ids = ids
        self._auth = auth
        self._limited_log = RateLimitedLog(log)

    def refuse(self, request: Request) -> Answer | None:
        """The answer to a request that must not go further; None lets it pass."""
        if self._auth and not control.is_page(request):
            return None
        host = request.header(b"host")
        name = None if host is None else host.decode("latin-1")
        if self._auth:
            found = pages.host_refusal(self._own, name)
        else:
            found = pages.refusal(self._own, name, _all(request, b"origin"), _all(request, b"sec-fetch-site"))
        return None if found is None else self._answer(request, found)

    def _answer(self, request: Request, found: Refusal) -> Answer:
        address = request.peer.address
        self._limited_log.warning("refused a request from %s by its %s: %s", address, *found, kind=found.cause)
        request_id = self._ids.uuid()
        status, headers, body = protocol.encode_error(AccessDeniedException(found.message), request_id)
        return status, [*headers, (b"x-amzn-RequestId", request_id.encode())], body


def _all(request: Request, wanted: bytes) -> str | None:
    """Every value of a header, joined; None if there is none."""
    values = [value for name, value in request.headers if name == wanted]
    return b",".join(values).decode("latin-1") if values else None
