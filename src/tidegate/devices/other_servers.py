"""What servers on one store tell each other of their clients: who was let in, presence events.

A client id is connected once in a store: the server that lets it in says so, and another that had it before lets it go.
Messages go from server to server in ``carrier``.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.devices.connectivity import Recorder
from tidegate.devices.observer import Connectivity
from tidegate.devices.server import Server
from tidegate.mqtt.identity import Scope
from tidegate.ops.effects import Acting, ClientConnected, PresenceEvent
from tidegate.runtime.relay import Relay


class OtherServers:
    """Stands between a server's comings and goings and those who are told of them. Lives on the event loop."""

    def __init__(self, relay: Relay, server: Server, recorder: Recorder) -> None:
        """``recorder`` writes down who is connected."""
        self._relay = relay
        self._server = server
        self._recorder = recorder
        self._ceding = False
        self.effects = Acting({ClientConnected: self._cede, PresenceEvent: self._present})
        """Acts on what the others say."""

    def _present(self, effect: PresenceEvent) -> None:
        self._server.publish(effect.topic, effect.payload, 1, scope=(effect.account, effect.region))

    def _cede(self, taken: ClientConnected) -> None:
        self._ceding = True
        self._server.broker.came_elsewhere((taken.account, taken.region), taken.client_id)
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
