"""What one client gets of a turn of the loop: a slice of what it has sent, and its next one when the others had theirs.

A read brings up to 256 KiB, and uvloop goes on reading a socket up to 32 times while the client keeps it full: eight
megabytes of one client in one turn, in which nobody else is heard. Here what is more than a first slice is cut up;
reading stops meanwhile, and goes on when all of it is taken in. A slice grows while it costs little and shrinks when it
takes more than a millisecond, so that large bodies are no slower and floods of tiny packets no burden. Where several
accounts work the slices take turns by account (``fairness``).

TLS hides the end of a stream behind what is still unread. Nothing that arrived before the end is lost: the end waits.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final, cast

from tidegate.clock import monotonic
from tidegate.net.admission import Ticket

FIRST: Final = 4 * 1024
"""Bytes that are taken in at once, whatever they cost."""
SMALLEST: Final = 1024
LARGEST: Final = 256 * 1024
DEAR_S: Final = 0.001
"""A slice that takes longer is too large; one that takes a quarter may be larger."""

SLICED: Final = 1 << 15
"""The reason for holding a client back that belongs to this module; others are chosen by those who use it."""


class _Rest:
    """What has arrived and is not yet taken in."""

    __slots__ = ("at", "chunks", "due", "ended", "exc", "lost", "size")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.at = 0  # in the first chunk
        self.size = FIRST
        self.due = False  # a turn is
        self.ended = False
        self.lost = False
        self.exc: Exception | None = None

    def take(self) -> bytes:
        """The next slice; empty at the end."""
        if not self.chunks:
            return b""
        first = self.chunks[0]
        piece = first[self.at : self.at + self.size]
        self.at += len(piece)
        if self.at >= len(first):
            del self.chunks[0]
            self.at = 0
        return piece

    def adjust(self, seconds: float) -> None:
        """Choose the next slice's size by what the last one took."""
        if seconds > DEAR_S:
            self.size = max(SMALLEST, self.size // 2)
        elif seconds < DEAR_S / 4:
            self.size = min(LARGEST, self.size * 2)


class Sliced(asyncio.Protocol):
    """A protocol that takes in its client's bytes by slices, and can hold the client back for several reasons."""

    __slots__ = ("_below", "_held", "_untaken", "ticket")

    waits: ClassVar[bool] = True
    """Whether also the first little that arrives waits for its account's turn; else the protocol sees to that."""
    patient: ClassVar[int] = 0
    """Reasons that are waited for even when the client has gone: what it said is still to be carried out."""

    def __init__(self, ticket: Ticket | None = None) -> None:
        """``ticket``: what admission gave for the connection."""
        self.ticket = ticket
        self._below: asyncio.Transport | None = None
        self._held = 0
        self._untaken: _Rest | None = None

    # -- for those who use it --

    def received(self, data: bytes) -> None:
        """A slice."""
        raise NotImplementedError

    def ended(self) -> bool | None:
        """The client will send no more; True keeps the connection open (not over TLS)."""

    def lost(self, exc: Exception | None) -> None:
        """The connection is gone, and everything that came over it was taken in."""
        raise NotImplementedError

    def attach(self, transport: asyncio.BaseTransport) -> str:
        """Begin: the first thing in ``connection_made``. Returns the client's address."""
        self._below = cast("asyncio.Transport", transport)
        if transport.get_extra_info("ssl_object") is not None and hasattr(transport, "set_read_buffer_limits"):
            # While we read nothing, nothing is read below either: else the end would overtake what came before it.
            transport.set_read_buffer_limits(high=1, low=0)
        if self.ticket is not None:
            return self.ticket.address
        name = transport.get_extra_info("peername")
        return str(name[0]) if isinstance(name, tuple) else ""

    def hold(self, why: int) -> None:
        """Read nothing from the client until the reason is gone."""
        if not self._held and self._below is not None and not self._below.is_closing():
            self._below.pause_reading()
        self._held |= why

    def release(self, why: int) -> None:
        """A reason is gone."""
        if not self._held & why:
            return
        self._held &= ~why
        if self._untaken is not None:
            if self._held == SLICED or self._untaken.lost:
                self._soon(self._untaken)
        elif not self._held and self._below is not None and not self._below.is_closing():
            self._below.resume_reading()

    def confirm(self) -> None:
        """Nothing will be written for what was read: have the kernel acknowledge it now."""
        if self.ticket is not None:
            self.ticket.confirm()

    def take_rest(self) -> bytes:
        """What was not yet taken in, for a protocol that takes over."""
        rest, self._untaken = self._untaken, None
        pieces = [] if rest is None else [rest.chunks[0][rest.at :], *rest.chunks[1:]] if rest.chunks else []
        self.release(SLICED)
        return b"".join(pieces)

    # -- what asyncio calls --

    def data_received(self, data: bytes) -> None:
        if self._untaken is not None:
            self._untaken.chunks.append(data)
            return
        at_once = not self.waits or self.ticket is None or self.ticket.admits()
        if len(data) <= FIRST and at_once:
            self.received(data)
            return
        self._untaken = _Rest()
        self._untaken.chunks.append(data)
        self.hold(SLICED)
        if at_once:
            self._turn()
        else:
            self._soon(self._untaken)

    def eof_received(self) -> bool | None:
        if self._untaken is None:
            return self.ended()
        self._untaken.ended = True
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._below = None
        if self.ticket is not None:
            self.ticket.gone()
        rest = self._untaken
        if rest is None:
            self.lost(exc)
            return
        rest.lost, rest.exc = True, exc
        self._soon(rest)

    # -- turns --

    def _soon(self, rest: _Rest) -> None:
        if not rest.due:
            rest.due = True
            if self.ticket is None:
                asyncio.get_running_loop().call_soon(self._turn)
            else:
                self.ticket.soon(self._turn)

    def _turn(self) -> None:
        rest = self._untaken
        if rest is None:
            return
        rest.due = False
        others = self._held & ~SLICED
        if others and not rest.lost:
            return  # ``release`` goes on
        if others & self.patient:
            return
        if others:
            rest.chunks.clear()  # it would have stayed unread, and nobody is there to read its answers
        piece = rest.take()
        if piece:
            self._take_in(rest, piece)
        if self._untaken is not rest:
            return  # taken over
        if rest.chunks:
            self._soon(rest)
            return
        self._untaken = None
        if rest.ended:
            self.ended()
        if rest.lost:
            self.lost(rest.exc)
        else:
            self.release(SLICED)

    def _take_in(self, rest: _Rest, piece: bytes) -> None:
        began = monotonic()
        try:
            self.received(piece)
        except BaseException:
            if self._below is not None:
                self._below.abort()  # as asyncio does with a protocol that fails
            raise
        rest.adjust(monotonic() - began)
