"""Where more is taken than AWS takes, so that nobody stumbles over it here; ``--strict-aws`` takes no more than AWS.

Every such place is a field, and docs/strict-aws.md is written from them. What is taken on AWS, too, is none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple


class Leniency(NamedTuple):
    """What is taken beyond AWS; each may be switched by itself."""

    role_accounts: bool = True
    denials_told: bool = True
    port_without_alpn: bool = True
    websocket_certificates: bool = True
    websocket_without_protocol: bool = True
    unsubscribe_filters: bool = True
    receive_maximum: bool = True
    detail_line_breaks: bool = True
    other_suites: bool = True
    other_names: bool = True


STRICT: Final = Leniency(*[False] * len(Leniency._fields))


class Place(NamedTuple):
    """One row of the page: what we take, what AWS does, and on which evidence."""

    here: str
    aws: str
    evidence: str


PLACES: Final[dict[str, Place]] = {
    "role_accounts": Place(
        "a role ARN whose account is digits, though not twelve (`arn:aws:iam::1:role/x`)",
        "an account has twelve digits: InvalidRequestException, ValidationException",
        "our choice; test suites and samples are full of them",
    ),
    "denials_told": Place(
        "what a policy denies to an MQTT 3.1.1 client is answered: CONNACK 5, SUBACK 0x80",
        "the connection is closed without an answer",
        "AWS's guide",
    ),
    "port_without_alpn": Place(
        "MQTT or HTTPS with a client certificate on the `--shared` port, without the ALPN name that goes with it",
        "fails on port 443: `x-amzn-mqtt-ca` or `x-amzn-http-ca` must be named",
        "AWS's guide; a report of users of the live service",
    ),
    "websocket_certificates": Place(
        "MQTT over WebSocket with a client certificate and no signature",
        "WebSocket takes SigV4 or a custom authorizer: 403",
        "AWS's guide",
    ),
    "websocket_without_protocol": Place(
        "a WebSocket handshake that asks for no sub-protocol",
        "MQTT asks for `mqtt`: 400",
        "the MQTT standard",
    ),
    "unsubscribe_filters": Place(
        "any number of filters in an UNSUBSCRIBE",
        "more than eight are not answered; here the connection ends, as for a SUBSCRIBE",
        "a report about the live service by a third party",
    ),
    "receive_maximum": Place(
        "more QoS 1 publishes at once than an MQTT 5 client's Receive Maximum, read on as they are acknowledged",
        "may disconnect: DISCONNECT 0x93",
        "AWS's guide; mqtt.js and paho send all they have by default",
    ),
    "detail_line_breaks": Place(
        "line breaks and tabs in `statusDetails`, which AWS's own device client sends",
        "the model's pattern forbids control characters: InvalidRequest",
        "the service model",
    ),
    "other_suites": Place(
        "TLS 1.2 with ChaCha20 suites, which OpenSSL has",
        "no policy lists ChaCha20 for TLS 1.2: the handshake fails",
        "AWS's guide, the table of security policies",
    ),
    "other_names": Place(
        "devices that ask TLS for a host name (SNI) which the server does not have: `localhost`, `--name`, one below "
        "these, or one of AWS's",
        "connections with an incorrect name fail; here in the handshake",
        "AWS's guide",
    ),
}
"""By the name of the field."""


def chosen(*, strict: bool, taken: Collection[str]) -> Leniency:
    """What ``--strict-aws`` and ``--take`` mean together."""
    return STRICT._replace(**dict.fromkeys(taken, True)) if strict else Leniency()
