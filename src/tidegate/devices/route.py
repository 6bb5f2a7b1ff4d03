"""What a row of the device plane's table says: topic, operation, and how its requests and answers look.

A feature is a ``Family`` with the ``Route`` of each of its operations, at the end of its module; ``table`` joins them,
``dispatch`` carries out what arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct, field

from tidegate.clock import Millis
from tidegate.devices.plane import Reply
from tidegate.mqtt.reserved import Claim, Kind
from tidegate.ops.call import Call
from tidegate.ops.handler import Handler
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.wire.errors import WireError

Format = Literal["json", "cbor"]
"""How a payload is encoded; the answer is encoded like its request."""

LABELS: Final[dict[str, str]] = {
    "thingName": "[a-zA-Z0-9:_-]{1,128}",
    "jobId": "[a-zA-Z0-9_-]{1,64}",
    "namespace": "[a-zA-Z0-9_-]{1,64}",
    "shadowName": "[$a-zA-Z0-9:_-]{1,64}",
    "templateName": "[0-9A-Za-z_-]{1,36}",
    "streamId": "[a-zA-Z0-9_-]{1,128}",
    "clientId": r"[^$/+#\x00-\x1f][^/+#\x00-\x1f]{0,127}",
    "executionId": "[a-zA-Z0-9_-]{1,64}",
    "format": "json|cbor",
}
"""What may stand in the place of a label of a template."""


class Asked(Claim, frozen=True, gc=False, kw_only=True):
    """A publish to a topic of a feature. ``labels`` are those of the route's template, by name."""

    family: Family
    route: Route
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def format(self) -> Format:
        """How the payload is encoded: what the topic says, else JSON."""
        return "cbor" if self.labels.get("format") == "cbor" else "json"


class Demand(Struct, gc=False):
    """A request, decoded: what carries it out, what that is given, and the token that its answer must repeat."""

    handler: Handler
    request: Any
    token: str | None = None
    weight: int = 0
    """Bytes of payload that the answer may have, where that is much: they count as the client's own (reach 5.7)."""


class UnreadableError(Exception):
    """A payload is no request: what a ``demand`` raises. A family that has more to say about it makes subclasses."""


class MisaddressedError(UnreadableError):
    """A feature has no operation at a topic."""


class TooManyError(Exception):
    """A connection has as many requests of a family under way as it may."""


class Family(NamedTuple):
    """The topics of one feature.

    ``root`` is its place in the tree: ``things/jobs`` is ``$aws/things/{thingName}/jobs/…``, else what follows
    ``$aws/``. ``ours(levels)``: whether only the service publishes to a topic. ``otherwise``: what a topic is that no
    route fits; None lets ``refuse`` answer it with a ``MisaddressedError``.

    ``refuse(asked, now, payload, token, error)`` words the answer to what was refused or has failed: a ``WireError``,
    an error of this module, or any other, which is the server's fault.

    ``seen``: requests and answers are messages that anybody may subscribe to, instead of going to the publishing
    connection alone; its answers leave with the effects of the transaction. ``in_flight``: requests of one connection
    that may be under way; further ones are refused with ``TooManyError``. ``together``: requests begin with reading
    their thing's pending list, so that many may share one read. ``asks_who``: operations look at the client id and the
    address of a device, and at the size of the packets it takes, in ``Call.origin``. ``tell`` puts into the log why an
    operation has refused; ``counted``: what became of requests is counted as this (``provisioning``: in the metric
    ``tidegate_provisioning_total``).
    """

    root: str
    ours: Callable[[list[str]], bool]
    otherwise: Kind | None = Kind.DROPPED
    routes: tuple[Route, ...] = ()
    refuse: Callable[[Asked, Millis, bytes, str | None, BaseException], Reply] | None = None
    seen: bool = False
    in_flight: int | None = None
    together: bool = False
    asks_who: bool = False
    tell: Callable[[Asked, Call, WireError, RateLimitedLog], None] | None = None
    counted: str = ""


class Route(NamedTuple):
    """One operation of a feature.

    ``template``: its request topic, with labels in braces (``LABELS``); a level may begin with literal text.
    ``operation``: (plane, name), for the audit log. ``demand(asked, payload)`` decodes a request, or raises
    ``UnreadableError`` or a ``WireError``. ``answer(asked, now, token, response)`` encodes the response: topics and
    payloads, in order; ``unanswered`` where the operation itself tells those who subscribed. ``resources`` are for an
    operation that stands in no service model: what its requests name, as ``core.permissions`` writes it.
    """

    template: str
    operation: tuple[str, str]
    demand: Callable[[Asked, bytes], Demand]
    answer: Callable[[Asked, Millis, str | None, Any], Reply]
    resources: tuple[str, ...] = ()


def unanswered(_asked: Asked, _now: Millis, _token: str | None, _response: Any) -> Reply:
    """For operations that need no answer."""
    return ()


def _misaddressed(_asked: Asked, _payload: bytes) -> Demand:
    raise MisaddressedError


NOWHERE: Final = Route("", ("", ""), _misaddressed, unanswered)
"""Of a topic at which a feature has no operation, and says so."""

ANSWERS: Final = frozenset({"accepted", "rejected"})


def answers_are_ours(levels: list[str]) -> bool:
    """For a family whose service-only topics are ``…/accepted`` and ``…/rejected``."""
    return levels[-1] in ANSWERS


def all_are_ours(_levels: list[str]) -> bool:
    """For a family to which no client publishes."""
    return True


def none_is_ours(_levels: list[str]) -> bool:
    """For a family in which clients may publish anywhere."""
    return False
