"""What a client sends, packet by packet, to the handlers of the connection's state; effects come back.

A packet that has no handler in the present state is a protocol error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate import clock
from tidegate.mqtt import codec
from tidegate.mqtt.codec import ProtocolError, Reason
from tidegate.mqtt.session import connecting, publishing, subscribing
from tidegate.mqtt.session.connection import Connection
from tidegate.mqtt.session.effects import Broken, Effect
from tidegate.mqtt.session.messages import Ending, State


def receive(connection: Connection, data: bytes, now: clock.Millis) -> list[Effect]:
    """Take bytes from the client."""
    connection.reader.feed(data)
    return advance(connection, now)


def advance(connection: Connection, now: clock.Millis) -> list[Effect]:
    """Handle the whole packets that have arrived, as far as the state permits."""
    effects: list[Effect] = []
    reader = connection.reader
    connection.effects = effects
    connection.tired = False
    try:
        while not (connection.over_rate or connection.stopped):
            state = connection.state
            if state is State.CONNECTED:
                handlers = _CONNECTED
            elif state is State.CONNECTING:
                handlers = _CONNECTING
            else:
                break
            packet = reader.next_packet()
            if packet is None:
                break
            handler = handlers.get(type(packet))
            if handler is None:
                raise ProtocolError(Reason.PROTOCOL_ERROR, f"{type(packet).__name__} while {state.value}")
            handler(connection, packet, now)
            if not reader.more:
                break
            if connection.holder.pressed():
                connection.tired = True
                break
    except ProtocolError as error:
        if connection.owed:
            connection.stopped = connection.broken = True
            effects.append(Broken(error))
        else:
            effects.extend(connection.breach(error))
    connection.effects = []
    return effects


def go_on(connection: Connection, now: clock.Millis) -> list[Effect]:
    """Handle what waited."""
    connection.stopped = False
    return advance(connection, now)


def _on_pingreq(connection: Connection, _packet: codec.Pingreq, _now: clock.Millis) -> None:
    connection.write(codec.PINGRESP)


def _on_disconnect(connection: Connection, packet: codec.Disconnect, _now: clock.Millis) -> None:
    session = connection.session
    assert session is not None
    if packet.properties is not None and packet.properties.server_reference is not None:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "server reference from a client")
    expiry = packet.properties.session_expiry_interval if packet.properties is not None else None
    if expiry is not None:
        if expiry and not session.expiry:  # [MQTT-3.14.2-2]
            raise ProtocolError(Reason.PROTOCOL_ERROR, "session expiry raised from 0")
        session.expiry = min(expiry, connection.settings.max_session_expiry)
    will = packet.code != Reason.SUCCESS  # only a normal farewell discards it [MQTT-3.14.4-3]
    connection.effects.append(connection.close(Ending.CLIENT_INITIATED, packet.code, "", will=will))


_Handler = Callable[[Connection, Any, clock.Millis], None]
_CONNECTING: dict[type, _Handler] = {codec.Connect: connecting.on_connect}
_CONNECTED: dict[type, _Handler] = {
    codec.Publish: publishing.on_publish,
    codec.Puback: publishing.on_puback,
    codec.Subscribe: subscribing.on_subscribe,
    codec.Unsubscribe: subscribing.on_unsubscribe,
    codec.Pingreq: _on_pingreq,
    codec.Disconnect: _on_disconnect,
}
