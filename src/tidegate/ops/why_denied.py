"""Why a device may, or may not: one decision with everything that led to it, for people.

It asks what the device endpoint asks, in its order: which certificate, whether it is ACTIVE, which thing its client id
makes it (8.4), which policies apply (8.2), which statement decides. What a connection alone knows is given by whoever
asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tidegate.core import policy
from tidegate.ops import identity
from tidegate.store import ca_certificates, certificates, provisioning, scopes, things
from tidegate.store.certificates import Owner
from tidegate.store.database import Tx

_KINDS: Final = {
    "iot:connect": "client/",
    "iot:publish": "topic/",
    "iot:receive": "topic/",
    "iot:retainpublish": "topic/",
    "iot:subscribe": "topicfilter/",
}
"""What a resource begins with (device reference 8.1)."""


class Question(NamedTuple):
    """What is to be decided.

    ``certificate_id`` or ``thing`` says who; ``client_id`` is None over HTTPS. ``resource`` is an ARN or what follows
    the account in one (``topic/a``). ``account`` and ``region`` say where ``thing`` is.
    """

    action: str
    resource: str
    account: str
    region: str
    certificate_id: str | None = None
    thing: str | None = None
    client_id: str | None = None
    source_ip: str | None = None
    server_name: str | None = None
    persistent: bool = False
    will_topic: str | None = None
    partition: str = "aws"


class Answer(NamedTuple):
    """What is decided for one certificate, and why.

    ``applying`` are the policies that have a say, each with its version and where it comes from; ``hints`` say what is
    likely to be meant. A certificate that does not connect is ``refused``, whatever its policies say.
    """

    owner: Owner
    certificate_id: str
    thing: str | None
    resource: str
    explanation: policy.Explanation
    applying: list[tuple[str, int | None, str]]
    hints: list[str]

    @property
    def refused(self) -> bool:
        """Whether the certificate is not ACTIVE."""
        return self.owner.status != "ACTIVE"

    @property
    def allowed(self) -> bool:
        """Whether the device may."""
        return self.explanation.decision.allowed and not self.refused


class UnknownError(LookupError):
    """Nobody is meant: the message says who is not there."""


def why(tx: Tx, question: Question, now: int) -> list[Answer]:
    """An answer for each certificate that is meant; a thing may have several. ``now`` is the wall clock's, epoch ms.

    Raises:
        UnknownError: there is no such certificate or thing, or the thing has no certificate.
    """
    return [_answer(tx, question, owner, certificate_id, now) for owner, certificate_id in _meant(tx, question)]


def _meant(tx: Tx, question: Question) -> list[tuple[Owner, str]]:
    if question.certificate_id is not None:
        wanted = question.certificate_id.lower().rpartition("/")[2]
        return [(_owner(tx, question, wanted), wanted)]
    name = question.thing or question.client_id or ""
    scope = scopes.find(tx, question.account, question.region)
    thing = None if scope is None else things.find(tx, scope, name)
    if scope is None or thing is None:
        raise UnknownError(f"there is no thing {name} in account {question.account}, region {question.region}")
    found = things.certificates(tx, thing.id)
    if not found:
        raise UnknownError(f"thing {name} has no certificate")
    return [(owner, each) for each in found for owner in certificates.owners(tx, each) if owner.scope == scope]


def _owner(tx: Tx, question: Question, certificate_id: str) -> Owner:
    """The scope the endpoint would choose; else the first that knows it."""
    found = certificates.owners(tx, certificate_id)
    owner = identity.meant(found, question.server_name)
    if owner is None and provisioning.claim(tx, certificate_id) is not None:
        raise UnknownError(
            f"certificate {certificate_id} is one of CreateProvisioningClaim: for five minutes, over MQTT, it may be"
            " provisioned by its template, keys and CSR, and nothing else; no policy is asked"
        )
    if owner is None:
        raise UnknownError(f"no account knows certificate {certificate_id}: its device is refused at CONNECT")
    return owner


def _answer(tx: Tx, question: Question, owner: Owner, certificate_id: str, now: int) -> Answer:
    device = identity.held(
        tx,
        owner,
        certificate_id,
        server_name=question.server_name,
        client_id=question.client_id,
        partition=question.partition,
    )
    extra = None
    if question.action.lower() == "iot:connect":
        extra = identity.of_connect(persistent=question.persistent, will_topic=question.will_topic)
    bound = device.bind(question.client_id, question.source_ip, lambda: now, extra)
    arn = question.resource
    if not arn.startswith("arn:"):
        arn = f"arn:{question.partition}:iot:{owner.region}:{owner.account}:{arn}"
    return Answer(
        owner=owner,
        certificate_id=certificate_id,
        thing=bound.thing_name,
        resource=arn,
        explanation=bound.explain(question.action, arn),
        applying=list(_applying(device)),
        hints=[
            *_of_certificate(tx, owner, certificate_id, now),
            *_of_thing(tx, question, device, owner),
            *_of_resource(question),
        ],
    )


def _applying(device: identity.Device) -> Iterator[tuple[str, int | None, str]]:
    for entry in device.policies:
        yield entry.name, entry.version, "the certificate"
    for entry in device.thing.policies if device.thing else ():
        yield entry.name, entry.version, "a group of the thing"


def _of_certificate(tx: Tx, owner: Owner, certificate_id: str, now: int) -> Iterator[str]:
    if owner.status != "ACTIVE":
        yield f"The certificate is {owner.status}: its device is refused before any policy is asked."
    found = certificates.get(tx, owner.scope, certificate_id)
    if found is None:
        return
    if not identity.in_force(owner, now):
        yield "The certificate is outside its validity: its device fails in the TLS handshake."
    ca = found.ca_certificate_id
    if owner.status == "PENDING_ACTIVATION" and ca is not None and ca_certificates.get(tx, owner.scope, ca):
        yield f"It registered itself under CA certificate {ca} and waits for UpdateCertificate to ACTIVE."


def _of_thing(tx: Tx, question: Question, device: identity.Device, owner: Owner) -> Iterator[str]:
    if not device.applying:
        yield "No policy is attached to the certificate or to a group of its thing: AttachPolicy."
    if device.thing is not None:
        return
    attached = [thing.name for thing in certificates.things(tx, owner.id, limit=4)]
    if question.client_id is None:
        yield "Without a client id (as over HTTPS) the variables of a connection have no value."
    elif attached:
        shown = ", ".join(attached[:3]) + (", …" if len(attached) > 3 else "")
        yield (
            f"Client id {question.client_id!r} names none of the things that the certificate is attached to ({shown}):"
            " it is no thing, and groups have no say."
        )
    else:
        yield "The certificate is attached to no thing: variables of the thing have no value, and groups have no say."


def _of_resource(question: Question) -> Iterator[str]:
    """How a resource is named, and what policies of claims often leave out (reach reference 3.8)."""
    begin = _KINDS.get(question.action.lower())
    resource = question.resource.split(":", 5)[-1]
    if begin is not None and not resource.startswith(begin):
        yield f"{question.action} is only ever asked for {begin}…, not for {resource}."
    if "/$aws/certificates/create-from-csr/" in resource:
        yield "$aws/certificates/create/* does not cover $aws/certificates/create-from-csr/*: name both."
    if "/$aws/provisioning-templates/" in resource and resource.startswith("topicfilter/"):
        yield "Answers come to …/provision/…/accepted and /rejected: iot:Receive is asked for them as topic/…."
    if question.action.lower() == "iot:subscribe" and begin is not None and resource.startswith(begin):
        yield "Policies match the text of a filter: its + and # are letters to them, their * matches those too."
