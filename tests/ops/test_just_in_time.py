"""Certificates that register themselves at their device's first connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_ca_certificates import JITP, enroll
from tests.ops.test_provisioning_templates import make
from tests.ops.x509_samples import MakerCA, self_signed
from tidegate.clock import SequentialIds
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.ops import just_in_time
from tidegate.ops.call import Call
from tidegate.ops.effects import EventsWritten
from tidegate.pki import certificates as x509
from tidegate.store import events, scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

IDS = SequentialIds()
PEER = "192.0.2.7"


class Gate:
    """Where unknown devices knock."""

    def __init__(self, run: Run, database: Database) -> None:
        self.run = run
        self.database = database
        self.awaited: just_in_time.Awaited | None = None

    def knock(self, pem: str, server_name: str | None = None) -> list[Any]:
        """A CONNECT; the effects."""
        attempt = just_in_time.Attempt(x509.parse(pem), server_name, PEER)
        work: Any = lambda tx: just_in_time.register(tx, attempt, now=NOW, ids=IDS)  # noqa: E731
        outcome = self.database.commit([work])[0]
        effects, self.awaited = list(outcome.effects), outcome.result()
        assert self.database.read(lambda tx: just_in_time.is_awaited(tx, attempt)) or not effects
        return effects

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(e.topic, json.loads(e.message)) for e in self.database.read(lambda tx: events.underway(tx, 0, 100))]

    def statuses(self) -> list[str]:
        return [row.status for row in self.run("ListCertificates").certificates]


@pytest.fixture
def gate(run: Run, database: Database) -> Gate:
    return Gate(run, database)


def test_the_first_connection_registers(run: Run, call: Call, gate: Gate) -> None:
    ca = MakerCA()
    enroll(run, ca, allow_auto_registration=True)
    leaf = ca.leaf()
    certificate_id = x509.parse(leaf).certificate_id
    assert gate.knock(leaf) == [EventsWritten(call.scope)]
    found = run("DescribeCertificate", certificate_id=certificate_id).certificate_description
    assert (found.status, found.ca_certificate_id, found.certificate_pem) == (
        "PENDING_ACTIVATION",
        ca.certificate_id,
        leaf,
    )
    assert (found.certificate_mode, found.creation_date) == ("DEFAULT", NOW / 1000)
    assert gate.events() == [
        (
            f"$aws/events/certificates/registered/{ca.certificate_id}",
            {
                "certificateId": certificate_id,
                "caCertificateId": ca.certificate_id,
                "timestamp": NOW,
                "certificateStatus": "PENDING_ACTIVATION",
                "awsAccountId": "123456789012",
                "certificateRegistrationTimestamp": None,
                "sourceIp": PEER,
            },
        )
    ]


def test_every_attempt_is_told_of_until_the_certificate_is_activated(run: Run, gate: Gate) -> None:
    ca = MakerCA()
    enroll(run, ca, allow_auto_registration=True)
    leaf = ca.leaf()
    for _ in range(3):
        gate.knock(leaf)
    assert len(gate.events()) == 3
    assert gate.statuses() == ["PENDING_ACTIVATION"]
    certificate_id = x509.parse(leaf).certificate_id
    for status in ("INACTIVE", "REVOKED", "ACTIVE"):
        run("UpdateCertificate", certificate_id=certificate_id, new_status=status)
        assert gate.knock(leaf) == []
        assert gate.statuses() == [status]
    assert len(gate.events()) == 3


@pytest.mark.parametrize(
    "members", [{}, {"allow_auto_registration": False}, {"allow_auto_registration": True, "set_as_active": False}]
)
def test_an_authority_that_does_not_register(run: Run, gate: Gate, members: dict[str, Any]) -> None:
    ca = MakerCA()
    enroll(run, ca, **members)
    assert gate.knock(ca.leaf()) == []
    assert (gate.statuses(), gate.events()) == ([], [])


def test_strangers(run: Run, gate: Gate) -> None:
    enroll(run, MakerCA(), allow_auto_registration=True)
    for pem in (self_signed(), MakerCA("other").leaf(), MakerCA().leaf(), self_signed("maker")):
        assert gate.knock(pem) == []
    assert (gate.statuses(), gate.events()) == ([], [])


def test_a_device_means_the_scope_it_names(run: Run, call: Call, database: Database, gate: Gate) -> None:
    ca = MakerCA()
    sni = {"certificate_mode": "SNI_ONLY", "verification_certificate": None, "allow_auto_registration": True}
    enroll(run, ca, **sni)
    scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    other = call._replace(scope=scope, region="us-east-1")
    run("RegisterCACertificate", ca_certificate=ca.pem, set_as_active=True, call=other, **sni)
    assert gate.knock(ca.leaf()) == [EventsWritten(call.scope)]
    assert gate.knock(ca.leaf(), "x.iot.us-east-1.example") == [EventsWritten(scope)]
    [found] = run("ListCertificates", call=other).certificates
    assert (found.status, found.certificate_mode) == ("PENDING_ACTIVATION", "SNI_ONLY")


# --- with a template ------------------------------------------------------------------------------------------------

COMMON_NAME = "AWS::IoT::Certificate::CommonName"


def body(**thing: Any) -> str:
    content = json.loads(JITP)
    content["Parameters"] = {COMMON_NAME: {"Type": "String"}}
    properties = {"ThingName": {"Ref": COMMON_NAME}, **thing}
    content["Resources"]["thing"] = {"Type": "AWS::IoT::Thing", "Properties": properties}
    return json.dumps(content)


def provisioned(gate: Gate, call: Call, leaf: str) -> None:
    """A CONNECT with all that follows from it."""
    assert gate.knock(leaf) == []
    assert gate.awaited is not None
    awaited = gate.awaited
    transact(gate.database, lambda tx: just_in_time.provision(tx, call, awaited))


@pytest.mark.parametrize("named", [False, True])
def test_a_template_lets_a_device_in(run: Run, call: Call, gate: Gate, named: bool) -> None:
    ca = MakerCA()
    config = iot.RegistrationConfig(template_name="t") if named else iot.RegistrationConfig(template_body=body())
    if named:
        make(run, type="JITP", template_body=body(), enabled=True)
    enroll(run, ca, allow_auto_registration=True, registration_config=config)
    leaf = ca.leaf("pump-7")
    provisioned(gate, call, leaf)
    assert gate.statuses() == ["ACTIVE"]
    assert gate.events() == []
    (principal,) = run("ListThingPrincipals", thing_name="pump-7").principals
    assert principal.endswith(x509.parse(leaf).certificate_id)
    assert gate.knock(leaf) == []
    assert gate.awaited is None


@pytest.mark.parametrize("enabled", [None, False])
def test_a_template_that_lets_nobody_in(run: Run, call: Call, gate: Gate, enabled: bool | None) -> None:
    ca = MakerCA()
    make(run, type="JITP", template_body=body(ThingGroups=["no"]), enabled=enabled)
    config = iot.RegistrationConfig(template_name="t")
    enroll(run, ca, allow_auto_registration=True, registration_config=config)
    leaf = ca.leaf("pump-7")
    for sentence in ("Template t is not enabled.", "ThingGroup 123456789012:no not found."):
        with pytest.raises(RefusedError, match=sentence):
            provisioned(gate, call, leaf)
        assert gate.statuses() == ["PENDING_ACTIVATION"]
        assert run("ListThings").things == []
        run("UpdateProvisioningTemplate", template_name="t", enabled=True)
    run("CreateThingGroup", thing_group_name="no")  # what was missing is made, and the device tries again
    provisioned(gate, call, leaf)
    assert gate.statuses() == ["ACTIVE"]


def test_a_certificate_without_what_the_template_declares(run: Run, call: Call, gate: Gate) -> None:
    ca = MakerCA()
    content = json.loads(body())
    content["Parameters"]["AWS::IoT::Certificate::Country"] = {"Type": "String"}
    config = iot.RegistrationConfig(template_body=json.dumps(content))
    enroll(run, ca, allow_auto_registration=True, registration_config=config)
    with pytest.raises(RefusedError, match="Cannot resolve reference value: AWS::IoT::Certificate::Country"):
        provisioned(gate, call, ca.leaf("pump-7"))


def test_a_certificate_that_was_revoked_meanwhile(run: Run, call: Call, gate: Gate) -> None:
    ca = MakerCA()
    enroll(run, ca, allow_auto_registration=True, registration_config=iot.RegistrationConfig(template_body=body()))
    leaf = ca.leaf("pump-7")
    gate.knock(leaf)
    awaited = gate.awaited
    assert awaited is not None
    run("UpdateCertificate", certificate_id=x509.parse(leaf).certificate_id, new_status="REVOKED")
    with pytest.raises(RefusedError, match="not in status PENDING_ACTIVATION any more"):
        transact(gate.database, lambda tx: just_in_time.provision(tx, call, awaited))
    assert gate.statuses() == ["REVOKED"]
