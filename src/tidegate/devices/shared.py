"""The shared listener: MQTT, WebSocket and HTTPS for devices on one port, AWS's 443 (device reference 1).

The protocol that TLS agreed upon (ALPN) tells what a client wants; of several it offers, the first of ``tls.ALPN``
counts. A client that names none is known by its first byte: 0x10 begins an MQTT CONNECT and no HTTP request.

================== ==========================================================
``x-amzn-mqtt-ca`` MQTT, client certificate
``mqtt``           MQTT, user name and password for a custom authorizer
``x-amzn-http-ca`` HTTPS for devices
``http/1.1``       HTTPS for devices, WebSocket
none               MQTT or HTTPS, by the first byte
================== ==========================================================

Where AWS is followed strictly, whoever comes with a client certificate must name one of the two protocols ``…-ca``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from tidegate.devices.server import Server
from tidegate.net.admission import Ticket

log = logging.getLogger("tidegate.mqtt")

_CONNECT = 0x10


class ProtocolDetector(asyncio.Protocol):
    """Holds an accepted connection until it is clear whose it is."""

    def __init__(self, devices: Server, http: Callable[[Ticket], asyncio.Protocol], ticket: Ticket) -> None:
        """``http`` makes the protocol of an HTTPS connection."""
        self._devices = devices
        self._http = http
        self._ticket = ticket
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        chosen = tls.selected_alpn_protocol() if tls is not None else None
        self._certified = tls is not None and tls.getpeercert(binary_form=True) is not None
        make = self._by_name(chosen)
        if chosen == "http/1.1" and self._unnamed:
            self._refuse("HTTPS")
        elif make is not None:
            self._hand_over(make(), b"")
        else:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(self._devices.settings.connect_timeout, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        wanted, protocol = ("MQTT", self._mqtt) if data[0] == _CONNECT else ("HTTPS", self._https)
        if self._unnamed:
            self._refuse(wanted)
        else:
            self._hand_over(protocol(), data)

    @property
    def _unnamed(self) -> bool:
        """A client certificate without the ALPN name that goes with it, which counts."""
        return self._certified and not self._devices.settings.port_without_alpn

    def _refuse(self, wanted: str) -> None:
        peer = self._transport.get_extra_info("peername")
        log.info("%s: %s with a client certificate, but not the ALPN name that goes with it", peer, wanted)
        self._stop_waiting()
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._ticket.gone()

    def _by_name(self, chosen: str | None) -> Callable[[], asyncio.Protocol] | None:
        known: dict[str | None, Callable[[], asyncio.Protocol]] = {
            "x-amzn-mqtt-ca": self._mqtt,
            "mqtt": self._custom,
            "x-amzn-http-ca": self._https,
            "http/1.1": self._https,
        }
        return known.get(chosen)

    def _mqtt(self) -> asyncio.Protocol:
        return self._devices.protocol(self._ticket)

    def _custom(self) -> asyncio.Protocol:
        return self._devices.protocol(self._ticket, custom=True)

    def _https(self) -> asyncio.Protocol:
        return self._http(self._ticket)

    def _hand_over(self, protocol: asyncio.Protocol, data: bytes) -> None:
        self._stop_waiting()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if data:
            protocol.data_received(data)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
