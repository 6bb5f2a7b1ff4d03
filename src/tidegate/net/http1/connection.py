"""HTTP/1.1 on one connection: bytes in, requests to the application, answers out in order.

Parsing is httptools' (llhttp). A protocol of our own, because an answer then costs one write instead of two and a
request no queue between parser and application: on the same machine 13 µs against 22 µs for an ASGI server's constant
answer. It knows no AWS.

A listener takes requests whole (``respond``) or with bodies that stream (``converse``). The rules:

* One request at a time; pipelined ones wait, and past a few the client does. A whole request is handed over when it has
  arrived, a streaming one with its head: its body is read by whom it concerns, and the client is held back while nobody
  does.
* A body or head larger than the limits is refused before it is taken in, and so is what stands around a chunked body.
  What is refused is answered in order, then the connection lingers: what still comes is dropped for a while, because
  closing at once would take the answer away with a reset under a client that is still writing. The same for what is
  left of a streaming body that nobody wanted, unless it is small: that is passed over.
* A client that asks may go on with its body once the requests before it are answered and its head is accepted; if the
  body streams, once somebody begins to read, so that a refusal costs the client no upload.
* Trailers are read over: a header that comes after the body was not part of what anybody decided about.
* What does not arrive in time is refused. Deadlines are looked at once a second by the listener, not timed singly.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final, Protocol, cast

from tidegate.net.admission import Ticket
from tidegate.net.http1.exchange import CONTINUE, PASSED_OVER_S, Exchange, head_of
from tidegate.net.http1.intake import ENOUGH, PIPELINED, Intake, Rules, Waiting
from tidegate.net.http1.messages import Answer, Peer, Refusal, Refuse, Render, Respond, Stream, Switch
from tidegate.net.http1.outlet import Buffered, Direct, GoneError
from tidegate.net.slices import Sliced

_LINGER_SECONDS: Final = 5.0


class Owner(Rules, Protocol):
    """The listener, as its connections see it."""

    respond: Respond | None
    refuse: Refuse | None
    """Answers what must not even be looked at."""
    render: Render

    def opened(self, connection: Connection) -> None:
        """A connection is there."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...


class Connection(Intake):
    """One accepted connection."""

    __slots__ = ("_answered_at", "_last", "_loop", "_owner", "_stalled", "_unending")

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, ticket: Ticket | None = None) -> None:
        super().__init__(owner, ticket)
        self._owner = owner
        self._loop = loop
        self._stalled = 0.0  # when a client that does not read its answers is given up; 0 while it reads
        self._last = False  # an answer that closes has been written
        self._answered_at: float | None = None  # the exchange, and the rest of its body is passed over
        self._unending = False  # what is served would never end

    # -- the transport's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = self.attach(transport)
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's classes
        tls = transport.get_extra_info("ssl_object")
        self._peer = Peer(
            device=self._owner.device,
            certificate=tls.getpeercert(binary_form=True) if tls else None,
            address=address,
            tls=tls is not None,
            ticket=self.ticket,
            known={},
        )
        if self.ticket is not None:
            self.ticket.release()  # TLS is through; HTTP has times of its own
        if self._owner.converse is not None:
            direct = tls is None and self._transport.get_extra_info("socket") is not None
            self._outlet = (Direct if direct else Buffered)(self._transport, self._owner.limits, self._loop)
        self._owner.opened(self)

    def lost(self, exc: Exception | None) -> None:
        # A whole request under way is carried out all the same; its answer has nowhere to go. What streams is ended.
        self._last = True
        if self._outlet is not None:
            self._outlet.close()
            self._break_body()
            if self._task is not None:
                self._task.cancel()
        self._queue.clear()
        self._body = []
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None  # it has us, too
        del self._parser  # it has us: a circle, and the memory of a request
        self._owner.closed(self)

    @property
    def serving(self) -> asyncio.Task[None] | None:
        """What is working on an answer."""
        return self._task

    def pause_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.pause()
        else:
            self._stalled = self._owner.now + self._owner.limits.request

    def resume_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.resume()
        if self._stalled:
            self._stalled = 0.0
            self._next()

    # -- the application's side --------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Take up the next waiting request, if nothing is in its way."""
        if self._task is not None or self._stalled or self._last:
            return
        if not self._queue:
            self._rest()
            return
        waiting = self._queue.popleft()
        if self._holding is not None:
            self._count_held()
        if isinstance(waiting, Refusal):
            self._write(self._owner.render(waiting), keep=False)
            self._end()
            return
        self._deadline = 0.0
        serving = self._converse(waiting) if isinstance(waiting, Exchange) else self._serve(waiting)
        self._task = self._loop.create_task(serving)

    async def _ask(self, waiting: Waiting) -> Answer | Stream | Switch:
        owner = self._owner
        try:
            found: Answer | Switch | None = None
            if owner.refuse is not None:
                found = owner.refuse(waiting.request)
            if found is None and waiting.upgrade and owner.upgrade is not None:
                found = await owner.upgrade(waiting.request)
            assert owner.respond is not None
            return found or await owner.respond(waiting.request)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Nobody is left to answer: a reset rather than silence."""
        self._transport.abort()
        self._queue.clear()
        self._last, self._task = True, None  # the error knows us: a circle

    async def _serve(self, waiting: Waiting) -> None:
        if await self._left_meanwhile():
            return
        try:
            answer = await self._ask(waiting)
        except GoneError:  # whoever answers wants silence; the connection is given up
            return
        keep = waiting.keep and not (self._stopping and not self._queue)
        if isinstance(answer, Stream):
            keep = await self._pour(answer, waiting, keep=keep)
        elif isinstance(answer, Switch):
            self._switch(answer)
            return
        elif not self._last:
            self._write(answer, keep=keep, head_only=waiting.request.method == "HEAD")
        self._task = None
        if not self._last:
            self._go_on(keep=keep)

    async def _pour(self, answer: Stream, waiting: Waiting, *, keep: bool) -> bool:
        """Send an answer bit by bit; whether the connection can be used further."""
        chunked = waiting.chunked
        keep = keep and chunked and not answer.endless
        lines = self._owner.lines + (b"transfer-encoding: chunked\r\n" if chunked else b"")
        try:
            async with aclosing(answer.chunks) as chunks:
                if self._last:
                    return False
                self._outlet, self._unending = Buffered(self._transport, self._owner.limits, self._loop), answer.endless
                await self._outlet.write(head_of(answer.status, lines, answer.headers, None, keep=keep))
                if waiting.request.method == "HEAD":
                    return keep
                async for chunk in chunks:
                    if chunk:
                        await self._outlet.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        except asyncio.CancelledError:
            if self._last or not self._unending:
                raise
            keep = False  # the server stops, or the client has ended
        except BaseException as error:
            self._give_up()  # or the client would take what it has for the whole
            if isinstance(error, GoneError):
                return False
            raise
        finally:
            self._outlet, self._unending = None, False
        if chunked and not self._last:
            self._transport.write(b"0\r\n\r\n")
        return keep

    async def _left_meanwhile(self) -> bool:
        """Wait for a turn; whether the client has gone, who is owed nothing of what has not begun."""
        if self.ticket is None or self.ticket.admits():
            return False
        await self.ticket.turn()
        if self._transport.is_closing():
            self._task = None
            return True
        return False

    async def _converse(self, exchange: Exchange) -> None:
        assert self._owner.converse is not None
        if await self._left_meanwhile():
            return
        whole = False
        try:
            await self._owner.converse(exchange)
            self._answered_at = self._loop.time()
            whole = await exchange.pass_over()
        except GoneError:
            self._give_up()
            return
        except BaseException:
            self._give_up()
            raise
        finally:
            self._task = self._answered_at = None
        if not whole:
            self._break_body()
            self._refused = True
            self.release(ENOUGH)  # what still comes is dropped
        if not self._last:
            self._go_on(keep=exchange.keep and whole and not (self._stopping and not self._queue))

    def _end_endless(self) -> None:
        if self._unending and self._task is not None:
            self._task.cancel()

    def _go_on(self, *, keep: bool) -> None:
        """An answer is written."""
        if not keep:
            self._end()
            return
        if self._held and len(self._queue) <= PIPELINED:
            self.release(ENOUGH)
        self._next()

    def _switch(self, switch: Switch) -> None:
        """Give the connection away."""
        self._task = None
        if self._last or self._transport.is_closing():
            return
        self._last = True
        after = bytes(self._tunnelled or b"") + self.take_rest()
        self.release(ENOUGH)
        transport, protocol = self._transport, switch.protocol()
        transport.write(switch.head)
        del self._parser  # as when it is lost
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None
        self._owner.closed(self)
        if isinstance(protocol, Sliced):
            protocol.ticket = self.ticket
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if after:
            protocol.data_received(after)

    def _rest(self) -> None:
        """Nothing is being served and nothing waits."""
        if self._last:
            return
        if self._expects and self._begun and self._arriving is None:
            self._expects = False
            self._transport.write(CONTINUE)
        if self._stopping and not self._begun:
            self._end()
        elif not self._begun and not self._deadline:
            self._deadline = self._owner.now + self._owner.limits.keep_alive

    def _write(self, answer: Answer, *, keep: bool, head_only: bool = False) -> None:
        status, headers, body = answer
        head = head_of(status, self._owner.lines, headers, len(body), keep=keep)
        self._transport.write(head if head_only else head + body)

    def _end(self) -> None:
        """The last answer is written: close, but not under a client that is still writing."""
        self._last = True
        if self._refused and not self._stopping:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._deadline = self._owner.now + _LINGER_SECONDS
        else:
            self._transport.close()

    # -- the listener's side -----------------------------------------------------------------------------------------

    @property
    def rests(self) -> float | None:
        """When it will be closed if its client says nothing more; None while something is under way."""
        if self._answered_at is not None:  # what is left of a body that nobody wants
            return self._answered_at + PASSED_OVER_S
        return None if self._task is not None or self._begun or self._queue else self._deadline

    @property
    def unfinished(self) -> float | None:
        """When a request that has begun to arrive must have arrived; None if there is none."""
        return self._deadline if self._begun and self._task is None else None

    def send_away(self, reason: str) -> None:
        """Close at once, because there is no room."""
        if self.ticket is not None:
            self.ticket.send_away(reason)
        self._transport.abort()

    def expire(self, now: float) -> None:
        """Cut off what has not arrived in time; ``now`` is the loop's."""
        if self._stalled and now >= self._stalled:
            self._transport.abort()
        elif self._task is not None or not self._deadline or now < self._deadline:
            return
        elif self._begun and not self._last:
            self._refuse(Refusal("late", "The request did not arrive in time."))
            self._next()
        else:
            self._transport.close()

    def stop(self) -> None:
        """Close once what has begun is answered."""
        self._stopping = True
        if self._last:
            self._transport.close()
        self._end_endless()
        self._next()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
