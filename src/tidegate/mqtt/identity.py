"""Who a client is and what it may do, as a service has found out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tidegate.clock import Millis

Scope = tuple[str, str]
"""(account, region). Sessions, publishes and subscriptions of different scopes never meet."""


@runtime_checkable
class Renewed(Protocol):
    """An identity that is asked for again at an instant, epoch ms of the wall clock."""

    refresh_at: Millis


class Identity(Protocol):
    """Who is on a connection, after TLS."""

    @property
    def principal(self) -> str:
        """The certificate id: lower-case hex SHA-256 of the certificate in DER."""
        ...

    @property
    def scope(self) -> Scope:
        """The account and region the certificate belongs to."""
        ...

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        """Whether the policies allow this CONNECT: ``iot:Connect`` on ``client/…``, with what it alone tells.

        ``persistent``: it asks for a session that outlives it. Asked once, before anything else.
        """
        ...

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        """Whether the policies allow an action (device reference 8.1).

        ``action`` is ``iot:Publish``, ``iot:RetainPublish``, ``iot:Subscribe`` or ``iot:Receive``; ``resource`` is the
        ARN without its prefix: ``topic/…`` or ``topicfilter/…``. Called for every message: answer from memory.
        """
        ...

    @property
    def ends_at(self) -> Millis | None:
        """When what let it in counts no more, in epoch ms of the wall clock; None: it has no end of its own."""
        ...

    @property
    def enrichment(self) -> tuple[tuple[str, str], ...]:
        """User properties that are put on whatever it publishes, behind its own."""
        ...

    @property
    def exclusive_thing(self) -> str | None:
        """The thing the certificate is attached to exclusively: lifecycle events name it (device reference 7.4)."""
        ...
