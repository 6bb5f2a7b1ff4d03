"""The server's own pages, beside AWS's routes: health, metrics, and with them the levers a test suite pulls.

``GET /_tidegate/health``, ``GET /metrics``, ``POST /_tidegate/reset``, ``GET`` and ``POST /_tidegate/clock``,
``GET /_tidegate/audit``, ``GET /_tidegate/why``, ``POST /_tidegate/forecast``, ``/_tidegate/faults``, and those of
``http.own``. No AWS route begins like these. They are not served to devices.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tidegate.aws import sigv4
from tidegate.clock import Millis, MovableClock, wall_now
from tidegate.core import audit
from tidegate.http import callers, injection, operators, own, refusals
from tidegate.http.callers import Caller
from tidegate.http.forecasts import Forecasts
from tidegate.http.own import OwnPages
from tidegate.net.http1.messages import Answer, Request
from tidegate.ops import audit as audit_log
from tidegate.ops import why
from tidegate.ops.audit import Entry, Wanted
from tidegate.ops.forecast import RefusedError
from tidegate.ops.why import Asked
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime import metrics
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.runtime.timeline import LATEST, FixedClock, Moment, OutOfCalendar, Timeline
from tidegate.store import scopes
from tidegate.store.database import Lane, StoreError, in_lane, locks_rows
from tidegate.wire import protocol
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.http")

_JSON = (b"Content-Type", b"application/json")
_HEALTH_S = 1.5
"""How long the store may take; whoever watches us will not wait much longer."""
_UNWRITABLE = "It takes no write; the log says why."
_UNREADABLE = "Their index cannot be read; the log says why."
_MOVE_CLOCK = "tidegate:MoveClock"
READ_AUDIT = "tidegate:ReadAudit"
EXPLAIN = "tidegate:ExplainJob"
FORECAST = "tidegate:Forecast"
"""The permissions, on ``*``, that the clock, the audit log, reasons and forecasts take with authentication on."""
_ENTRIES = 500
"""Looked through for one page."""
_DIGITS = 18


class _Refused(Exception):  # noqa: N818 - carries an answer
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def is_page(request: Request) -> bool:
    """Whether a request is for a page of the server's own."""
    path = request.raw_path
    return (path == b"/metrics" or path.startswith(b"/_tidegate/")) and not request.peer.device


class Control:
    """The pages of one server."""

    def __init__(
        self,
        service: Service,
        timeline: Timeline,
        counted: Metrics,
        *,
        auth: bool,
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        """``reset`` empties the store and everything the edges remember of it."""
        self._service = service
        self._timeline = timeline
        self._counted = counted
        self._auth = auth
        self._keys = callers.Keys(service)
        self._empty = reset
        self._forecasts = Forecasts(service)
        self._limited_log = RateLimitedLog(log)
        self._pages: dict[bytes, dict[str, Callable[[Request, str], Awaitable[Answer]]]] = {
            b"/_tidegate/health": {"GET": self._health},
            b"/_tidegate/ready": {"GET": self._health},
            b"/_tidegate/live": {"GET": self._live},
            b"/_tidegate/reset": {"POST": self._reset},
            b"/_tidegate/clock": {"GET": self._clock, "POST": self._move_clock},
            b"/_tidegate/audit": {"GET": self._audit},
            b"/_tidegate/why": {"GET": self._why},
            b"/_tidegate/forecast": {"POST": self._forecast},
            b"/_tidegate/faults": {"GET": self._faults, "POST": self._inject, "DELETE": self._spare},
            b"/metrics": {"GET": self._metrics},
        }
        pages = OwnPages(service, self._keys, auth=auth)
        for path, methods in own.PAGES.items():
            self._pages[path] = {
                method: lambda request, request_id, name=name: pages.answer(name, request, request_id)  # type: ignore[misc]
                for method, name in methods.items()
            }

    def owns(self, request: Request) -> bool:
        """Whether a request is for one of these pages."""
        return is_page(request)

    async def answer(self, request: Request, request_id: str) -> Answer:
        """Serve a page."""
        page = self._pages.get(request.raw_path)
        if page is None:
            return _json(404, {"message": f"There is no page {request.raw_path.decode('latin-1')}."})
        method = "GET" if request.method == "HEAD" else request.method
        if method not in page:
            status, headers, body = _json(405, {"message": f"Allowed: {', '.join(page)}."})
            return status, [*headers, (b"Allow", ", ".join(page).encode())], body
        try:
            return await page[method](request, request_id)
        except _Refused as refused:
            return _json(refused.status, {"message": str(refused)})
        except WireError as error:
            refusals.note(request, request_id, error, self._service.refusals)
            return protocol.encode_error(error)
        except StoreError as error:
            return _json(503, {"message": f"The store does not answer: {error}"})

    async def _health(self, _request: Request, _id: str) -> Answer:
        """Healthy means that the store takes a write. Why it does not is for the log: anybody may look here."""
        settings = self._service.settings
        touch = in_lane(Lane.IDENTITY, locks_rows(lambda tx: scopes.touch(tx, settings.account, settings.region)))
        try:
            async with asyncio.timeout(_HEALTH_S):
                await self._service.unit.transact(touch)
        except TimeoutError:
            return _json(503, {"status": "unavailable", "store": "It has not answered yet."})
        except StoreError as error:
            self._limited_log.error("the health page found that the store takes no write: %s", error)
            return _json(503, {"status": "unavailable", "store": _UNWRITABLE})
        ailment = None if self._service.objects is None else self._service.objects.ailment()
        if ailment is not None:
            self._limited_log.error("the health page found that objects cannot be served: %s", ailment)
            return _json(503, {"status": "unavailable", "store": "writable", "objects": _UNREADABLE})
        return _json(200, {"status": "ok", "store": "writable"})

    async def _live(self, _request: Request, _id: str) -> Answer:
        """Alive means that the event loop turns: nothing that a restart would not mend is looked at."""
        return _json(200, {"status": "alive"})

    async def _metrics(self, _request: Request, _id: str) -> Answer:
        return 200, [(b"Content-Type", metrics.CONTENT_TYPE)], self._counted.text()

    async def _reset(self, request: Request, request_id: str) -> Answer:
        if self._auth:
            raise _Refused(403, "Only a server that runs with --auth off can be reset.")
        await self._empty()
        await self._note(request, request_id, "Reset", None, {})
        return _json(200, {"status": "reset"})

    async def _audit(self, request: Request, request_id: str) -> Answer:
        """The sealed entries of the caller's account, with authentication off of every account, page by page."""
        account = None
        if self._auth:
            caller, _ = await callers.signed(self._keys, self._service.settings.account, request)
            await operators.check_action(self._service, caller, READ_AUDIT, request)
            account = caller.account
        query = dict(parse_qsl(request.query_string.decode("latin-1")))
        after = query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= _DIGITS):
            raise _Refused(400, "after takes the number of an entry.")
        wanted = Wanted(
            principal=query.get("principal", ""),
            operation=query.get("operation", ""),
            resource=query.get("resource", ""),
            account=account,
        )
        begin = int(after)
        seen = await self._service.unit.read(lambda tx: list(itertools.islice(audit_log.exported(tx, begin), _ENTRIES)))
        found = [one for one in seen if wanted.fits(audit_log.read(bytes(one.entry).decode()))]
        return _json(200, {"entries": found, "next": seen[-1].seq if seen else None})

    async def _why(self, request: Request, _id: str) -> Answer:
        """Why a job (``job``), or its execution on a ``thing``, does not go on; of the caller's account."""
        own = self._service.settings
        account, region = own.account, own.region
        if self._auth:
            caller, _ = await callers.signed(self._keys, own.account, request)
            await operators.check_action(self._service, caller, EXPLAIN, request)
            account, region = caller.account, caller.region
        query = dict(parse_qsl(request.query_string.decode("latin-1")))
        if not query.get("job"):
            raise _Refused(400, "job takes the id of a job; thing, if it is given, the name of a thing.")
        asked = Asked(query.get("account", account), query.get("region", region), query["job"], query.get("thing"))
        if self._auth:
            asked = asked._replace(account=account, region=region)
        now = self._service.clock.now()
        try:
            found = await self._service.unit.read(lambda tx: why.why(tx, asked, now, own.limits))
        except why.UnknownError as error:
            raise _Refused(404, str(error)) from None
        until = None if found.until is None else _iso(found.until)
        return _json(200, {"reason": found.reason, "text": found.text, "until": until, "place": found.place})

    async def _forecast(self, request: Request, _id: str) -> Answer:
        if self._auth:
            caller, _ = await callers.signed(self._keys, self._service.settings.account, request)
            await operators.check_action(self._service, caller, FORECAST, request)
        else:
            caller = callers.claimed(self._service, sigv4.claimed(request.headers, request.query_string), None)
        call = await self._service.call(caller.account, caller.region, caller.principal)
        try:
            return _json(200, await self._forecasts.of(call, request.body))
        except RefusedError as error:
            raise _Refused(400, str(error)) from None

    async def _faults(self, request: Request, _id: str) -> Answer:
        await self._injecting(request)
        return _json(200, injection.shown(self._service))

    async def _inject(self, request: Request, request_id: str) -> Answer:
        caller = await self._injecting(request)
        try:
            chosen = injection.choose(self._service, request.body, apart=self._service.objects_apart)
        except RefusedError as error:
            raise _Refused(400, str(error)) from None
        await self._note(request, request_id, "InjectFaults", caller, {"seed": chosen["faults"]["seed"]})
        return _json(200, chosen)

    async def _spare(self, request: Request, request_id: str) -> Answer:
        caller = await self._injecting(request)
        self._service.inject(None)
        await self._note(request, request_id, "InjectFaults", caller, {})
        return _json(200, injection.shown(self._service))

    async def _injecting(self, request: Request) -> Caller | None:
        """Who chooses faults, or looks at them, and may."""
        if not self._auth:
            return None
        caller, _ = await callers.signed(self._keys, self._service.settings.account, request)
        await operators.check_action(self._service, caller, injection.INJECT, request)
        return caller

    async def _clock(self, _request: Request, _id: str) -> Answer:
        return _moment(await self._timeline.present())

    async def _move_clock(self, request: Request, request_id: str) -> Answer:
        caller = None
        if self._auth:
            caller, _ = await callers.signed(self._keys, self._service.settings.account, request)
            await operators.check_action(self._service, caller, _MOVE_CLOCK, request)
        name, value = _command(request.body)
        if isinstance(self._service.clock, MovableClock):
            await self._note(request, request_id, "MoveClock", caller, {name: value})
        try:
            return _moment(await self._move(name, value))
        except FixedClock:
            message = "This server runs on the system clock. Start it with --clock movable to move time."
            raise _Refused(409, message) from None
        except OutOfCalendar:
            raise _Refused(400, "The clock can be set from 1970-01-01 to 9999-12-31.") from None

    async def _note(
        self, request: Request, request_id: str, operation: str, caller: Caller | None, asked: dict[str, Any]
    ) -> None:
        """Put an entry into the audit log. Nothing covers such an act and its entry together."""
        own = self._service.settings
        await self._service.note(
            Entry(
                time=wall_now(),
                account=caller.account if caller else own.account,
                region=caller.region if caller else own.region,
                principal=caller.principal if caller else "anonymous",
                access_key_id=caller.identity.key_id if caller and caller.identity else "",
                source=request.peer.address,
                edge="http",
                request_id=request_id,
                operation=f"tidegate:{operation}",
                outcome="asked" if asked else "done",
                parameters=audit.parameters(asked),
            )
        )

    async def _move(self, name: str, value: Any) -> Moment:
        timeline = self._timeline
        if name == "advance":
            return await timeline.advance(_milliseconds(value))
        if name == "set":
            return await timeline.set(_instant(value))
        if name == "toNextEvent":
            return await timeline.to_next_event()
        return await (timeline.freeze() if name == "freeze" else timeline.resume())


def _moment(moment: Moment) -> Answer:
    next_event = None if moment.next_at is None else _iso(moment.next_at)
    shown = {"now": _iso(moment.now), "epochMs": moment.now, "frozen": moment.frozen, "nextEventAt": next_event}
    return _json(200, shown)


def _json(status: int, value: dict[str, Any]) -> Answer:
    return status, [_JSON], msgspec.json.encode(value)


def _iso(instant: Millis) -> str:
    moment = datetime.fromtimestamp(instant // 1000, UTC).replace(microsecond=instant % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_COMMANDS = ("advance", "set", "toNextEvent", "freeze", "resume")


def _command(body: bytes) -> tuple[str, Any]:
    """The one command of a request to move the clock."""
    try:
        asked = msgspec.json.decode(body)
    except ValueError as error:
        raise _Refused(400, f"The body is not JSON: {error}") from None
    if not isinstance(asked, dict) or len(asked) != 1 or next(iter(asked)) not in _COMMANDS:
        raise _Refused(400, f"Give a JSON object with one of {', '.join(_COMMANDS)}.")
    [(name, value)] = asked.items()
    if name in ("toNextEvent", "freeze", "resume") and value is not True:
        raise _Refused(400, f"{name} takes true.")
    return name, value


def _milliseconds(seconds: Any) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LATEST / 1000:
        raise _Refused(400, "advance takes a number of seconds that is not negative.")
    return round(seconds * 1000)


def _instant(value: Any) -> Millis:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Refused(400, "set takes epoch milliseconds or an ISO 8601 time such as 2026-01-31T12:00:00Z.") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
