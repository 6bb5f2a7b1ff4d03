"""The path of every request for a page: keep other sites out, find the page, know who asks, show or act, render.

Forms carry a token that belongs to the cookie, and a page of another site reaches nothing (``net.pages``). A page that
another site links to is opened in a second step, because browsers hold a strict cookie back in the first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from tidegate.clock import monotonic, wall_now
from tidegate.console import render, routes
from tidegate.console.courses import Courses
from tidegate.console.live import Live
from tidegate.console.routes import Route
from tidegate.console.sessions import RefusedError, Sessions, readable
from tidegate.console.visit import EDGE, Moved, NotFoundError, Visit
from tidegate.http import callers, refusals
from tidegate.http.app import App
from tidegate.http.callers import Caller
from tidegate.http.forecasts import Forecasts
from tidegate.net import pages
from tidegate.net.http1.messages import Answer, Headers, Request, Stream
from tidegate.net.pages import Names
from tidegate.ops.audit import Entry
from tidegate.ops.forecast import RefusedError as ForecastRefusedError
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.store import scopes
from tidegate.store.database import StoreError
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.console")

_CSP: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final[Headers] = [
    (b"content-security-policy", _CSP),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # no-referrer would take the Origin from forms
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
_NO_STORE: Final = (b"cache-control", b"no-store")
_FOREVER: Final = (b"cache-control", b"max-age=31536000, immutable")
_FORM: Final = b"application/x-www-form-urlencoded"
_REGION: Final = "region"
_MOST_FIELDS: Final = 500


class _StopError(Exception):
    """The request is answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Console:
    """The console of one server."""

    def __init__(self, app: App, service: Service, own: Names, metrics: Metrics, *, auth: bool, tls: bool) -> None:
        """``tls``: whether browsers come over it, so that cookies are for nothing else."""
        self._app = app
        self._service = service
        self._own = own
        self._metrics = metrics
        self._auth = auth
        self._tls = tls
        self._cookie = "tidegate"
        self._limited_log = RateLimitedLog(log)
        self.sessions = Sessions(service.access_keys, service.ids)
        self.live = Live(self._visit_again)
        self.forecasts = Forecasts(service)
        self.courses = Courses(service, self.forecasts)

    def listens(self, port: int) -> None:
        """Say on which port: cookies do not tell ports apart, and there may be two servers on a machine."""
        self._cookie = f"{'__Host-' if self._tls else ''}tidegate-{port}"

    async def respond(self, request: Request) -> Answer | Stream:
        """Answer any request. Never raises."""
        started, request_id = monotonic(), self._service.ids.uuid()
        name = "unknown"
        try:
            self._keep_out(request)
            if request.raw_path.startswith(b"/static/"):
                return _static(request)
            route, parts = routes.find(request.method, request.raw_path)
            name = route.name
            answer: Answer | Stream = await self._answer(route, parts, request, request_id)
        except _StopError as stopped:
            answer = stopped.answer
        except Exception as error:  # noqa: BLE001 - the last place that can still answer
            answer = self._failed(error, request, request_id)
        self._metrics.observe("console", name, answer[0], monotonic() - started)
        return answer

    # -- who asks ----------------------------------------------------------------------------------------------------

    def _keep_out(self, request: Request) -> None:
        """Answer what a page of another site sends, or whoever calls this server by a name that is not its own."""
        host, origin, site = (_text(request, name) for name in (b"host", b"origin", b"sec-fetch-site"))
        found = pages.own_refusal(self._own, host, origin, site, auth=self._auth)
        if found is None:
            return
        if found.cause == "Sec-Fetch-Site" and _is_link(request):
            raise _StopError(_page(200, "link.html", {"here": _here(request)}))
        self._limited_log.warning(
            "refused a request for the console from %s by its %s: %s", request.peer.address, *found, kind=found.cause
        )
        raise _StopError(_page(403, "error.html", {"title": "Refused", "message": found.message, "user": None}))

    async def _answer(self, route: Route, parts: tuple[str, ...], request: Request, request_id: str) -> Answer | Stream:
        cookies = _cookies(request)
        session_id = cookies.get(self._cookie, "")
        if not readable(session_id):
            session_id = ""
        caller = await self._caller(session_id, cookies)
        if caller is None and route.name not in ("sign_in", "signed_in"):
            raise _StopError(_redirect(f"/sign-in?next={quote(_here(request), safe='')}"))
        form = _form(request) if request.method == "POST" else {}
        if request.method == "POST" and not (session_id and self.sessions.fits(session_id, form.get("token", ""))):
            told = "This page is too old, or its browser keeps no cookies. Load it again, and then send the form."
            raise _StopError(_page(403, "error.html", {"title": "Refused", "message": told, "user": None}))
        fresh = session_id or self.sessions.new_id()
        query = dict(parse_qsl(request.query_string.decode("latin-1"), max_num_fields=_MOST_FIELDS))
        visitor = caller or Caller("", self._service.settings.region, "")
        visit = Visit(
            *(self._app, self._service, request, request_id, fresh, visitor, parts, query, form),
            *(self.forecasts, self.courses),
        )
        if route.name in ("signed_in", "sign_out", "choose_region"):
            return await self._act_on_session(route.name, visit)
        if b"text/event-stream" in (request.header(b"accept") or b""):
            return self.live.stream(visit, route, {name: cookies.get(name, "") for name in (self._cookie, _REGION)})
        found = await route.run(visit)
        if isinstance(found, Moved):
            return _redirect(found.path)
        headers = [] if session_id else [self._set(self._cookie, fresh)]
        return _page(
            found.status,
            found.template,
            {**await self._around(visit, route), "live": found.live, **found.values},
            headers,
        )

    async def _caller(self, session_id: str, cookies: Mapping[str, str]) -> Caller | None:
        """Who asks: with authentication off, anybody."""
        own = self._service.settings
        region = cookies.get(_REGION) or own.region
        try:
            if not self._auth:
                return callers.claimed(self._service, None, region)
            identity = await self.sessions.holder(session_id) if session_id else None
            if identity is None:
                return None
            return callers.owner(own.account, identity.principal, region)._replace(identity=identity)
        except WireError:  # a region that is none
            return await self._caller(session_id, {})

    async def _visit_again(self, visit: Visit, cookies: Mapping[str, str]) -> Visit | None:
        """The same visit, now; None if whoever made it is not signed in any more."""
        caller = await self._caller(visit.session_id, {_REGION: cookies.get(_REGION, "")})
        return None if caller is None else replace(visit, caller=caller, live=True)

    async def _around(self, visit: Visit, route: Route) -> dict[str, Any]:
        """What every page shows."""
        account = visit.caller.account
        regions = await self._service.unit.read(lambda tx: scopes.regions(tx, account)) if account else []
        return {
            "token": self.sessions.form_token(visit.session_id),
            "user": visit.caller.principal or None,
            "auth": self._auth,
            "account": visit.caller.account,
            "region": visit.caller.region,
            "here": _here(visit.request),
            "section": route.section,
            "sections": routes.SECTIONS,
            "regions": sorted({*regions, visit.caller.region}),
            "now": self._service.clock.now(),
        }

    # -- signing in and out ------------------------------------------------------------------------------------------

    async def _act_on_session(self, name: str, visit: Visit) -> Answer:
        if name == "choose_region":
            return _redirect(_own_path(visit.form.get("next", "")), [self._set(_REGION, visit.form.get("region", ""))])
        if name == "sign_out":
            self.sessions.end(visit.session_id)
            return _redirect("/sign-in", [self._set(self._cookie, self.sessions.new_id())])
        key_id, secret = visit.form.get("key", "").strip(), visit.form.get("secret", "").strip()
        address = visit.request.peer.address
        try:
            session_id, identity = await self.sessions.sign_in(
                key_id, secret, visit.form.get("session", "").strip() or None, address
            )
        except RefusedError as error:
            self._service.refusals.count(address, f"access key {key_id[:200]!a}", "SignIn")
            log.warning(
                "refused to sign %.200a in from %s: %s. tidegate keys list shows the keys there are. Request %s.",
                *(key_id, address, error.reason, visit.request_id),
            )
            values = {
                **await self._around(visit, routes.SIGN_IN),
                "title": "Sign in",
                "user": None,
                "message": str(error),
            }
            values["next"] = visit.form.get("next", "")
            return _page(429 if error.throttled else 403, "sign_in.html", values)
        await self._note(visit, key_id, identity.principal)
        return _redirect(_own_path(visit.form.get("next", "")), [self._set(self._cookie, session_id)])

    async def _note(self, visit: Visit, key_id: str, principal: str) -> None:
        """Put a sign-in into the audit log."""
        caller = callers.owner(self._service.settings.account, principal, visit.caller.region)
        await self._service.note(
            Entry(
                time=wall_now(),
                account=caller.account,
                region=caller.region,
                principal=principal,
                access_key_id=key_id,
                source=visit.request.peer.address,
                edge=EDGE,
                request_id=visit.request_id,
                operation="tidegate:SignIn",
            )
        )

    def _set(self, name: str, value: str) -> tuple[bytes, bytes]:
        if name == _REGION and not value.replace("-", "").isalnum():
            value = ""
        secure = "; Secure" if self._tls else ""
        return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}".encode()

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    def _failed(self, error: Exception, request: Request, request_id: str) -> Answer:
        if isinstance(error, WireError):
            refusals.note(request, request_id, error, self._service.refusals)
            return _error(error.http_status, error.code.removesuffix("Exception"), error.message)
        if isinstance(error, NotFoundError | ForecastRefusedError):
            return _error(404 if isinstance(error, NotFoundError) else 400, "Not found", str(error))
        if isinstance(error, StoreError):
            self._limited_log.error("a page of the console could not be read, request %s: %s", request_id, error)
            return _error(503, "Not now", "The store does not answer. Nothing was changed.")
        log.error("a page of the console failed, request %s", request_id, exc_info=error)
        return _error(500, "It failed", f"An unexpected error has occurred; the log has it under request {request_id}.")


def _error(status: int, title: str, message: str) -> Answer:
    return _page(status, "error.html", {"title": title, "message": message, "user": None})


def _page(status: int, template: str, values: Mapping[str, Any], headers: Headers | None = None) -> Answer:
    body = render.html(template, {"section": "", "live": None, **values}).encode()
    return status, [_HTML, _NO_STORE, *_HEADERS, *(headers or [])], body


def _redirect(where: str, headers: Headers | None = None) -> Answer:
    return 303, [(b"location", where.encode("ascii", "ignore")), _NO_STORE, *_HEADERS, *(headers or [])], b""


def _static(request: Request) -> Answer:
    try:
        kind, body = render.static(request.raw_path.removeprefix(b"/static/").decode("latin-1"))
    except KeyError:
        return _error(404, "Not found", "There is no such file.")
    return 200, [(b"content-type", kind), _FOREVER, *_HEADERS], body


def _here(request: Request) -> str:
    query = request.query_string.decode("latin-1")
    return request.raw_path.decode("latin-1") + (f"?{query}" if query else "")


def _own_path(wanted: str) -> str:
    """Where to go next, if it is a page of ours."""
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return wanted if ours and wanted.isprintable() and "\\" not in wanted else "/"


def _is_link(request: Request) -> bool:
    """Whether somebody followed a link to a page, which may be shown to whoever holds the cookie, in a window alone."""
    mode, kind = _text(request, b"sec-fetch-mode"), _text(request, b"sec-fetch-dest")
    return request.method == "GET" and mode == "navigate" and kind == "document"


def _text(request: Request, wanted: bytes) -> str | None:
    values = [value for name, value in request.headers if name == wanted]
    return b",".join(values).decode("latin-1") if values else None


def _cookies(request: Request) -> dict[str, str]:
    try:
        found = SimpleCookie((request.header(b"cookie") or b"").decode("latin-1"))
    except CookieError:
        return {}
    return {name: each.value for name, each in found.items()}


def _form(request: Request) -> dict[str, str]:
    """The fields of a form; of a name that comes more than once, the values are joined by line feeds."""
    if (request.header(b"content-type") or b"").split(b";")[0].strip().lower() != _FORM:
        return {}
    found: dict[str, str] = {}
    try:
        fields = parse_qsl(request.body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    for name, value in fields:
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found
