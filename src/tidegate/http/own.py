"""The pages of the operations that AWS does not have: ``POST /_tidegate/pause``, and so on.

A page takes the members of its operation's request, from a JSON object or, with GET and DELETE, from the query, and
answers with JSON. Errors are AWS's, in AWS's form. With authentication on a call takes the permission of its operation
(``core.permissions.OWN``).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tidegate.aws import sigv4
from tidegate.http import callers, operators
from tidegate.http.callers import Caller
from tidegate.net.http1.messages import Answer, Request
from tidegate.ops import own
from tidegate.ops.call import Origin
from tidegate.runtime.service import Service
from tidegate.wire import iot
from tidegate.wire.shapes import SparseShape

_JSON: Final = (b"Content-Type", b"application/json")
PAGES: Final[dict[bytes, dict[str, str]]] = {
    b"/_tidegate/pause": {"POST": "PauseJob"},
    b"/_tidegate/resume": {"POST": "ResumeJob"},
    b"/_tidegate/approve": {"POST": "ApproveJob"},
    b"/_tidegate/approval": {"GET": "DescribeApproval"},
    b"/_tidegate/approvals": {"GET": "ListApprovals"},
    b"/_tidegate/blackouts": {"GET": "ListBlackouts", "POST": "PutBlackout", "DELETE": "DeleteBlackout"},
    b"/_tidegate/lint": {"POST": "Lint"},
    b"/_tidegate/diff": {"POST": "Diff"},
    b"/_tidegate/words": {"POST": "DescribeInWords"},
    b"/_tidegate/approval-rules": {
        "GET": "ListApprovalRules",
        "POST": "PutApprovalRule",
        "DELETE": "DeleteApprovalRule",
    },
}
"""Operations by path and method."""


class OwnPages:
    """The pages of one server."""

    def __init__(self, service: Service, keys: callers.Keys, *, auth: bool) -> None:
        self._service = service
        self._keys = keys
        self._auth = auth

    async def answer(self, name: str, request: Request, request_id: str) -> Answer:
        """Carry an operation out.

        Raises:
            WireError: what it answers, or that it may not be asked so.
            StoreError: the store cannot take it.
        """
        service = self._service
        if self._auth:
            caller, _ = await callers.signed(self._keys, service.settings.account, request)
        else:
            caller = callers.claimed(service, sigv4.claimed(request.headers, request.query_string), None)
        members = _members(own.REQUESTS[name], request)
        response = await carry_out(service, caller, name, members, request, request_id)
        return 200, [_JSON], msgspec.json.encode(response)


async def carry_out(
    service: Service,
    caller: Caller,
    name: str,
    members: Any,
    request: Request,
    request_id: str,
    *,
    edge: str = "http",
) -> Any:
    """What an operation answers to a caller who is known; ``edge`` is what the audit log is told.

    Raises:
        WireError: what it answers, or that the caller may not ask for it.
        StoreError: the store cannot take it.
    """
    await operators.check_named(service, caller, (own.PLANE, name), members, request)
    origin = Origin(
        own.PLANE,
        name,
        edge=edge,
        source=request.peer.address,
        request_id=request_id,
        access_key_id="" if caller.identity is None else caller.identity.key_id,
    )
    return await service.invoke(
        own.HANDLERS[own.PLANE, name],
        members,
        account=caller.account,
        region=caller.region,
        principal=caller.principal,
        origin=origin,
        refused=operators.refused(service, caller, members, request),
    )


def _members(kind: type[SparseShape], request: Request) -> Any:
    if request.method in ("POST", "PUT"):
        return read(kind, _object(request.body))
    return read(kind, dict(parse_qsl(request.query_string.decode("latin-1"))), texts=True)


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body or b"{}")
    except ValueError as error:
        raise iot.InvalidRequestException(f"The body is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise iot.InvalidRequestException("The body is not a JSON object.")
    return given


def read(kind: type[SparseShape], given: dict[str, Any], *, texts: bool = False) -> Any:
    """A request of what was given; ``texts``: every value is a text, numbers too.

    Raises:
        InvalidRequestException: with everything that is wrong with it.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems = [f"There is no member {name}: there is {', '.join(fields)}." for name in given if name not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if given.get(name) is not None:
            try:
                values[field.name] = msgspec.convert(given[name], field.type, strict=not texts)
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {error}.")
        elif field.required:
            problems.append(f"{name} is missing.")
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    return kind(**values)
