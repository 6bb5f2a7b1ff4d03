"""The packets as values, the reason codes, and the one error.

A ``ProtocolError`` is everything a peer can do wrong in bytes, with the MQTT 5 reason code it is told.
"""

from __future__ import annotations

import enum

import msgspec

V31, V311, V5 = 3, 4, 5
MAX_REMAINING_LENGTH = 268_435_455
PROTOCOL_NAMES = {b"MQIsdp": (V31,), b"MQTT": (V311, V5)}


class Reason(enum.IntEnum):
    """MQTT 5 reason codes in use (device reference 2.7)."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USERNAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    QOS_NOT_SUPPORTED = 0x9B
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1


class ProtocolError(Exception):
    """The peer broke the protocol. ``code`` is the reason an MQTT 5 peer is told."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


class Properties(msgspec.Struct, gc=False):
    """MQTT 5 properties; None or an empty tuple means absent."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifier: int | None = None
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_property: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifier_available: int | None = None
    shared_subscription_available: int | None = None


class Will(msgspec.Struct, gc=False):
    """The message a server publishes for a client that vanishes."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None


class Connect(msgspec.Struct, gc=False):
    """CONNECT. ``level`` is 3, 4 or 5; ``clean_start`` is Clean Session in 3.1.1; ``keep_alive`` in seconds."""

    level: int
    client_id: str
    clean_start: bool = True
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties | None = None


class Connack(msgspec.Struct, gc=False):
    """CONNACK. ``code`` is a return code 0-5 in 3.1.1 and a reason code in 5."""

    code: int = 0
    session_present: bool = False
    properties: Properties | None = None


class Publish(msgspec.Struct, gc=False):
    """PUBLISH. ``packet_id`` is 0 at QoS 0."""

    topic: str
    payload: bytes = b""
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False
    properties: Properties | None = None


class Puback(msgspec.Struct, gc=False):
    """PUBACK."""

    packet_id: int
    code: int = 0
    properties: Properties | None = None


class Filter(msgspec.Struct, gc=False):
    """One filter of a SUBSCRIBE; ``options`` is the MQTT 5 options byte, whose low two bits are the QoS."""

    filter: str
    options: int = 0


class Subscribe(msgspec.Struct, gc=False):
    """SUBSCRIBE."""

    packet_id: int
    filters: tuple[Filter, ...]
    properties: Properties | None = None


class Suback(msgspec.Struct, gc=False):
    """SUBACK, one code for each filter."""

    packet_id: int
    codes: tuple[int, ...]
    properties: Properties | None = None


class Unsubscribe(msgspec.Struct, gc=False):
    """UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties | None = None


class Unsuback(msgspec.Struct, gc=False):
    """UNSUBACK; 3.1.1 carries no codes."""

    packet_id: int
    codes: tuple[int, ...] = ()
    properties: Properties | None = None


class Pingreq(msgspec.Struct, gc=False):
    """PINGREQ."""


class Pingresp(msgspec.Struct, gc=False):
    """PINGRESP."""


class Disconnect(msgspec.Struct, gc=False):
    """DISCONNECT."""

    code: int = 0
    properties: Properties | None = None


Packet = (
    Connect | Connack | Publish | Puback | Subscribe | Suback | Unsubscribe | Unsuback | Pingreq | Pingresp | Disconnect
)

PINGRESP = b"\xd0\x00"
