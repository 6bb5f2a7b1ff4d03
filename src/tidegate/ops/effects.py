"""What must happen once a transaction is durable: values in ``tx.effects``, on which the edges act.

Where several servers share a store the others hear of most of them, too (``runtime/relay.py``): fields are such as JSON
can carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tidegate.core.pending import Change
from tidegate.core.shadow import Message
from tidegate.ops.broker import Publication


class EngineDue(NamedTuple):
    """A job wants the engine's attention at an instant (epoch ms)."""

    at: int


class RowsHeld(NamedTuple):
    """The engine passed over what others are just changing: what is left is due, but not at once."""


class PendingChanged(NamedTuple):
    """A thing's pending list changed: publish its notifications from committed state."""

    thing_id: int
    change: Change
    namespace: str | None = None


class ExecutionsQueued(NamedTuple):
    """A set of things got a new execution of a job at the end of their lists.

    Everyone is sent ``notify``; ``notify-next`` goes to those for whom the new execution is the head.
    """

    job_id: int
    thing_ids: list[int]
    namespace: str | None = None


class JobShown(NamedTuple):
    """A maintenance window opened or closed: the job's QUEUED executions appeared in, or left, their things' lists."""

    job_id: int


class RegistrationDue(NamedTuple):
    """A thing registration task was started or stopped."""


class EventsWritten(NamedTuple):
    """Events of a scope stand in the outbox."""

    scope: int


class ShadowMessages(NamedTuple):
    """What the subscribers of a scope are told about a shadow, in this order."""

    account: str
    region: str
    messages: list[Message]


class ThingNamed(NamedTuple):
    """A thing came to exist under this name, or (id None) no longer does."""

    account: str
    region: str
    name: str
    thing_id: int | None


class PrincipalChanged(NamedTuple):
    """A certificate's state, policies or things changed: what its connections may do must be looked up again."""

    scope: int
    certificate_id: str


class PoliciesChanged(NamedTuple):
    """A policy or a group's membership changed: every connection of the scope must look again."""

    scope: int


class CertificateTrusted(NamedTuple):
    """A certificate without a CA was registered, or a CA: the TLS listeners must trust it."""

    pem: str
    authority: bool = False


class TrustWithdrawn(NamedTuple):
    """Something the TLS listeners trust is gone: they must find out anew what they trust."""


class OperatorsChanged(NamedTuple):
    """An access key, a principal or its policies changed: what is remembered of them is forgotten."""


class ClientConnected(NamedTuple):
    """A client was let in by a server of the store at an instant (epoch ms): no other has it any more."""

    account: str
    region: str
    client_id: str
    at: int


class PresenceEvent(NamedTuple):
    """A server of the store has told its own subscribers of a client's coming, going or subscriptions."""

    account: str
    region: str
    topic: str
    payload: bytes


class MessageCarried(NamedTuple):
    """A message that was published at a server of the store, for the clients of the others.

    ``number`` tells the server's messages apart, ``at`` is when it was published (epoch ms). ``share``: it is for the
    members of this shared subscription alone, and not for those of the servers in ``passed``.
    """

    server: str
    number: int
    account: str
    region: str
    message: Publication
    at: int
    share: str = ""
    passed: tuple[str, ...] = ()


class MessagesHeard(NamedTuple):
    """What a server had told by these numbers has reached another, and what is to be kept there is on disk."""

    server: str
    by: str
    numbers: list[int]


class Wanted(NamedTuple):
    """What a server wants of the messages that match a filter.

    ``online``: how many members of a shared subscription are connected to it; of any other filter, whether anybody
    subscribes. ``keeps``: somebody's session keeps messages of QoS 1 while nobody is connected.
    """

    account: str
    region: str
    filter: str
    online: int
    keeps: bool


class Held(NamedTuple):
    """Whether a server has a client's persistent session, and the client."""

    account: str
    region: str
    client_id: str
    held: bool
    online: bool


class FiltersAsked(NamedTuple):
    """A server wants to know what the others want."""

    server: str


class FiltersAnnounced(NamedTuple):
    """What a server wants now where that has changed; neither online nor kept is not at all.

    ``member`` is the server on the channel, ``node`` on disk. ``begins``: what it said before counts no more;
    ``ends``: that was everything. Who is told a ``number`` confirms it. ``leaves``: it is about to end, and all that
    its sessions have is on disk.
    """

    server: str
    member: int
    node: int
    number: int
    filters: list[Wanted]
    begins: bool = False
    ends: bool = False
    sessions: tuple[Held, ...] = ()
    leaves: bool = False


class RequestsCounted(NamedTuple):
    """What a server has let through lately of what rates limit: account, region, plane, operation and how many."""

    requests: list[tuple[str, str, str, str, int]]


class SessionSought(NamedTuple):
    """A server wants a client's session from another: the client has connected to it."""

    server: str
    to: str
    number: int
    account: str
    region: str
    client_id: str


class SessionOffered(NamedTuple):
    """The answer. ``id`` is that of the session's row on the node; 0 if there is none. ``expires_at`` in epoch ms."""

    to: str
    number: int
    node: int
    id: int
    level: int = 0
    expiry_s: int = 0
    expires_at: int | None = None
    filters: tuple[tuple[str, int], ...] = ()


class SessionTaken(NamedTuple):
    """From here on, in the order of all, messages for the session are the asking server's."""

    server: str
    to: str
    number: int
    account: str
    region: str
    client_id: str


class SessionLeft(NamedTuple):
    """All that came before is on disk, and the asking server's to take."""

    to: str
    number: int


class ClientSought(NamedTuple):
    """A server asks the others to carry out an operation about a client that is not connected to itself.

    ``request`` is its request as JSON; ``number`` tells the asker's questions apart.
    """

    asker: str
    number: int
    operation: str
    account: str
    region: str
    principal: str
    request_id: str
    request: bytes


class ClientAnswered(NamedTuple):
    """What came of that at another server.

    ``knowledge``: 2 of the server that the client is connected to, 1 of one that knows it, 0 of any other. ``response``
    is JSON; ``error`` the name of an error that ``message`` goes with, or empty.
    """

    asker: str
    number: int
    knowledge: int
    response: bytes = b""
    error: str = ""
    message: str = ""


class StoreEmptied(NamedTuple):
    """A server of the store has deleted everything in it."""


class Missed(NamedTuple):
    """Effects of other servers on the store may have been lost: whoever remembers anything looks again."""


Effect = (
    EngineDue
    | PendingChanged
    | ExecutionsQueued
    | JobShown
    | RegistrationDue
    | EventsWritten
    | ShadowMessages
    | ThingNamed
    | PrincipalChanged
    | PoliciesChanged
    | CertificateTrusted
    | OperatorsChanged
    | TrustWithdrawn
    | ClientConnected
    | PresenceEvent
    | MessageCarried
    | MessagesHeard
    | FiltersAsked
    | FiltersAnnounced
    | RequestsCounted
    | SessionSought
    | SessionOffered
    | SessionTaken
    | SessionLeft
    | ClientSought
    | ClientAnswered
    | StoreEmptied
    | Missed
    | RowsHeld
)


class Acting:
    """A listener that answers each effect with what is to be done for its type; others do not concern it."""

    __slots__ = ("acts",)

    def __init__(self, acts: Mapping[type, Callable[[Any], object]]) -> None:
        self.acts = acts

    def __call__(self, happened: Iterable[Any]) -> None:
        for effect in happened:
            act = self.acts.get(type(effect))
            if act is not None:
                act(effect)
