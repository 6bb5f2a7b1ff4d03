"""What servers on one store tell each other's clients: who was let in, presence events, messages published over HTTPS.

A client id is connected once in a store: the server that lets it in says so, and another that had it before lets it go.
Sessions do not move with their clients (ADR 20), nor do messages that clients publish go from server to server.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.devices import broker_call
from tidegate.devices.connectivity import Recorder
from tidegate.devices.observer import Connectivity
from tidegate.devices.server import Server
from tidegate.mqtt.identity import Scope
from tidegate.ops.broker import Publication
from tidegate.ops.effects import Acting, ClientConnected, MessagePublished, PresenceEvent
from tidegate.runtime.relay import Relay


class OtherServers:
    """Stands between a server's comings and goings and those who are told of them. Lives on the event loop."""

    def __init__(self, relay: Relay, server: Server, recorder: Recorder) -> None:
        """``recorder`` writes down who is connected."""
        self._relay = relay
        self._server = server
        self._recorder = recorder
        self._ceding = False
        self.effects = Acting(
            {ClientConnected: self._cede, PresenceEvent: self._present, MessagePublished: self._published}
        )
        """Acts on what the others say."""

    def _present(self, effect: PresenceEvent) -> None:
        self._server.publish(effect.topic, effect.payload, 1, scope=(effect.account, effect.region))

    def _published(self, effect: MessagePublished) -> None:
        broker_call.deliver(self._server, (effect.account, effect.region), effect.message)

    def publish(self, scope: Scope, publication: Publication) -> None:
        """Have the others deliver a message that came over HTTPS."""
        self._relay.tell([MessagePublished(*scope, publication)])

    def _cede(self, taken: ClientConnected) -> None:
        self._ceding = True
        try:
            self._server.taken_over((taken.account, taken.region), taken.client_id, taken.at)
        finally:
            self._ceding = False

    def came_or_went(self, what: Connectivity) -> None:
        """Tell the others of a client that came, and have it written down, unless it went to one of them."""
        if what.connected:
            self._relay.tell([ClientConnected(*what.scope, what.client_id, what.at)])
        if not self._ceding:  # else it is connected, and its server has written that down
            self._recorder.record(what)

    def event(self, scope: Scope, topic: str, payload: Callable[[], bytes]) -> None:
        """Have the others publish a presence or subscription event."""
        if not self._relay.alone:
            self._relay.tell([PresenceEvent(*scope, topic, payload())])
