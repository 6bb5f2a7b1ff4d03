"""What happens to connections when nothing arrives: keep alive, connect and stall times, the end of a WebSocket's life
and of what let a client in.

Wheels for all of them, looked at once a second. Certificates and temporary credentials end to the millisecond: in its
last minutes such a connection has a timer.
"""

from __future__ import annotations

import logging
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable
from typing import Protocol

from tidegate.clock import Millis, wall_now
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.session import Connection, Ending, State
from tidegate.mqtt.settings import Settings
from tidegate.mqtt.timer_wheel import TimerWheel

log = logging.getLogger("tidegate.mqtt")

_LATE = 3.0
"""Seconds a look may be late before it gives clients a further turn: their packets may wait unread."""

_MINUTE_MS = 60_000


class End(Protocol):
    """Ends a connection from this side."""

    def __call__(
        self, connection: Connection, ending: Ending, code: Reason, message: str, *, will: bool = True
    ) -> None: ...


class Watched(Protocol):
    """A client's socket as far as time concerns it. The marks of time in it are set here."""

    connection: Connection
    heard: int
    """The second in which something last arrived."""
    deadline: float
    last_second: float
    ends_at: Millis | None
    end_timer: TimerHandle | None

    @property
    def held(self) -> bool:
        """Whether reading is paused, so that silence is not the client's."""
        ...

    def stalled(self, at: float) -> bool:
        """Whether the client has taken too little for too long."""
        ...

    def abort(self) -> None:
        """Drop the socket."""
        ...


class Deadlines:
    """The deadline of each connection. ``second`` is the whole second of the last look."""

    def __init__(self, settings: Settings, beat: Callable[[], float], end: End) -> None:
        self._settings = settings
        self._beat = beat
        self._end = end
        self.second = int(beat())
        self._wheel: TimerWheel[Watched] = TimerWheel()
        self._lives: TimerWheel[Watched] = TimerWheel()
        self._ends: TimerWheel[Watched] = TimerWheel()  # by the wall clock

    def look(self) -> None:
        """Once a second: end what has to end."""
        at = self._beat()
        late = at - self.second > _LATE
        self.second = int(at)
        for edge in self._lives.due(at):
            message = "the connection has lived long enough"
            self._end(edge.connection, Ending.WEBSOCKET_TTL, Reason.ADMINISTRATIVE_ACTION, message)
        for edge in self._ends.due(wall_now() / 1000):
            self._arrange(edge)
        for edge in self._wheel.due(at):
            self._due(edge, at, late)

    def opened(self, edge: Watched) -> None:
        """A connection is there."""
        self._schedule(edge)

    def changed(self, edge: Watched) -> None:
        """What may happen to it has changed: it connected, stalled or is closing."""
        self._wheel.discard(edge, edge.deadline)
        self._schedule(edge)

    def gone(self, edge: Watched) -> None:
        """A connection is no more."""
        self._wheel.discard(edge, edge.deadline)
        self._lives.discard(edge, edge.last_second)
        self.lasts_until(edge, None)

    def live_until(self, edge: Watched, seconds: float) -> None:
        """End a connection after some time, whatever it does."""
        edge.last_second = self._beat() + seconds
        self._lives.add(edge, edge.last_second)

    def lasts_until(self, edge: Watched, ends_at: Millis | None) -> None:
        """End a connection at an instant of the wall clock (epoch ms), when what let it in counts no more."""
        if edge.ends_at == ends_at:
            return
        if edge.ends_at is not None:
            self._ends.discard(edge, _near(edge.ends_at))
        if edge.end_timer is not None:
            edge.end_timer.cancel()
            edge.end_timer = None
        edge.ends_at = ends_at
        self._arrange(edge)

    def _arrange(self, edge: Watched) -> None:
        """See to it that a connection ends in time: clocks are set now and then, so a timer is for the last minutes."""
        if edge.ends_at is None:
            return
        left = edge.ends_at - wall_now()
        if left > 3 * _MINUTE_MS:
            self._ends.add(edge, _near(edge.ends_at))
        else:
            edge.end_timer = get_running_loop().call_later(max(0, left) / 1000, self._over, edge)

    def _over(self, edge: Watched) -> None:
        edge.end_timer = None
        if edge.ends_at is not None and wall_now() < edge.ends_at:  # timers may be early by a millisecond
            self._arrange(edge)
            return
        message = "its certificate or credentials have expired"
        self._end(edge.connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, message, will=False)

    def _due(self, edge: Watched, at: float, late: bool) -> None:
        """A deadline has come: the client was silent for too long, or is given the next one."""
        connection = edge.connection
        if edge.stalled(at) or connection.state is State.CLOSED:
            self._end(connection, Ending.THROTTLED, Reason.QUOTA_EXCEEDED, "it does not take what it is sent")
            edge.abort()
            return
        if late or edge.held:
            edge.heard = self.second
        elif edge.heard + 1 + self._patience(connection) <= at:
            if connection.state is State.CONNECTED:
                self._end(connection, Ending.KEEP_ALIVE_TIMEOUT, Reason.KEEP_ALIVE_TIMEOUT, "keep alive")
            else:
                self._end(connection, Ending.CLIENT_ERROR, Reason.UNSPECIFIED_ERROR, "no CONNECT in time")
            return
        self._schedule(edge)

    def _patience(self, connection: Connection) -> float:
        """Seconds a client may be silent: 1.5 times its keep alive [MQTT-3.1.2-22], less until it has connected."""
        if connection.state is State.CONNECTED:
            return 1.5 * connection.keep_alive
        return self._settings.connect_timeout

    def _schedule(self, edge: Watched) -> None:
        """Set the next deadline; one second is added because ``heard`` is a whole second."""
        if edge.connection.state is State.CLOSED:
            edge.deadline = self.second + 1 + self._settings.close_timeout
        elif edge.held:
            edge.deadline = self.second + 1 + self._settings.write_stall
        else:
            edge.deadline = edge.heard + 1 + self._patience(edge.connection)
        self._wheel.add(edge, edge.deadline)


def _near(ends_at: Millis) -> float:
    """When to set the timer, in seconds: on a whole minute, so that ends share a place on the wheel."""
    return (ends_at // _MINUTE_MS - 1) * 60.0
