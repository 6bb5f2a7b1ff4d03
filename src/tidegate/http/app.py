"""The path of every HTTP request, in order: authenticate, plane, route, throttle, decode, bound lists, authorise,
invoke, encode.

The server's own pages (``control``) branch off before the plane is chosen; everything else is an AWS request and is
answered in AWS's form, errors of any origin included: an unexpected one leaves a traceback in the log under the request
id that the caller got.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.aws import sigv4
from tidegate.clock import monotonic
from tidegate.core.injected import Rule
from tidegate.core.throttle import Rates
from tidegate.http import callers, credentials, devices, operators, planes, refusals
from tidegate.http.callers import Caller
from tidegate.http.control import Control
from tidegate.http.planes import Planes
from tidegate.http.throttle import Throttle
from tidegate.net.http1.messages import Answer, Request
from tidegate.net.http1.outlet import GoneError
from tidegate.ops import lists
from tidegate.ops.call import Origin
from tidegate.ops.effects import Acting, RequestsCounted
from tidegate.ops.handler import Handler
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime import injector as injection
from tidegate.runtime.authorizers import Authorizers
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import BrokerCall, Service
from tidegate.store.database import Lane, OutcomeUnknown, StoreUnavailable
from tidegate.wire import iot, iot_data, jobs_data, protocol
from tidegate.wire.errors import UnknownOperationException, WireError
from tidegate.wire.shapes import Operation

log = logging.getLogger("tidegate.http")

_UNAVAILABLE: Mapping[str, type[WireError]] = {
    "iot": iot.ServiceUnavailableException,
    "iot-jobs-data": jobs_data.ServiceUnavailableException,
    "iot-data": iot_data.ServiceUnavailableException,
}
_UNCHANGED = "The service is temporarily unavailable. Nothing was changed."
_UNKNOWN = (
    "The service is temporarily unavailable. It is not known whether the request was carried out: look before you "
    "repeat it."
)


class App:
    """The application of one server."""

    def __init__(
        self,
        service: Service,
        handlers: Mapping[tuple[str, str], Handler],
        control: Control,
        metrics: Metrics,
        broker: Callable[[], BrokerCall],
        *,
        auth: bool,
    ) -> None:
        self._service = service
        self._handlers = handlers
        self._control = control
        self._metrics = metrics
        self._broker = broker
        self._auth = auth
        self.choose(None)
        self._keys = callers.Keys(service)
        self._provider = credentials.Provider(service)
        self._authorizers = Authorizers(service)
        self._limited_log = RateLimitedLog(log)
        service.unit.subscribe(Acting({RequestsCounted: self._counted}))

    def _counted(self, said: RequestsCounted) -> None:
        """Another server on the store has let requests through."""
        if self._throttle is not None:
            self._throttle.deduct(said.requests)

    def choose(self, rates: Rates | None) -> None:
        """Take up request rates (None: none), and the ceilings of the service's settings."""
        self._throttle = None if rates is None else Throttle(rates, self._service.relay)
        self._ceilings = self._service.settings.limits.ceilings()

    async def respond(self, request: Request) -> Answer:
        """Answer any request.

        Raises:
            GoneError: faults want the connection to end without an answer; nothing else is ever raised.
        """
        request_id = self._service.ids.uuid()
        if self._control.owns(request):
            answer = await self._page(request, request_id)
        elif (alias := credentials.alias(request)) is not None:
            answer = await self._credentials(request, request_id, alias)
        else:
            answer = await self.answer(request, request_id)
        answer[1].append((b"x-amzn-RequestId", request_id.encode()))
        return answer

    async def _page(self, request: Request, request_id: str) -> Answer:
        try:
            return await self._control.answer(request, request_id)
        except Exception as error:  # noqa: BLE001 - the last place that can still answer the caller
            return protocol.encode_error(self._fault(error, None, request_id), request_id)

    async def _credentials(self, request: Request, request_id: str, alias: str) -> Answer:
        started = monotonic()
        try:
            answer = await self._provider.answer(request, alias, request_id)
        except Exception as error:  # noqa: BLE001 - the last place that can still answer the caller
            answer = protocol.encode_error(self._fault(error, None, request_id), request_id)
        self._metrics.observe("credentials", "AssumeRoleWithCertificate", answer[0], monotonic() - started)
        return answer

    def _bounded(self, operation: Operation, members: object) -> None:
        lists.require_bounded(operation, members, self._service.settings.limits, least=lists.HOPELESS)

    async def answer(self, request: Request, request_id: str) -> Answer:
        """Carry out an AWS request."""
        started = monotonic()
        operation: Operation | None = None
        fault: Rule | None = None
        try:
            caller, candidates, allows = await self._authenticate(request)
            request.peer.belongs(caller.account)
            operation, labels = _route(candidates, request)
            if (injector := self._service.injector) is not None:
                fault = injector.fault(f"{operation.plane}:{operation.name}", labels.get("thingName", ""))
                _refuse(fault, operation)
            response = await self.carry_out(caller, operation, labels, request, request_id, allows=allows)
            answer = protocol.encode(operation, response)
            if fault is not None:
                await _hold_back(fault)
        except WireError as error:
            refusals.note(request, request_id, error, self._service.refusals)
            answer = protocol.encode_error(error, request_id if _traced(error, operation) else None)
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001 - the last place that can still answer the caller
            answer = protocol.encode_error(self._fault(error, operation, request_id), request_id)
        plane, name = (operation.plane, operation.name) if operation else ("none", "unknown")
        self._metrics.observe(plane, name, answer[0], monotonic() - started)
        return answer

    async def carry_out(
        self,
        caller: Caller,
        operation: Operation,
        labels: dict[str, str],
        request: Request,
        request_id: str,
        *,
        allows: devices.Allows | None = None,
        edge: str = "",
    ) -> Any:
        """What an operation answers to a caller who is known: the one path of all of them, the console's included.

        ``labels``, query string and body of ``request`` are the operation's; ``allows`` is what a device's policies
        say. ``edge`` is what the audit log is told, where it is not the listener.

        Raises:
            WireError: what it answers, or why it may not be asked.
            StoreError: the store cannot take it.
        """
        handler = self._handlers.get((operation.plane, operation.name))
        if handler is None:
            raise UnknownOperationException(f"{operation.name} is not implemented by this server.")
        account, region, principal, identity = caller
        lane = Lane.OPERATORS if allows is None else Lane.DEVICES
        origin = _origin(request, operation, caller, request_id, device=allows is not None)
        if edge:
            origin = origin._replace(edge=edge)
        if self._throttle is not None:
            self._throttle.admit(operation, account, region)
        members = protocol.decode(
            *(operation, labels, request.query_string, request.headers, request.body, self._ceilings), self._bounded
        )
        if allows is not None and not allows(operation, labels, members):
            raise devices.forbidden()
        lists.require_bounded(operation, members, self._service.settings.limits)
        refused = None
        if identity is not None and not identity.unlimited:
            await operators.check(self._service, caller, operation, members, request)
            refused = operators.refused(self._service, caller, members, request)
        return await self._service.invoke(
            handler,
            members,
            account=account,
            region=region,
            principal=principal,
            origin=origin,
            refused=refused,
            lane=lane,
            broker=self._broker,
        )

    async def _authenticate(self, request: Request) -> tuple[Caller, Planes, devices.Allows | None]:
        """The caller, the planes its request is for, and what its policies say if it came with a certificate."""
        peer, host = request.peer, request.header(b"host")
        if peer.device and peer.certificate is None and (given := devices.shown(request)) is not None:
            caller, allows = await devices.judge_shown(self._service, self._authorizers, request, given)
            return caller, planes.choose(device=True, host=host, service=None), allows
        if self._auth and peer.certificate is None:
            caller, signed = await callers.signed(self._keys, self._service.settings.account, request)
            return caller, planes.choose(device=peer.device, host=host, service=signed.service), None
        claim = sigv4.claimed(request.headers, request.query_string)
        scope = None if claim is None else claim.scope
        if peer.certificate is not None and claim is None:
            caller, allows = await devices.judge(self._service, request, peer.certificate)
            return caller, planes.choose(device=True, host=host, service=None), allows
        if self._auth:
            caller, scope = await callers.signed(self._keys, self._service.settings.account, request)
        else:
            named = planes.hosted(host) if host else None
            caller = callers.claimed(self._service, claim, named.region if named else None)
        return caller, planes.choose(device=peer.device, host=host, service=scope.service if scope else None), None

    def _fault(self, error: Exception, operation: Operation | None, request_id: str) -> WireError:
        """What the caller is told of an error that no operation meant to answer with."""
        name = operation.name if operation else "a request"
        if isinstance(error, StoreUnavailable):
            self._limited_log.error("%s could not be stored, request %s: %s", name, request_id, error)
            text = _UNKNOWN if isinstance(error, OutcomeUnknown) else _UNCHANGED
            return _UNAVAILABLE[operation.plane if operation else "iot"](text)
        log.error("%s failed, request %s", name, request_id, exc_info=error)
        modelled = operation is not None and iot.InternalServerException in operation.errors
        failure = iot.InternalServerException if modelled else iot.InternalFailureException
        return failure("An unexpected error has occurred.")


def _refuse(fault: Rule | None, operation: Operation) -> None:
    """What happens to a request before it is carried out."""
    if fault is None:
        return
    if fault.fault == "disconnect":
        raise GoneError
    refused = injection.refusal(fault, operation.plane)
    if refused is not None:
        raise refused


async def _hold_back(fault: Rule) -> None:
    """What happens to an answer."""
    if fault.fault == "lose":
        raise GoneError
    if fault.fault == "delay":
        await asyncio.sleep(fault.by_ms / 1000)


def _route(candidates: Planes, request: Request) -> tuple[Operation, dict[str, str]]:
    for plane in candidates:
        found = protocol.route(plane, request.method, request.raw_path)
        if found is not None:
            return found
    path = request.raw_path.decode("latin-1")
    raise UnknownOperationException(f"No operation of {candidates[0]} answers to {request.method} {path}")


def _origin(request: Request, operation: Operation, caller: Caller, request_id: str, *, device: bool) -> Origin:
    edge = "https" if request.peer.device else "http"
    key_id = "" if caller.identity is None else caller.identity.key_id
    return Origin(
        operation.plane,
        operation.name,
        edge=edge,
        source=request.peer.address,
        request_id=request_id,
        access_key_id=key_id,
        device=device,
    )


def _traced(error: WireError, operation: Operation | None) -> bool:
    """The control plane repeats the request id inside its errors (control reference 1.4), the data planes do not."""
    return (operation.plane if operation else error.plane) in (None, "iot")
