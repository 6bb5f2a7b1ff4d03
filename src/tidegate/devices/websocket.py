"""MQTT inside WebSocket frames (device reference 2.9). The handshake is over when a ``Tunnel`` gets the connection.

Frames are the ``websockets`` package's business (its part without I/O): masks, fragments, pings, the closing handshake.
MQTT travels in binary messages, cut anywhere; anything else ends the connection [MQTT-6.0.0-1]. A close frame of the
client counts as a DISCONNECT: its will is not published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import Any, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import SERVER, Protocol, State

from tidegate.core.authorizers import Shown
from tidegate.devices.edge import Edge, Host
from tidegate.devices.plane import Signer
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.session import Ending
from tidegate.net.slices import Sliced

MAX_MESSAGE = 1 << 20
"""Bytes of one WebSocket message; it may hold several packets, each with its own limit."""
_EDGE = 1
"""The edge's reason for reading nothing."""


class _Within(Edge):
    """An edge whose tunnel has waited for its turn."""

    __slots__ = ()
    waits = False


class Tunnel(Sliced):
    """One connection whose bytes are WebSocket frames."""

    patient = _EDGE

    def __init__(self, server: Host, signer: Signer | None, shown: Shown | None = None) -> None:
        """``signer``: whose signature the handshake bore; ``shown``: what it showed to a custom authorizer; neither:
        the client certificate tells.
        """
        super().__init__()
        self._server = server
        self._frames = Protocol(SERVER, max_size=MAX_MESSAGE)
        self.edge = _Within(server, framed=True, signer=signer, handshake=shown)

    # -- what asyncio calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport)
        self._transport = cast("asyncio.Transport", transport)
        self.edge.ticket = self.ticket
        self.edge.connection_made(_Framed(self, self._transport))
        self._server.deadlines.live_until(self.edge, self._server.settings.websocket_lifetime)

    def received(self, data: bytes) -> None:
        self._frames.receive_data(data)
        events = self._frames.events_received()
        for carries, frames in groupby((cast("Frame", event) for event in events), _carries):
            if carries:  # at once, however many frames: they are handled by time
                self.edge.data_received(b"".join(bytes(frame.data) for frame in frames))
            else:
                for frame in frames:
                    self._received(frame)
        if not events:
            self.confirm()
        if self._frames.parser_exc is not None:
            self._broken("broken WebSocket frame")
        self.flush()

    def ended(self) -> None:
        """The client is gone without a close frame: that is a loss."""

    def lost(self, exc: Exception | None) -> None:
        self.edge.connection_lost(exc)
        self._frames.parser.close()  # a generator that has what has it: a circle

    def pause_writing(self) -> None:
        self.edge.pause_writing()

    def resume_writing(self) -> None:
        self.edge.resume_writing()

    # -- frames --

    def _received(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT travels in binary frames")
            self._broken("text frame")
        elif frame.opcode is Opcode.CLOSE:
            end = self._server.end
            end(self.edge.connection, Ending.CLIENT_INITIATED, Reason.SUCCESS, "WebSocket closed", will=False)

    def _broken(self, message: str) -> None:
        self._server.end(self.edge.connection, Ending.CLIENT_ERROR, Reason.PROTOCOL_ERROR, message)

    def send(self, packets: Iterable[bytes]) -> None:
        """Send packets, each as a message of its own: Python v1 does not look for a second one in a frame."""
        if self._frames.state is State.OPEN:
            for each in packets:
                self._frames.send_binary(each)
            self.flush()

    def close(self) -> None:
        """Take leave."""
        if self._frames.state is State.OPEN:
            self._frames.send_close(CloseCode.NORMAL_CLOSURE)
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Write what is due; an empty piece means that nothing follows."""
        if self._transport.is_closing():
            return
        pieces = self._frames.data_to_send()
        self._transport.writelines([each for each in pieces if each])  # each in a TLS record of its own, in one write
        if pieces and not pieces[-1]:
            self._transport.close()


def _carries(frame: Frame) -> bool:
    return frame.opcode in (Opcode.BINARY, Opcode.CONT)


class _Framed(asyncio.Transport):
    """The transport as the MQTT edge sees it."""

    def __init__(self, tunnel: Tunnel, below: asyncio.Transport) -> None:
        super().__init__()
        self._tunnel = tunnel
        self._below = below

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._tunnel.send([bytes(data)])

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self._tunnel.send(list_of_data)

    def close(self) -> None:
        self._tunnel.close()

    def abort(self) -> None:
        self._below.abort()

    def is_closing(self) -> bool:
        return self._below.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._below.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._tunnel.hold(_EDGE)

    def resume_reading(self) -> None:
        self._tunnel.release(_EDGE)
