"""Which statement decided, and what was missing, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_ca_certificates import enroll
from tests.ops.test_provisioning_templates import make
from tests.ops.x509_samples import NOT_AFTER, MakerCA, SampleAuthority, self_signed
from tidegate.clock import SequentialIds
from tidegate.ops import just_in_time, why_denied
from tidegate.ops.call import Call
from tidegate.ops.why_denied import Answer, Question, UnknownError
from tidegate.pki import certificates as x509
from tidegate.store.database import Database

HEAD = "arn:aws:iot:eu-west-1:123456789012:"
NAME = "${iot:Connection.Thing.ThingName}"


class Fleet:
    """A certificate of thing ``lamp``, which is in group ``line``."""

    def __init__(self, run: Run, database: Database) -> None:
        self.run = run
        self.database = database
        made = run("RegisterCertificateWithoutCA", certificate_pem=self_signed(), status="ACTIVE")
        self.certificate_id, self.arn = made.certificate_id, made.certificate_arn
        run("CreateThing", thing_name="lamp")
        run("CreateThingGroup", thing_group_name="line")
        run("AddThingToThingGroup", thing_group_name="line", thing_name="lamp")
        run("AttachThingPrincipal", thing_name="lamp", principal=self.arn)

    def policy(self, name: str, target: str, *statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.run("CreatePolicy", policy_name=name, policy_document=document)
        self.run("AttachPolicy", policy_name=name, target=target)

    def ask(self, action: str, resource: str, now: int = NOW, **members: Any) -> Answer:
        who = {"certificate_id": self.certificate_id, "client_id": "lamp", **members}
        question = Question(action, resource, "123456789012", "eu-west-1", **who)
        [answer] = self.database.read(lambda tx: why_denied.why(tx, question, now))
        return answer

    def hint(self, *asked: Any, **members: Any) -> str:
        return " ".join(self.ask(*asked, **members).hints)


@pytest.fixture
def fleet(run: Run, database: Database) -> Fleet:
    return Fleet(run, database)


def statement(effect: str, action: str, resource: str, **members: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": f"{HEAD}{resource}", **members}


def test_the_deciding_statement(fleet: Fleet) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iot:Publish", f"topic/{NAME}/*", Sid="Own"))
    fleet.policy("quarantine", f"{HEAD}thinggroup/line", statement("Deny", "iot:Publish", "topic/lamp/secret"))
    found = fleet.ask("iot:Publish", "topic/lamp/state")
    assert found.allowed
    assert found.explanation.decision.reason == "allowed by statement 0 (Own) of version 1 of policy 'own'"
    assert (found.thing, found.resource) == ("lamp", f"{HEAD}topic/lamp/state")
    assert found.applying == [("own", 1, "the certificate"), ("quarantine", 1, "a group of the thing")]
    assert found.hints == []
    found = fleet.ask("iot:Publish", f"{HEAD}topic/lamp/secret")
    assert not found.allowed
    assert found.explanation.decision.reason == "denied by statement 0 of version 1 of policy 'quarantine'"


def test_the_version_in_force_is_named(fleet: Fleet) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iot:Publish", "topic/a"))
    new = json.dumps({"Statement": statement("Deny", "iot:Publish", "topic/a")})
    fleet.run("CreatePolicyVersion", policy_name="own", policy_document=new, set_as_default=True)
    assert fleet.ask("iot:Publish", "topic/a").explanation.decision.version == 2


def test_what_is_missing(fleet: Fleet) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iot:Publish", f"topic/{NAME}"))
    found = fleet.ask("iot:Publish", "topic/lamp", client_id="other")
    assert (found.allowed, found.thing) == (False, None)
    assert found.explanation.missing == ("iot:Connection.Thing.ThingName",)
    assert "'other' names none of the things that the certificate is attached to (lamp)" in found.hints[0]


def test_a_thing_stands_for_its_certificates(fleet: Fleet, run: Run) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iot:Connect", f"client/{NAME}"))
    assert fleet.ask("iot:Connect", "client/lamp", certificate_id=None, thing="lamp").allowed
    assert fleet.ask("iot:Connect", "client/lamp", certificate_id=None).certificate_id == fleet.certificate_id
    other = run("RegisterCertificateWithoutCA", certificate_pem=self_signed("two"))
    run("AttachThingPrincipal", thing_name="lamp", principal=other.certificate_arn)
    question = Question("iot:Connect", "client/lamp", "123456789012", "eu-west-1", thing="lamp", client_id="lamp")
    found = fleet.database.read(lambda tx: why_denied.why(tx, question, NOW))
    assert {answer.certificate_id: answer.allowed for answer in found} == {
        fleet.certificate_id: True,
        other.certificate_id: False,
    }


def test_a_certificate_by_its_arn(fleet: Fleet) -> None:
    assert fleet.ask("iot:Connect", "client/a", certificate_id=fleet.arn).certificate_id == fleet.certificate_id


def test_a_certificate_that_is_not_active(fleet: Fleet, run: Run) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iot:*", "*"))
    run("UpdateCertificate", certificate_id=fleet.certificate_id, new_status="REVOKED")
    found = fleet.ask("iot:Connect", "client/lamp")
    assert found.explanation.decision.allowed
    assert found.refused
    assert not found.allowed
    assert "REVOKED" in found.hints[0]


def test_a_certificate_outside_its_validity(fleet: Fleet) -> None:
    end = int(NOT_AFTER.timestamp() * 1000)
    assert "validity" not in fleet.hint("iot:Connect", "client/lamp", end - 1)
    assert "outside its validity" in fleet.hint("iot:Connect", "client/lamp", end)


def test_a_certificate_that_registered_itself(fleet: Fleet, run: Run, database: Database) -> None:
    ca = MakerCA()
    enroll(run, ca, allow_auto_registration=True)
    attempt = just_in_time.Attempt(x509.parse(ca.leaf()), None, "192.0.2.7")
    work: Any = lambda tx: just_in_time.register(tx, attempt, now=NOW, ids=SequentialIds())  # noqa: E731
    database.commit([work])
    found = fleet.ask("iot:Connect", "client/lamp", certificate_id=attempt.certificate.certificate_id)
    assert f"registered itself under CA certificate {ca.certificate_id}" in " ".join(found.hints)


@pytest.mark.parametrize(
    ("action", "resource", "hint"),
    [
        ("iot:Subscribe", "topic/a", "only ever asked for topicfilter/"),
        ("iot:Publish", "topicfilter/a", "only ever asked for topic/"),
        ("iot:Connect", "topic/a", "only ever asked for client/"),
        ("iot:Subscribe", "topicfilter/a/#", "# are letters"),
        ("iot:Publish", "topic/a", "No policy is attached"),
        ("iot:Publish", "topic/$aws/certificates/create-from-csr/json", "name both"),
        ("iot:Subscribe", "topicfilter/$aws/provisioning-templates/t/provision/json/accepted", "iot:Receive is asked"),
    ],
)
def test_hints(fleet: Fleet, action: str, resource: str, hint: str) -> None:
    assert hint in fleet.hint(action, resource)


def test_how_it_connects(fleet: Fleet) -> None:
    will = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}
    fleet.policy("own", fleet.arn, statement("Allow", "iot:Connect", "*", Condition=will))
    assert not fleet.ask("iot:Connect", "client/lamp").allowed
    assert fleet.ask("iot:Connect", "client/lamp", will_topic="gone").allowed


def test_over_https(fleet: Fleet) -> None:
    fleet.policy("own", fleet.arn, statement("Allow", "iotjobsdata:*", "thing/lamp"))
    found = fleet.ask("iotjobsdata:StartNextPendingJobExecution", "thing/lamp", client_id=None)
    assert found.allowed
    assert "Without a client id" in found.hints[0]


def test_nobody(fleet: Fleet, run: Run) -> None:
    run("CreateThing", thing_name="bare")
    for who, message in [
        ({"certificate_id": "0" * 64}, "no account knows certificate"),
        ({"certificate_id": None, "thing": "none"}, "there is no thing none"),
        ({"certificate_id": None, "thing": "bare"}, "thing bare has no certificate"),
    ]:
        with pytest.raises(UnknownError, match=message):
            fleet.ask("iot:Connect", "client/lamp", **who)


def test_a_claim_of_a_trusted_user(fleet: Fleet, run: Run, call: Call) -> None:
    make(run)
    made = run("CreateProvisioningClaim", call=call._replace(authority=SampleAuthority()), template_name="t")
    with pytest.raises(why_denied.UnknownError, match="is one of CreateProvisioningClaim"):
        fleet.ask("iot:Publish", "topic/a", certificate_id=made.certificate_id)
