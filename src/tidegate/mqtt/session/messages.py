"""Messages on their way to clients, the states of a connection, and the reasons it ends for."""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from tidegate.mqtt.codec import Properties


class Ending(enum.StrEnum):
    """Why a connection ended, in AWS's words (device reference 2.8)."""

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENTID"
    FORBIDDEN_ACCESS = "FORBIDDEN_ACCESS"
    KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED = "SERVER_INITIATED_DISCONNECT"
    API_INITIATED = "API_INITIATED_DISCONNECT"
    THROTTLED = "THROTTLED"
    WEBSOCKET_TTL = "WEBSOCKET_TTL_EXPIRATION"


class State(enum.Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    IDENTIFYING = "identifying"
    CONNECTED = "connected"
    CLOSED = "closed"


class Message(msgspec.Struct, gc=False):
    """An application message on its way to subscribers. ``expires_at`` in epoch milliseconds.

    ``newest_only``: a later message on the topic makes a waiting one worthless. ``reply``: never kept for a client
    that is not there (device reference 3.3).
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None
    expires_at: int | None = None
    newest_only: bool = False
    reply: bool = False

    @property
    def size(self) -> int:
        """Bytes it weighs in a queue, roughly."""
        return len(self.payload) + len(self.topic) + 64


class Delivery(msgspec.Struct, gc=False):
    """A message for one session, with its QoS and RETAIN flag there. ``number`` is that of its row; 0: it has none.

    ``share``: the shared subscription it comes by, whose other members may get it instead. ``done`` is called when its
    client has acknowledged it.
    """

    message: Message
    qos: int
    retain: bool
    number: int = 0
    share: str = ""
    done: Callable[[], None] | None = None


class Retained(msgspec.Struct, frozen=True, gc=False):
    """The retained message of a topic and when it was published, in epoch milliseconds."""

    message: Message
    retained_at: int


class Ack(msgspec.Struct, gc=False):
    """A PUBACK that is due. Not ``ready``: what the client published is on its way to the disk."""

    packet_id: int
    code: int = 0
    ready: bool = False
