"""The device endpoint on the service: who a client is, what its job requests do, what it is told.

``Server`` knows MQTT and no jobs, the service knows jobs and no MQTT; here they meet.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial

from tidegate.clock import wall_now
from tidegate.devices import dispatch
from tidegate.devices.broker_call import BrokerCall
from tidegate.devices.carrier import Carrier
from tidegate.devices.connectivity import Recorder
from tidegate.devices.custom import Authenticate
from tidegate.devices.dispatch import Dispatch
from tidegate.devices.elsewhere import Elsewhere
from tidegate.devices.event_publisher import EventPublisher
from tidegate.devices.identities import DeviceIdentity
from tidegate.devices.journal import Written
from tidegate.devices.moving import Moving
from tidegate.devices.notices import Notices
from tidegate.devices.observer import Connectivity, Observer
from tidegate.devices.other_servers import OtherServers
from tidegate.devices.plane import Publisher, Reply, Shown, Signer
from tidegate.devices.registration import Registration
from tidegate.devices.route import Asked
from tidegate.devices.server import Server
from tidegate.devices.signers import SignerIdentity, Watch, by_policies
from tidegate.devices.storms import Storms
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session import Message, Session
from tidegate.mqtt.settings import Settings
from tidegate.net.admission import Admission
from tidegate.ops import audit, identity
from tidegate.ops.call import Origin
from tidegate.ops.effects import Acting, Missed, OperatorsChanged, PoliciesChanged, PrincipalChanged, StoreEmptied
from tidegate.runtime import holders
from tidegate.runtime.service import Service
from tidegate.wire import iot_data

_IDENTITIES = (DeviceIdentity, SignerIdentity)


class Devices:
    """The service as the endpoint sees it (``plane.Plane``)."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._authorise = by_policies(service)
        self._authorizers = Authenticate(service)
        self._dispatch = Dispatch(service)
        self.outcomes = self._dispatch.outcomes
        self.sent = self._dispatch.sent

    async def identify(
        self, certificate_der: bytes | None, client_id: str, server_name: str | None, peer: str
    ) -> Identity | None:
        if certificate_der is None:
            return None
        certificate_id = hashlib.sha256(certificate_der).hexdigest()
        partition, ends = self._service.settings.partition, self._service.settings.enforce_expiry
        now = wall_now() if ends else None
        load = partial(
            identity.load,
            certificate_id=certificate_id,
            now=now,
            server_name=server_name,
            client_id=client_id,
            partition=partition,
            service_now=self._service.clock.now(),
        )
        device = await holders.device(self._service.unit, load)
        return None if device is None else DeviceIdentity(device, peer, self._service.clock.now, ends=ends)

    async def identify_signer(self, signer: Signer, client_id: str, peer: str) -> Identity | None:
        grant = await self._authorise(signer, client_id, peer)
        if grant is None:
            return None
        call = await self._service.call(*signer.scope, signer.principal)
        origin = Origin(edge="mqtt", source=peer, access_key_id=signer.key_id or "")
        return SignerIdentity(signer, call.scope, grant, origin)

    async def authenticate(self, shown: Shown, client_id: str, known: Identity | None) -> Identity | None:
        return await self._authorizers.authenticate(shown, client_id, known)

    async def turn(self, identity: Identity) -> None:
        account, _ = identity.scope
        await self._dispatch.turn(account)

    def request(
        self, identity: Identity, claim: Claim, message: Message, origin: Session | None, publisher: Publisher
    ) -> asyncio.Future[Reply]:
        assert isinstance(identity, _IDENTITIES)
        assert isinstance(claim, Asked)
        return self._dispatch.request(identity, claim, message, origin, publisher)

    def failed(self, claim: Claim, payload: bytes, error: BaseException) -> Reply:
        assert isinstance(claim, Asked)
        return self._dispatch.failed(claim, payload, error)


class Endpoint:
    """An endpoint for the devices of a service; open its listeners with ``server.listen``."""

    def __init__(
        self,
        service: Service,
        settings: Settings | None = None,
        *,
        node: int = 0,
        admission: Admission | None = None,
    ) -> None:
        """``node`` tells servers on one store apart: each has the sessions of its own clients."""
        self.journal = Written(service.unit, node)
        devices = Devices(service)
        self.outcomes, self.sent = devices.outcomes, devices.sent
        self._service = service
        self._recorder = Recorder(service)
        self._registration = Registration(service, devices.outcomes)
        self.server = Server(
            devices,
            clock=service.clock,
            ids=service.ids,
            settings=settings,
            journal=self.journal,
            admission=admission,
            observer=self._observer(),
        )
        self._other_servers = (
            None if service.relay is None else OtherServers(service.relay, self.server, self._recorder)
        )
        self._elsewhere = (
            None
            if service.relay is None
            else Elsewhere(service, service.relay, self.server, lambda: BrokerCall(self.server, self.journal))
        )
        self._carrier = self._moving = None
        if service.relay is not None:
            self._carrier = Carrier(service.relay, self.server, self.journal, node)
            self._moving = Moving(service.relay, self.server, self.journal, self._carrier, node)
        self._notices = Notices(service, self.server)
        self.events = EventPublisher(service, self.server, self._notices.settled, self.journal.settled)
        self._watch = Watch(service.access_keys, self.server)
        self._storms = Storms(service, self.server)
        for listener in (self._notices, self.events, self._other_servers, self._elsewhere, self._carrier, self._moving):
            if listener is not None:
                service.unit.subscribe(listener.effects)
        service.unit.subscribe(dispatch.telling(self.server))
        service.unit.subscribe(
            Acting(
                {
                    PrincipalChanged: self._certificate_changed,
                    **dict.fromkeys((PoliciesChanged, Missed), lambda _: self.server.refresh()),
                    OperatorsChanged: lambda _: self.server.refresh_signers(),
                    StoreEmptied: lambda _: self.reset(),
                }
            )
        )

    def _observer(self) -> Observer:
        return Observer(
            interest=self._interest,
            unidentified=self._registration.attempt,
            came_or_went=self._came_or_went,
            event=self._event,
            refused=self._refused,
            retained=self._noted,
        )

    def _interest(self, scope: Scope, thing_name: str | None, wanted: bool) -> None:
        self._notices.interest(scope, thing_name, wanted)

    def _came_or_went(self, what: Connectivity) -> None:
        if self._other_servers is None:
            self._recorder.record(what)
        else:
            self._other_servers.came_or_went(what)

    def _event(self, scope: Scope, topic: str, payload: Callable[[], bytes]) -> None:
        if self._other_servers is not None:
            self._other_servers.event(scope, topic, payload)

    def broker_call(self) -> BrokerCall:
        """The message broker for one call that came over HTTP."""
        return BrokerCall(self.server, self.journal, self._elsewhere)

    async def open(self) -> None:
        """Take over what an earlier server left: sessions, retained messages, events. To be awaited before listening.

        Raises:
            StoreError: the store cannot be read.
        """
        sessions, retained = await self.journal.load()
        self.server.broker.restore_retained(retained)
        self.server.broker.restore(sessions, self._service.clock.now())
        if self._carrier is not None:
            await self._carrier.start()
        if self._moving is not None:
            self._moving.start()
        self.events.start()
        self._watch.start()

    def reset(self) -> None:
        """The store was emptied: nobody who is connected exists any more, and nothing is kept."""
        self.journal.clear()
        self.server.broker.reset(self._service.clock.now())
        self.server.refresh()

    def _certificate_changed(self, effect: PrincipalChanged) -> None:
        """Ask again who those are that hold a certificate, or credentials that were given for it."""
        self.server.refresh(effect.certificate_id)
        session = f"/{effect.certificate_id}"
        self.server.refresh_signers(lambda _key_id, who: who.principal.endswith(session))

    def _refused(self, address: str, client_id: str) -> None:
        self._service.refusals.count(address, f"MQTT client {client_id!a}", "AUTHORIZATION_FAILED")

    def _noted(self, identity: Identity, message: Message) -> None:
        """Tell the audit log of a message that an operator has retained, as of one that came over HTTPS."""
        if not isinstance(identity, SignerIdentity) or identity.origin is None:
            return
        origin = identity.origin._replace(plane="iot-data", operation="Publish")
        call = self._service.call_at(identity.scope_id, *identity.scope, identity.principal, origin)
        request = iot_data.PublishRequest(topic=message.topic, qos=message.qos, retain=True, payload=message.payload)
        self.journal.noted(audit.entry(call, request))

    async def published(self) -> None:
        """Wait until devices and subscribers have been sent all that follows from what is committed by now."""
        self.server.broker.sweep(self._service.clock.now())
        self.server.lifecycle.sweep()
        await self._registration.settled()
        await self._recorder.settled()
        await self._service.unit.delivered()
        await self._notices.settled()
        await self.events.settled()
        await self.journal.settled()

    async def drain(self, grace: float) -> None:
        """Stop, as ``Server.drain`` does. Events of this time are published by the next server."""
        self._storms.stop()
        await self._watch.stop()
        await self.events.stop()
        await self.server.drain(grace)
        await self._recorder.settled()
        await self.journal.settled()
        await self._registration.settled()
        if self._carrier is not None and self._moving is not None:
            self._moving.stop()
            self._carrier.stop()
