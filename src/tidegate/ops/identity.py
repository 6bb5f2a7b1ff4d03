"""Who a device is and what it may do (device reference 8.2 to 8.4): all read at once, then judged without the store.

``load`` reads what a certificate means under a client id, from committed state; ``Device.bind`` fixes one connection.
The client id decides which thing it is, thereby which variables have values and which groups' policies count.

* Attached plainly, a certificate speaks for the thing that its client id names, for no other.
* Attached exclusively, it speaks for that thing under any client id.
* Over HTTPS there is no client id: variables of a connection have no value there, and only an exclusive thing is known.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from tidegate.clock import Millis
from tidegate.core import contexts, message, policy, thing_types
from tidegate.core.contexts import Place
from tidegate.pki import certificates as x509
from tidegate.store import certificates, policies, provisioning
from tidegate.store.database import Tx
from tidegate.wire import iot, jsontext

_OF_CONNECT: Final = frozenset({"iot:connectattributes", "iot:lastwilltopic"})
"""Condition keys that have a value at CONNECT alone, in lower case."""
_IN_CERTIFICATE: Final = "iot:certificate."
"""Keys whose values stand in the certificate: to read it takes longer than everything else at CONNECT."""
MOST_OF_GROUPS: Final = 30 * 2048
"""Characters of policies that a thing may have of its groups and those above them; with more it may do nothing.
A variable counts for 128 more, the length of a client id.

Ours: AWS's quotas let a thing have 700 policies so, and a single message would take a third of a second to judge.
"""
_TOO_MUCH: Final = (
    policy.parse(
        '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
        f"(policies of its thing groups: more than {MOST_OF_GROUPS} characters)",
    ),
)
_CLAIM_POLICY: Final = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
  {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive", "iot:Subscribe"], "Resource": [
    "HEADtopic*/$aws/certificates/create/*",
    "HEADtopic*/$aws/certificates/create-from-csr/*",
    "HEADtopic*/$aws/provisioning-templates/TEMPLATE/provision/*"]}]}"""
"""What a claim certificate may do without any policy of its own (reach reference 3.8)."""
_ATTRIBUTES: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])


class Thing(NamedTuple):
    """A thing that a certificate is attached to; ``policies`` are those of its groups and of the groups above them."""

    name: str
    attributes: Mapping[str, str]
    exclusive: bool
    policies: tuple[policy.Policy, ...]
    type_name: str | None = None
    mqtt5: iot.Mqtt5Configuration | None = None
    """What its type puts on its messages."""


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

    def explain(self, action: str, arn: str) -> policy.Explanation:
        """All that bears on an action on a resource, given by its whole ARN."""
        return self._policies.explain(action, arn)


class _Passing(Bound):
    """The same where policies look at the time: bound anew each second."""

    __slots__ = ("_bind", "_now", "_second")

    def __init__(
        self, bind: Callable[[Millis], policy.Bound], now: Callable[[], Millis], prefix: str, thing_name: str | None
    ) -> None:
        at = now()
        super().__init__(bind(at), prefix, thing_name)
        self._bind, self._now, self._second = bind, now, at // 1000

    def _renew(self) -> None:
        now = self._now()
        if now // 1000 != self._second:
            self._policies, self._second = self._bind(now), now // 1000

    def allows(self, action: str, resource: str) -> bool:
        self._renew()
        return super().allows(action, resource)

    def decide(self, action: str, resource: str) -> policy.Decision:
        self._renew()
        return super().decide(action, resource)

    def explain(self, action: str, arn: str) -> policy.Explanation:
        self._renew()
        return super().explain(action, arn)


def of_connect(*, persistent: bool, will_topic: str | None) -> dict[str, str | list[str]]:
    """The condition keys that one CONNECT alone has (device reference 8.2)."""
    attributes = [name for name, given in (("PersistentConnect", persistent), ("LastWill", will_topic)) if given]
    keys: dict[str, str | list[str]] = {"iot:ConnectAttributes": attributes}
    return keys if will_topic is None else {**keys, "iot:LastWillTopic": will_topic}


class Device(NamedTuple):
    """The holder of a certificate under a client id (None: over HTTPS).

    ``things`` are those that the client id can mean; a certificate shared by a whole fleet has many more. ``variables``
    are those of the certificate, as far as a policy looks at them; ``not_after`` is the end of its validity, epoch ms
    of the wall clock. Of a principal that is none, ``certificate_id`` is its name.
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
    not_after: Millis | None = None

    @property
    def thing(self) -> Thing | None:
        """The thing it is. There are never two: an exclusive one has none beside it."""
        return self.things[0] if self.things else None

    @property
    def applying(self) -> tuple[policy.Policy, ...]:
        """Every policy that has a say: its own, and those of its thing's groups."""
        return self.policies + (self.thing.policies if self.thing else ())

    @property
    def enrichment(self) -> message.Pairs:
        """The user properties that its thing's type puts on its messages (control reference 17.2)."""
        thing = self.thing
        if thing is None or thing.mqtt5 is None:
            return ()
        connected = {"iot:ClientId": self.client_id, "iot:Thing.ThingName": thing.name}
        return thing_types.propagated(thing.mqtt5, thing.attributes, connected)

    @property
    def judges_connect(self) -> bool:
        """Whether a policy looks at how a client connects, so that CONNECT needs a binding of its own."""
        return any(not entry.keys.isdisjoint(_OF_CONNECT) for entry in self.applying)

    def bind(
        self,
        client_id: str | None,
        source_ip: str | None,
        now: Callable[[], Millis],
        extra: Mapping[str, str | list[str]] | None = None,
    ) -> Bound:
        """What a connection may do.

        Args:
            client_id: the one the device was loaded for; None over HTTPS.
            source_ip: the peer's address; None if there is none.
            now: tells the time, the service's, as often as something is asked that depends on it.
            extra: condition keys that one request alone has (``of_connect``): bind with them to judge the CONNECT and
                without them for what follows.

        Raises:
            ValueError: the device was loaded for another client id.
        """
        if client_id != self.client_id:
            raise ValueError(f"loaded for client id {self.client_id!r}, not for {client_id!r}")
        context: dict[str, str | Sequence[str]] = {**self.variables, **(extra or {})}
        if self.server_name is not None:
            context["iot:DomainName"] = self.server_name
        if client_id is not None:
            context |= {"iot:ClientId": client_id, **thing_variables(self.thing)}
        prefix = f"arn:{self.partition}:iot:{self.region}:{self.account}:"
        applying, thing_name = self.applying, self.thing.name if self.thing else None
        place = Place(self.region, source_ip, tls=True)  # which proved the certificate
        at = functools.partial(_bound_at, applying, context, place)
        if any(contexts.passing(entry.keys) for entry in applying):
            return _Passing(at, now, prefix, thing_name)
        return Bound(at(now()), prefix, thing_name)


def _bound_at(
    applying: tuple[policy.Policy, ...], context: Mapping[str, str | Sequence[str]], place: Place, instant: Millis
) -> policy.Bound:
    return policy.bind(applying, {**context, **contexts.of(place, instant)})


def load(
    tx: Tx,
    certificate_id: str,
    *,
    now: Millis | None = None,
    server_name: str | None = None,
    client_id: str | None = None,
    partition: str = "aws",
    unread: int | None = None,
    service_now: Millis | None = None,
) -> Device | None:
    """The device that presented a certificate; None if the scope it means does not know it as ACTIVE, or not now.

    The scope is chosen first and its word counts: one account's revocation does not pass a device on to another that
    registered the same certificate. The validity is judged here because TLS judges it in full handshakes only, not when
    a session is resumed.

    Args:
        tx: where to read.
        certificate_id: lower-case hex SHA-256 of the certificate.
        now: epoch ms of the wall clock; None: certificates count outside their validity, too.
        server_name: the host name the client asked for (SNI), by which it says which of several scopes it means.
        client_id: MQTT's; None over HTTPS.
        partition: of the ARNs.
        service_now: epoch ms of the service's clock, for certificates of CreateProvisioningClaim; None: not they.
        unread: characters of policies that may be parsed here; None: however many.

    Raises:
        UnreadError: more than that are yet to be parsed.
    """
    owner = meant(certificates.owners(tx, certificate_id), server_name)
    if owner is None and service_now is not None and client_id is not None:
        return _claim_holder(tx, certificate_id, client_id, server_name, partition, now, service_now)
    if owner is None or owner.status != "ACTIVE" or not (now is None or in_force(owner, now)):
        return None
    return held(
        tx, owner, certificate_id, server_name=server_name, client_id=client_id, partition=partition, unread=unread
    )


def _claim_holder(
    tx: Tx,
    certificate_id: str,
    client_id: str,
    server_name: str | None,
    partition: str,
    now: Millis | None,
    service_now: Millis,
) -> Device | None:
    """The holder of a claim certificate, which may be provisioned by its template and nothing else."""
    claim = provisioning.claim(tx, certificate_id)
    if (
        claim is None
        or claim.expires_at <= service_now
        or not (now is None or claim.not_before <= now < claim.not_after)
    ):
        return None
    head = f"arn:{partition}:iot:{claim.region}:{claim.account}:"
    document = _CLAIM_POLICY.replace("HEAD", head).replace("TEMPLATE", claim.template)
    return Device(
        scope=claim.scope,
        account=claim.account,
        region=claim.region,
        partition=partition,
        certificate_id=certificate_id,
        server_name=server_name,
        client_id=client_id,
        variables={},
        things=(),
        policies=(_parse(policies.InForce("provisioning claim", document, 1)),),
        not_after=claim.not_after,
    )


def held(
    tx: Tx,
    owner: certificates.Owner,
    certificate_id: str,
    *,
    server_name: str | None = None,
    client_id: str | None = None,
    partition: str = "aws",
    unread: int | None = None,
    any_policy: bool = False,
) -> Device:
    """The device that holds a certificate of a scope, whatever the certificate's status. Raises as ``load`` does.

    ``any_policy``: it may be given other policies, so that all of its variables must be known.
    """
    head = f"arn:{partition}:iot:{owner.region}:{owner.account}:"
    own = policies.in_force(tx, owner.scope, f"{head}cert/{certificate_id}")
    attached = [
        (row, policies.in_force_for_thing(tx, owner.scope, f"{head}thinggroup/", row.id))
        for row in certificates.things_for_client(tx, owner.scope, owner.id, client_id)
    ]
    if unread is not None:
        judged = (own, *(of_groups for _, of_groups in attached if _bounded(of_groups)))
        _bound_reading(owner.account, [entry for some in judged for entry in some], unread)
    things = tuple(_thing(row, of_groups) for row, of_groups in attached)
    own_policies = parsed(own)
    judging = itertools.chain(own_policies, *(thing.policies for thing in things))
    variables: Mapping[str, str | list[str]] = {"iot:CertificateId": certificate_id}
    if any_policy or any(key.startswith(_IN_CERTIFICATE) for entry in judging for key in entry.keys):
        variables = x509.policy_variables(x509.parse(owner.pem))
    return Device(
        scope=owner.scope,
        account=owner.account,
        region=owner.region,
        partition=partition,
        certificate_id=certificate_id,
        server_name=server_name,
        client_id=client_id,
        variables=variables,
        things=things,
        policies=own_policies,
        not_after=owner.not_after,
    )


def in_force(owner: certificates.Owner, now: Millis) -> bool:
    """Whether a certificate is within its validity. As to OpenSSL, and unlike RFC 5280, its end is the first instant
    outside it: no handshake would succeed any more.
    """
    return owner.not_before <= now < owner.not_after


class _Scoped(Protocol):
    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def mode(self) -> str: ...


_S = TypeVar("_S", bound=_Scoped)


def meant(found: Sequence[_S], server_name: str | None) -> _S | None:
    """Which of several scopes a client means: the one whose region or account it names.

    Else one in DEFAULT mode, which takes a key to get, before those in SNI_ONLY mode, which anybody may claim by
    registering what is public; else the first.
    """
    labels = set((server_name or "").lower().split("."))

    def fits(each: _S) -> tuple[int, bool]:
        return (each.region in labels) + (each.account in labels), each.mode == "DEFAULT"

    return max(found, key=fits, default=None)  # max keeps the first of equals


def _thing(row: certificates.AttachedThing, of_groups: Sequence[policies.InForce]) -> Thing:
    attributes = _ATTRIBUTES.decode(row.attributes)
    judged = parsed(of_groups) if _bounded(of_groups) else _TOO_MUCH
    mqtt5 = jsontext.from_json(iot.Mqtt5Configuration, row.mqtt5) if row.mqtt5 else None
    return Thing(row.name, attributes, bool(row.exclusive), judged, row.type_name, mqtt5)


def _bounded(of_groups: Iterable[policies.InForce]) -> bool:
    return sum(len(entry.document) + 128 * entry.document.count("${") for entry in of_groups) <= MOST_OF_GROUPS


class UnreadError(Exception):
    """Policies of an account have to be parsed first, ``prepare`` does it; nothing is wrong with them."""

    def __init__(self, account: str, documents: Sequence[policies.InForce]) -> None:
        super().__init__(f"{len(documents)} policies are not parsed yet")
        self.account = account
        self.documents = documents


def _bound_reading(account: str, found: Sequence[policies.InForce], most: int) -> None:
    missing = [entry for entry in found if entry not in _PARSED]
    if sum(len(entry.document) for entry in missing) > most:
        raise UnreadError(account, missing)


def parsed(documents: Iterable[policies.InForce]) -> tuple[policy.Policy, ...]:
    """Policies as they are evaluated. Raises ``MalformedPolicyError`` for what an earlier version took."""
    return tuple(_parse(entry) for entry in documents)


def prepare(documents: Iterable[policies.InForce]) -> None:
    """Parse policies, to be found by those who need them. From any thread. Passes over what is malformed."""
    for entry in documents:
        with contextlib.suppress(policy.MalformedPolicyError):
            _parse(entry)


_PARSED: Final[dict[policies.InForce, policy.Policy]] = {}
"""Many devices share few documents; the oldest goes first."""
_MOST_PARSED: Final = 1024
_parsed_changes = threading.Lock()


def _parse(entry: policies.InForce) -> policy.Policy:
    found = _PARSED.get(entry)
    if found is None:
        # One that no longer parses refuses its devices: it might have been a Deny.
        found = policy.parse(entry.document, entry.name, entry.version)
        with _parsed_changes:
            _PARSED[entry] = found
            if len(_PARSED) > _MOST_PARSED:
                del _PARSED[next(iter(_PARSED))]
    return found


def thing_variables(thing: Thing | None) -> dict[str, str | list[str]]:
    """What policies know of the thing that a connection is."""
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
