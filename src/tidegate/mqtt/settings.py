"""The limits of the device endpoint, each a setting (device reference section 6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are AWS's where AWS names one. Sizes in bytes, durations in seconds, 0 switches a rate off."""

    denials_told: bool = True
    """Answer CONNACK 5 or SUBACK 0x80 to 3.1.1 clients where AWS is said to close silently (2.1, 2.3)."""
    port_without_alpn: bool = True
    """Take MQTT on the shared port from clients that name no protocol; on AWS's 443 that fails."""
    unsubscribe_filters: bool = True
    """Take any number of filters in an UNSUBSCRIBE."""
    receive_maximum: bool = True
    """Read on as publishes are acknowledged where a client sends more at once than the Receive Maximum it was told."""
    lenient_qos2: bool = False
    """Grant QoS 1 to a subscription that asks for 2, instead of ending the connection (2.3)."""

    max_client_id: int = 128
    min_keep_alive: int = 30
    max_keep_alive: int = 1200
    connect_timeout: float = 20.0
    """From the accepted socket to a complete CONNECT."""
    handshake_timeout: float = 20.0
    websocket_lifetime: float = 86_400.0
    """The longest life of a WebSocket connection (2.9)."""
    max_handshakes: int = 1024
    """Connections dealt with at once before it is known who they are, on all listeners; the others wait."""
    max_handshakes_per_address: int = 128
    """The same for one address; further ones wait without costing a handshake."""
    waiting: int = 8192
    """Sockets that say nothing or wait so; then the oldest of the address that has most is closed."""
    max_connections_per_address: int = 0
    """Connections of one address, known or not; further ones are closed. 0: a gateway has many behind one."""
    close_timeout: float = 5.0
    """How long a closing TLS connection waits for the peer's farewell."""

    max_payload: int = 131_072
    max_packet: int = 149_504
    max_filters: int = 8
    """Filters in one SUBSCRIBE, and in an UNSUBSCRIBE unless it may have any number; more end the connection."""
    max_subscriptions: int = 50
    max_unacknowledged: int = 100
    """QoS 1 messages under way to a client, and the Receive Maximum it is told."""
    max_topic_aliases: int = 8
    max_message_expiry: int = 604_800
    max_session_expiry: int = 3600
    """The longest life of a session without a connection, and that of every persistent 3.1.1 session."""

    max_queued: int = 1000
    """QoS 1 messages kept for one session beyond those under way; the oldest gives way."""
    max_queued_bytes: int = 4_194_304
    max_retained: int = 100_000
    """Retained messages of one scope."""
    max_retained_bytes: int = 268_435_456
    """What they weigh together; what exceeds either limit is delivered but not retained."""

    max_pending_requests: int = 256
    """Job requests of one connection awaiting their reply before reading from it stops."""
    publish_rate: int = 0
    """Publishes per second and connection; AWS has 100. A faster client is read from again in the next second."""
    publish_bytes: int = 0
    """Bytes of their payloads likewise; AWS has 512 KiB."""
    deliver_rate: int = 0
    """Messages per second to a connection; AWS has 100. Beyond it QoS 1 messages wait, QoS 0 ones are dropped."""
    replay_rate: int = 0
    """Of the messages that waited for a client, so many per second when it returns; AWS has 10 (2.2)."""
    connect_rate: int = 0
    """Connects per second of a client id; AWS has 1. Further ones are refused."""
    subscribe_rate: int = 40
    """SUBSCRIBEs per second and connection: some clients repeat a refused one for ever without a pause (2.3)."""
    write_high_water: int = 65_536
    """Bytes unsent to a client above which QoS 1 messages to it wait and nothing more is read from it."""
    write_limit: int = 1_048_576
    """Bytes unsent to a client above which QoS 0 messages to it are dropped."""
    write_stall: float = 15.0
    """How long a client may stay above the high water mark before it is disconnected."""

    @classmethod
    def strict(cls) -> Settings:
        """As AWS is, where others had better be milder: its rates, its silence."""
        return cls(
            denials_told=False,
            port_without_alpn=False,
            unsubscribe_filters=False,
            receive_maximum=False,
            publish_rate=100,
            publish_bytes=524_288,
            deliver_rate=100,
            replay_rate=10,
            connect_rate=1,
        )


LENIENT: Final = frozenset({"denials_told", "port_without_alpn", "unsubscribe_filters", "receive_maximum"})
"""What is switched as a leniency, not in a file of settings."""
_WEEK: Final = 604_800
_MOST: Final[dict[str, int]] = {
    "max_client_id": 65_535,
    "max_keep_alive": 65_535,
    "min_keep_alive": 65_535,
    "max_unacknowledged": 65_535,
    "max_topic_aliases": 65_535,
    "max_packet": 268_435_460,
    "max_payload": 268_435_455,
    "max_session_expiry": _WEEK,
    "max_message_expiry": 2**32 - 1,
}
"""What MQTT's fields can hold, and AWS's longest session."""
_POSITIVE: Final = frozenset(
    {
        *(
            "max_client_id",
            "max_filters",
            "max_unacknowledged",
            "max_packet",
            "max_handshakes",
            "max_handshakes_per_address",
        ),
        *("connect_timeout", "handshake_timeout", "websocket_lifetime", "write_high_water", "write_limit"),
        *("max_pending_requests", "max_message_expiry", "write_stall", "close_timeout", "max_keep_alive"),
    }
)
"""Those that must not be 0."""


def overridden(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """Settings with some of them changed.

    Raises:
        ValueError: with a sentence for each that is unknown or out of range.
    """
    problems = [problem for name, value in given.items() for problem in _problems(name, value)]
    if not problems:
        chosen = dataclasses.replace(settings, **given)
        if chosen.min_keep_alive > chosen.max_keep_alive:
            problems.append("min_keep_alive must not be more than max_keep_alive.")
        if chosen.max_payload > chosen.max_packet:
            problems.append("max_payload must not be more than max_packet.")
    if problems:
        raise ValueError(" ".join(problems))
    return chosen


def _problems(name: str, value: object) -> list[str]:
    known = {field.name: field.default for field in dataclasses.fields(Settings) if field.name not in LENIENT}
    if name not in known:
        return [f"There is no MQTT setting {name}; there are {', '.join(known)}."]
    default = known[name]
    if isinstance(default, bool):
        return [] if isinstance(value, bool) else [f"{name} must be true or false."]
    kind = (int, float) if isinstance(default, float) else int
    least, most = int(name in _POSITIVE), _MOST.get(name, 2**53)
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
        what = "number" if isinstance(default, float) else "whole number"
        return [f"{name} must be a {what} from {least} to {most}."]
    return []
