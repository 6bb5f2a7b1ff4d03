"""What servers on one store tell each other's clients: who was let in, presence events, messages published over HTTPS.

A client id is connected once in a store: the server that lets it in says so, and another that had it before lets it go.
Sessions do not move with their clients (ADR 20), nor do messages that clients publish go from server to server.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.devices import desk
from tidegate.devices.lifecycle import Connectivity, Record
from tidegate.devices.server import Server
from tidegate.mqtt.identity import Scope
from tidegate.ops.broker import Publication
from tidegate.ops.effects import ClientConnected, MessagePublished, PresenceEvent, acting
from tidegate.runtime.relay import Relay


class Neighbours:
    """Stands between a server's comings and goings and those who are told of them. Lives on the event loop."""

    def __init__(self, relay: Relay, server: Server, record: Record) -> None:
        """``record`` writes down who is connected."""
        self._relay = relay
        self._server = server
        self._record = record
        self._ceding = False
        server.lifecycle.record = self._came_or_went
        server.lifecycle.tell = self._tell
        self.effects = acting(
            {ClientConnected: self._cede, PresenceEvent: self._present, MessagePublished: self._published}
        )
        """Acts on what the others say."""

    def _present(self, effect: PresenceEvent) -> None:
        self._server.publish(effect.topic, effect.payload, 1, scope=(effect.account, effect.region))

    def _published(self, effect: MessagePublished) -> None:
        desk.deliver(self._server, (effect.account, effect.region), effect.message)

    def publish(self, scope: Scope, publication: Publication) -> None:
        """Have the others deliver a message that came over HTTPS."""
        self._relay.tell([MessagePublished(*scope, publication)])

    def _cede(self, taken: ClientConnected) -> None:
        self._ceding = True
        try:
            self._server.taken_over((taken.account, taken.region), taken.client_id, taken.at)
        finally:
            self._ceding = False

    def _came_or_went(self, what: Connectivity) -> None:
        if what.connected:
            self._relay.tell([ClientConnected(*what.scope, what.client_id, what.at)])
        if not self._ceding:  # else it is connected, and its server has written that down
            self._record(what)

    def _tell(self, scope: Scope, topic: str, payload: Callable[[], bytes]) -> None:
        if not self._relay.alone:
            self._relay.tell([PresenceEvent(*scope, topic, payload())])
