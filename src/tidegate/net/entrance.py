"""A listening socket: accepts, waits for the first bytes without touching them, then starts TLS and the protocol.

What a client says first is looked at and left in the socket (``MSG_PEEK``), so TLS, with its objects and buffers,
begins when its ClientHello is there as a whole; the kernel tells when so many bytes have come (``SO_RCVLOWAT``).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from tidegate.net import proxy, tls_failures
from tidegate.net.admission import Admission, Ticket
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.net")

_BACKLOG: Final = 2048
_AT_ONCE: Final = 64
"""Sockets accepted in one turn of the loop."""
_FEW: Final = 4
"""The same where each takes the place of another, whose descriptor is free a turn or two later only."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 1.0
_FAREWELL_S: Final = 0.5
_HANDSHAKE, _RECORD, _LARGEST_RECORD = 0x16, 5, 5 + 16_384
"""Of TLS: the type of a record with a ClientHello, bytes before its body, and the largest one."""
_USUAL: Final = 2048
"""A ClientHello is hardly ever larger."""

Make = Callable[[Ticket], asyncio.Protocol]
Networks = Collection[IPv4Network | IPv6Network]


class Entrance:
    """One way in. ``make`` builds the protocol of a connection, which tells its ticket when it is known and gone."""

    def __init__(
        self,
        admission: Admission,
        name: str,
        make: Make,
        context: ssl.SSLContext | None = None,
        *,
        operators: bool = False,
        weight: int = 1,
        balancers: Networks = (),
        farewell_s: float = _FAREWELL_S,
    ) -> None:
        """``balancers``: where connections begin with a PROXY header.

        ``farewell_s``: how long a closing TLS connection waits for the peer's farewell.
        """
        self.admission = admission
        self.name = name
        self.operators = operators
        self.weight = weight
        self.placed = context is not None
        self.balancers = balancers
        self.loop = asyncio.get_running_loop()
        self._make = make
        self._sockets: list[socket.socket] = []
        self._outside: dict[Ticket, _Outside] = {}
        self._opening: set[asyncio.Task[Any]] = set()
        self._timeouts: dict[str, Any] = {}
        self._limited_log = RateLimitedLog(log)
        if context is not None:
            self._timeouts = {
                "ssl": context,
                "ssl_handshake_timeout": admission.limits.handshake_s,
                "ssl_shutdown_timeout": farewell_s,
            }

    async def open(self, host: str | None, port: int) -> tuple[str, int]:
        """Bind and accept; returns where. Port 0 takes a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        found = await self.loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return self.take([listening(family, address) for family, *_, address in dict.fromkeys(found)])

    def take(self, listening: list[socket.socket]) -> tuple[str, int]:
        """Accept from sockets that listen and do not block."""
        self._sockets = listening
        self.admission.opened()
        self._resume()
        bound = self._sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def close(self) -> None:
        """Accept nobody any more; who waits outside or is at the handshake is sent away. May be called again."""
        if not self._sockets:
            return
        for each in self._sockets:
            self.loop.remove_reader(each.fileno())
            each.close()
        self._sockets = []
        self.admission.closed(self)
        # Without TLS they are open in a turn, and uvloop would forget to tell a cancelled one of its end.
        if self.placed:
            for task in self._opening:
                task.cancel()
        if self._opening:
            await asyncio.wait(self._opening)

    # -- accepting --

    def _resume(self) -> None:
        for each in self._sockets:
            self.loop.add_reader(each.fileno(), self._accept, each)

    def _pause(self) -> None:
        for each in self._sockets:
            self.loop.remove_reader(each.fileno())
        self.loop.call_later(_PAUSE_S, self._resume)

    def _accept(self, listener: socket.socket) -> None:
        for number in range(_AT_ONCE):
            if number >= _FEW and self.admission.is_full:
                return
            try:
                accepted, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                if not self.admission.make_room():
                    self._limited_log.error("no connection can be accepted on %s: %s", self.name, error)
                    self._pause()
                return
            accepted.setblocking(False)
            self._arrived(accepted, str(address[0]))

    def _arrived(self, accepted: socket.socket, address: str) -> None:
        outside = _Outside(self, accepted)
        ticket = self.admission.admit(self, address, outside.close)
        if ticket is None:
            outside.close()
            return
        outside.ticket = ticket
        outside.named = not (self.balancers and self._balances(address))
        self._outside[ticket] = outside
        outside.look()

    def _balances(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        return any(found in network for network in self.balancers)

    # -- beginning --

    def begin(self, ticket: Ticket) -> None:
        """Start TLS, if any, and the protocol."""
        accepted = ticket.socket = self._outside.pop(ticket).hand_over()
        make = self._after_tls if self.placed else self._make
        opening = self.loop.connect_accepted_socket(lambda: make(ticket), accepted, **self._timeouts)
        task = self.loop.create_task(opening)
        self._opening.add(task)
        ticket.drop = task.cancel if self.placed else _wait
        task.add_done_callback(lambda task: self._opened(task, accepted, ticket))

    def _after_tls(self, ticket: Ticket) -> asyncio.Protocol:
        return _Handshake(self._make, ticket)

    def _opened(self, task: asyncio.Task[Any], accepted: socket.socket, ticket: Ticket) -> None:
        """The handshake is over, one way or another."""
        self._opening.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            transport, _ = task.result()
            ticket.opened(transport)
            return
        if isinstance(error, OSError):  # also what TLS refuses, and its timeout
            self.admission.ledger.handshake_failed(self.name, tls_failures.of(error), ticket.address)
        elif error is not None:
            self._limited_log.error("a connection on %s was not opened", self.name, exc_info=error)
        ticket.gone()
        accepted.close()

    def forget(self, ticket: Ticket) -> None:
        """It went before it began."""
        self._outside.pop(ticket, None)


class _Handshake(asyncio.Protocol):
    """Stands for the protocol until TLS is through: most of what fails there needs none."""

    def __init__(self, make: Make, ticket: Ticket) -> None:
        self._make, self._ticket = make, ticket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._make(self._ticket)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Outside:
    """A bare socket until its client has said enough."""

    __slots__ = ("_entrance", "_needed", "_reader", "_socket", "named", "ticket")

    ticket: Ticket

    def __init__(self, entrance: Entrance, accepted: socket.socket) -> None:
        self._entrance = entrance
        self._socket = accepted
        self._needed = 1
        self._reader = False
        self.named = True
        """Whether it is known whose connection it is."""

    def look(self) -> None:
        """See what is there."""
        try:
            needed = self._name() if not self.named else self._needs()
        except BlockingIOError:
            if not self._reader or self._needed != 1:
                self._wait(1)
            return
        except proxy.NoHeaderError:
            self._entrance.admission.ledger.refused(self._entrance.name, "proxy", self.ticket.address)
            self._gone()
            return
        except OSError:
            self._gone()
            return
        if needed:
            self._wait(needed)
        elif self.named:
            self._stop_reading()
            self._entrance.admission.spoke(self.ticket)

    def _needs(self) -> int:
        """Bytes that must be there before it begins; 0 if they are."""
        data = self._peek(_USUAL if self._entrance.placed else 1)
        if data[0] != _HANDSHAKE or not self._entrance.placed:
            return 0
        if len(data) < _RECORD:
            return _RECORD
        size = _RECORD + int.from_bytes(data[3:5], "big")
        if size > _LARGEST_RECORD or len(data) >= size:
            return 0  # TLS refuses what is too large
        return 0 if size > _USUAL and len(self._peek(size)) == size else size

    def _name(self) -> int:
        """Bytes that must be there before the balancer's header can be read; 0 if it has been."""
        found = proxy.parse(self._peek(proxy.LONGEST))
        if isinstance(found, int):
            return found
        self._socket.recv(found.size)
        self.named = True
        if found.address is not None and not self._entrance.admission.renamed(self.ticket, found.address):
            raise ConnectionRefusedError
        return self._needs()

    def _peek(self, size: int) -> bytes:
        data = self._socket.recv(size, socket.MSG_PEEK)
        if not data:
            raise ConnectionResetError
        return data

    def _wait(self, needed: int) -> None:
        if self._reader and needed == self._needed:
            self._gone()  # what should be there is not: it is the end that can be read
            return
        if needed != self._needed:
            self._needed = needed
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, needed)
        if not self._reader:
            self._reader = True
            self._entrance.loop.add_reader(self._socket.fileno(), self.look)

    def _stop_reading(self) -> None:
        if self._reader:
            self._reader = False
            self._entrance.loop.remove_reader(self._socket.fileno())

    def hand_over(self) -> socket.socket:
        """The socket, as it was accepted."""
        if self._needed != 1:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _gone(self) -> None:
        self.close()
        self.ticket.gone()

    def close(self) -> None:
        """Close the socket."""
        self._stop_reading()
        self._socket.close()
        if hasattr(self, "ticket"):
            self._entrance.forget(self.ticket)


def _wait() -> None:
    """It is open in a turn of the loop, and has a transport to be sent away through."""


def listening(family: int, address: Any) -> socket.socket:
    """A bound, listening socket. Raises ``OSError`` if the address cannot be bound."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
