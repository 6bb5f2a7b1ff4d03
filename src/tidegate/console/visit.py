"""One request of a browser, and what a page may ask in the name of whoever sent it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tidegate.console.courses import Courses
from tidegate.http import operators
from tidegate.http import own as own_pages
from tidegate.http.app import App
from tidegate.http.callers import Caller
from tidegate.http.forecasts import Forecasts
from tidegate.net.http1.messages import Headers, Request
from tidegate.ops import own
from tidegate.ops.call import Call
from tidegate.runtime.service import Service
from tidegate.store.database import Tx
from tidegate.wire import jsontext
from tidegate.wire.errors import AccessDeniedException, WireError
from tidegate.wire.iot_data import ForbiddenException
from tidegate.wire.routes import OPERATIONS
from tidegate.wire.shapes import Operation, Plane

T = TypeVar("T")

EDGE: Final = "console"
"""What the audit log says of where a change was asked for."""


class NotFoundError(LookupError):
    """There is no such page, or not what it is about; the message says what."""


class Moved(NamedTuple):
    """An answer that sends the browser to another page of ours."""

    path: str


class Page(NamedTuple):
    """An answer that is a page: its template and what stands in it."""

    template: str
    values: Mapping[str, Any]
    status: int = 200
    live: tuple[str, ...] = ()
    """The blocks of the template that change by themselves: each is the inside of the element with its name as id.
    They are the same for whoever may see the page, so no form stands in them."""


@dataclass(frozen=True)
class Visit:
    """A request, whose it is, and the parts of its address."""

    app: App
    service: Service
    request: Request
    request_id: str
    session_id: str
    caller: Caller
    parts: tuple[str, ...]
    """What stands in the path for the labels of the route."""
    query: Mapping[str, str]
    form: Mapping[str, str]
    forecasts: Forecasts
    courses: Courses
    live: bool = False
    """It is for those who look on: only what changes by itself is shown."""

    async def ask(self, name: str, plane: Plane = "iot", /, **members: Any) -> Any:
        """Ask for an operation of the API; members are named in snake case, None is left out.

        Raises:
            WireError: what it answers.
            StoreError: the store cannot take it.
        """
        operation = OPERATIONS[plane][name]
        labels, query, body = _split(operation, {key: value for key, value in members.items() if value is not None})
        headers: Headers = [(b"content-type", b"application/json")]
        request = Request(operation.method, b"", query, headers, body, self.request.peer)
        return await self.app.carry_out(self.caller, operation, labels, request, self.request_id, edge=EDGE)

    async def ask_own(self, name: str, /, **members: Any) -> Any:
        """The same for an operation that AWS does not have (``ops.own``)."""
        request = own_pages.read(own.REQUESTS[name], {camel(key): value for key, value in members.items()})
        given = (self.service, self.caller, name, request, self.request, self.request_id)
        return await own_pages.carry_out(*given, edge=EDGE)

    async def lint(self, **named: Any) -> list[Any] | None:
        """What is dubious about a template or a job; None if that may not be known."""
        try:
            found = await self.ask_own("Lint", **named)
        except WireError as error:
            if not isinstance(error, AccessDeniedException | ForbiddenException):
                raise
            return None
        return list(found.findings)

    async def permit(self, action: str) -> None:
        """Let an action of the server itself pass. Raises AccessDeniedException."""
        await operators.check_action(self.service, self.caller, action, self.request)

    async def permits(self, action: str) -> bool:
        """Whether an action of the server itself is allowed."""
        try:
            await self.permit(action)
        except AccessDeniedException:
            return False
        return True

    async def read(self, work: Callable[[Tx, Call], T]) -> T:
        """Read what no operation of the API shows. Raises ``StoreError``."""
        call = await self.call()
        return await self.service.unit.read(lambda tx: work(tx, call))

    async def call(self) -> Call:
        """The call of this visit, for what is asked beside the API."""
        return await self.service.call(self.caller.account, self.caller.region, self.caller.principal)

    def arn(self, resource: str) -> str:
        """The ARN of a resource of the account."""
        return f"arn:{self.service.settings.partition}:iot:{self.caller.region}:{self.caller.account}:{resource}"


def path(*segments: str, **query: Any) -> str:
    """The address of a page: ``path("jobs", job_id, status="FAILED")``. What is None is left out."""
    found = "/" + "/".join(quote(each, safe="") for each in segments)
    given = {name: value for name, value in query.items() if value is not None}
    return f"{found}?{urlencode(given)}" if given else found


def _split(operation: Operation, members: dict[str, Any]) -> tuple[dict[str, str], bytes, bytes]:
    """The labels, the query string and the body that say what ``members`` say."""
    labels: dict[str, str] = {}
    query: dict[str, str] = {}
    for binding in operation.outside:
        if binding.attribute in members:
            value = members.pop(binding.attribute)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            (labels if binding.location == "label" else query)[binding.name] = text
    if operation.payload is not None:
        return labels, urlencode(query).encode(), members.get(operation.payload, b"")
    names = {each.name: each.encode_name for each in msgspec.structs.fields(operation.request)}
    body = jsontext.json_encode({names[name]: value for name, value in members.items()}) if members else b""
    return labels, urlencode(query).encode(), body


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
