"""Who a device is and what it may do (device reference 8.2 to 8.4): all read at once, then judged without the store.

``load`` reads what a certificate means under a client id, from committed state; ``Device.bind`` fixes one connection.
The client id decides which thing it is, thereby which variables have values and which groups' policies count.

* Attached plainly, a certificate speaks for the thing that its client id names, for no other.
* Attached exclusively, it speaks for that thing under any client id.
* Over HTTPS there is no client id: variables of a connection have no value there, and only an exclusive thing is known.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tidegate.core import policy
from tidegate.pki import certificates as x509
from tidegate.store import certificates, policies
from tidegate.store.database import Tx

_ATTRIBUTES: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])


class Thing(NamedTuple):
    """A thing that a certificate is attached to; ``policies`` are those of its groups and of the groups above them."""

    name: str
    attributes: Mapping[str, str]
    exclusive: bool
    policies: tuple[policy.Policy, ...]
    type_name: str | None = None


class Bound:
    """What one connection may do."""

    __slots__ = ("_policies", "_prefix", "thing_name")

    def __init__(self, policies: policy.Bound, prefix: str, thing_name: str | None) -> None:
        self._policies = policies
        self._prefix = prefix
        self.thing_name = thing_name
        """The thing this connection is, if it is one."""

    def allows(self, action: str, resource: str) -> bool:
        """Whether an action (``iot:Publish``) on a resource (``topic/a``, without the head of the ARN) is allowed."""
        return self._policies.allows(action, self._prefix + resource)

    def decide(self, action: str, resource: str) -> policy.Decision:
        """The same with the statement that decided."""
        return self._policies.decide(action, self._prefix + resource)


class Device(NamedTuple):
    """The holder of an ACTIVE certificate under a client id (None: over HTTPS).

    ``things`` are those that the client id can mean; a certificate shared by a whole fleet has many more.
    """

    scope: int
    account: str
    region: str
    partition: str
    certificate_id: str
    server_name: str | None
    client_id: str | None
    variables: Mapping[str, str | list[str]]
    things: tuple[Thing, ...]
    policies: tuple[policy.Policy, ...]

    @property
    def thing(self) -> Thing | None:
        """The thing it is. There are never two: an exclusive one has none beside it."""
        return self.things[0] if self.things else None

    def bind(self, client_id: str | None, source_ip: str, extra: Mapping[str, str | list[str]] | None = None) -> Bound:
        """What a connection may do.

        Args:
            client_id: the one the device was loaded for; None over HTTPS.
            source_ip: the peer's address.
            extra: condition keys that one request alone has (``iot:LastWillTopic``, ``iot:ConnectAttributes``): bind
                with them to judge the CONNECT and without them for what follows.

        Raises:
            ValueError: the device was loaded for another client id.
        """
        if client_id != self.client_id:
            raise ValueError(f"loaded for client id {self.client_id!r}, not for {client_id!r}")
        thing = self.thing
        context = {**self.variables, "aws:SourceIp": source_ip, **(extra or {})}
        if self.server_name is not None:
            context["iot:DomainName"] = self.server_name
        if client_id is not None:
            context |= {"iot:ClientId": client_id, **_thing_variables(thing)}
        applying = self.policies + (thing.policies if thing else ())
        prefix = f"arn:{self.partition}:iot:{self.region}:{self.account}:"
        return Bound(policy.bind(applying, context), prefix, thing.name if thing else None)


def load(
    tx: Tx,
    certificate_id: str,
    *,
    server_name: str | None = None,
    client_id: str | None = None,
    partition: str = "aws",
) -> Device | None:
    """The device that presented a certificate; None if no scope knows the certificate as ACTIVE.

    Args:
        tx: where to read.
        certificate_id: lower-case hex SHA-256 of the certificate.
        server_name: the host name the client asked for (SNI). If several scopes know the certificate, the one whose
            region or account it names is meant; else the one that knew it first.
        client_id: MQTT's; None over HTTPS.
        partition: of the ARNs.
    """
    owner = _owner(certificates.owners(tx, certificate_id), server_name)
    if owner is None:
        return None
    head = f"arn:{partition}:iot:{owner.region}:{owner.account}:"
    attached = certificates.things_for_client(tx, owner.scope, owner.id, client_id)
    return Device(
        scope=owner.scope,
        account=owner.account,
        region=owner.region,
        partition=partition,
        certificate_id=certificate_id,
        server_name=server_name,
        client_id=client_id,
        variables=x509.policy_variables(x509.parse(owner.pem)),
        things=tuple(_thing(tx, owner.scope, f"{head}thinggroup/", row) for row in attached),
        policies=_parsed(policies.in_force(tx, owner.scope, f"{head}cert/{certificate_id}")),
    )


def _owner(owners: list[certificates.Owner], server_name: str | None) -> certificates.Owner | None:
    labels = set((server_name or "").lower().split("."))
    active = [owner for owner in owners if owner.status == "ACTIVE"]
    # max keeps the first of equals, and owners come oldest first.
    return max(active, key=lambda owner: (owner.region in labels) + (owner.account in labels), default=None)


def _thing(tx: Tx, scope: int, groups: str, row: certificates.AttachedThing) -> Thing:
    in_force = policies.in_force_for_thing(tx, scope, groups, row.id)
    attributes = _ATTRIBUTES.decode(row.attributes)
    return Thing(row.name, attributes, bool(row.exclusive), _parsed(in_force), row.type_name)


def _parsed(documents: list[policies.InForce]) -> tuple[policy.Policy, ...]:
    return tuple(_parse(entry.document, entry.name) for entry in documents)


@functools.lru_cache(maxsize=1024)
def _parse(document: str, name: str) -> policy.Policy:
    # Many devices share few documents. One that no longer parses refuses its devices: it might have been a Deny.
    return policy.parse(document, name)


def _thing_variables(thing: Thing | None) -> dict[str, str | list[str]]:
    if thing is None:
        return {"iot:Connection.Thing.IsAttached": "false"}
    attributes = {f"iot:Connection.Thing.Attributes[{name}]": value for name, value in thing.attributes.items()}
    typed = {"iot:Connection.Thing.ThingTypeName": thing.type_name} if thing.type_name else {}
    return {
        "iot:Connection.Thing.IsAttached": "true",
        "iot:Connection.Thing.ThingName": thing.name,
        **typed,
        **attributes,
    }
