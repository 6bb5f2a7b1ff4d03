"""Who a device is and what it may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_ca_certificates import enroll
from tests.ops.x509_samples import MakerCA, self_signed
from tidegate.ops import identity
from tidegate.ops.call import Call
from tidegate.pki import certificates as x509
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

HEAD = "arn:aws:iot:eu-west-1:123456789012:"
NAME = "${iot:Connection.Thing.ThingName}"
IP = "192.0.2.7"

LEAST_PRIVILEGE = [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{HEAD}client/{NAME}"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{HEAD}topic/$aws/things/{NAME}/jobs/*"},
    {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{HEAD}topicfilter/$aws/things/{NAME}/jobs/*"},
    {"Effect": "Allow", "Action": "iot:Receive", "Resource": f"{HEAD}topic/$aws/things/{NAME}/jobs/*"},
]
"""The policy of device reference 8.4 that must work."""


def allow(action: str, resource: str, **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": f"{HEAD}{resource}", **members}


def deny(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": f"{HEAD}{resource}"}


class Fleet:
    """One certificate and what a test arranges around it."""

    def __init__(self, run: Run, database: Database) -> None:
        self.run = run
        self.database = database
        made = run("RegisterCertificateWithoutCA", certificate_pem=self_signed("unit 7"), status="ACTIVE")
        self.certificate_id: str = made.certificate_id
        self.arn: str = made.certificate_arn

    def policy(self, name: str, target: str, *statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.run("CreatePolicy", policy_name=name, policy_document=document)
        self.run("AttachPolicy", policy_name=name, target=target)

    def thing(self, name: str, kind: str | None = None, **attributes: str) -> None:
        payload = iot.AttributePayload(attributes=attributes)
        self.run("CreateThing", thing_name=name, attribute_payload=payload)
        self.run("AttachThingPrincipal", thing_name=name, principal=self.arn, thing_principal_type=kind)

    def group(self, name: str, *things: str, parent: str | None = None) -> str:
        self.run("CreateThingGroup", thing_group_name=name, parent_group_name=parent)
        for thing in things:
            self.run("AddThingToThingGroup", thing_group_name=name, thing_name=thing)
        return f"{HEAD}thinggroup/{name}"

    def load(self, **choices: Any) -> identity.Device | None:
        return self.database.read(lambda tx: identity.load(tx, self.certificate_id, **choices))

    def bind(self, client_id: str | None, **choices: Any) -> identity.Bound:
        device = self.load(client_id=client_id, **choices)
        assert device is not None
        return device.bind(client_id, IP, lambda: 0)


@pytest.fixture
def fleet(run: Run, database: Database) -> Fleet:
    return Fleet(run, database)


# --- which certificate ----------------------------------------------------------------------------------------------


def test_unknown_certificate(database: Database) -> None:
    assert database.read(lambda tx: identity.load(tx, "0" * 64)) is None


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_only_an_active_certificate_is_a_device(fleet: Fleet, status: str) -> None:
    assert fleet.load() is not None
    fleet.run("UpdateCertificate", certificate_id=fleet.certificate_id, new_status=status)
    assert fleet.load() is None


def test_deleted_certificate(fleet: Fleet) -> None:
    fleet.run("UpdateCertificate", certificate_id=fleet.certificate_id, new_status="INACTIVE")
    fleet.run("DeleteCertificate", certificate_id=fleet.certificate_id)
    assert fleet.load() is None


def test_device(fleet: Fleet, call: Call) -> None:
    fleet.thing("t", site="north")
    device = fleet.load(client_id="t")
    assert device is not None
    assert (device.scope, device.account, device.region) == (call.scope, "123456789012", "eu-west-1")
    assert device.certificate_id == fleet.certificate_id
    assert [(thing.name, thing.attributes, thing.exclusive) for thing in device.things] == [
        ("t", {"site": "north"}, False)
    ]


def test_a_certificate_of_several_scopes(run: Run, call: Call, database: Database) -> None:
    pem = self_signed()
    calls = {}
    for region in ("eu-west-1", "us-east-1"):
        scope = transact(database, lambda tx, region=region: scopes.ensure(tx, "123456789012", region))
        calls[region] = call._replace(scope=scope, region=region)
        made = run("RegisterCertificateWithoutCA", certificate_pem=pem, status="ACTIVE", call=calls[region])

    def region_of(server_name: str | None) -> str | None:
        device = database.read(lambda tx: identity.load(tx, made.certificate_id, server_name=server_name))
        return device.region if device else None

    assert region_of(None) == "eu-west-1"
    assert region_of("localhost") == "eu-west-1"
    assert region_of("prefix-ats.iot.US-EAST-1.amazonaws.com") == "us-east-1"
    run("UpdateCertificate", certificate_id=made.certificate_id, new_status="REVOKED", call=calls["eu-west-1"])
    assert region_of(None) is None, "a revocation does not pass a device on to another scope"
    assert region_of("prefix-ats.iot.us-east-1.amazonaws.com") == "us-east-1"


def test_an_account_that_proved_its_key_comes_first(run: Run, call: Call, database: Database) -> None:
    """Who registers somebody else's public certificate first does not get the device."""
    ca = MakerCA()
    leaf = ca.leaf()
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    theirs = call._replace(scope=scope, account="210987654321")
    made = run("RegisterCertificateWithoutCA", certificate_pem=leaf, status="ACTIVE", call=theirs)
    enroll(run, ca)
    run("RegisterCertificate", certificate_pem=leaf, status="ACTIVE")

    def account_of(server_name: str | None) -> str | None:
        device = database.read(lambda tx: identity.load(tx, made.certificate_id, server_name=server_name))
        return device.account if device else None

    assert account_of(None) == account_of("localhost") == "123456789012"
    assert account_of("210987654321.iot.example") == "210987654321"


# --- which thing (8.4) ----------------------------------------------------------------------------------------------


def test_least_privilege(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, *LEAST_PRIVILEGE)
    fleet.thing("t1")
    fleet.thing("t2")
    bound = fleet.bind("t1")
    assert bound.thing_name == "t1"
    assert bound.allows("iot:Connect", "client/t1")
    assert bound.allows("iot:Publish", "topic/$aws/things/t1/jobs/start-next")
    assert bound.allows("iot:Subscribe", "topicfilter/$aws/things/t1/jobs/#")
    assert bound.allows("iot:Receive", "topic/$aws/things/t1/jobs/notify")
    for action, resource in [
        ("iot:Connect", "client/t2"),
        ("iot:Publish", "topic/$aws/things/t2/jobs/start-next"),
        ("iot:Subscribe", "topicfilter/$aws/things/t2/jobs/#"),
        ("iot:Subscribe", "topicfilter/#"),
        ("iot:Receive", "topic/$aws/things/t2/jobs/notify"),
        ("iot:Publish", "topic/other"),
    ]:
        assert not bound.allows(action, resource)


def test_a_client_id_that_is_no_attached_thing_has_no_thing(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, *LEAST_PRIVILEGE)
    fleet.thing("t1")
    fleet.run("CreateThing", thing_name="t2")  # exists, and is not attached
    for client_id in ("t2", "T1", "", "*"):
        bound = fleet.bind(client_id)
        assert bound.thing_name is None
        assert not bound.allows("iot:Connect", f"client/{client_id}")
        assert not bound.allows("iot:Connect", "client/")
        assert not bound.allows("iot:Connect", "client/t1")


def test_exclusive_thing_is_meant_by_any_client_id(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, *LEAST_PRIVILEGE, allow("iot:Connect", f"client/{NAME}-*"))
    fleet.thing("t1", "EXCLUSIVE_THING")
    for client_id in ("t1", "t1-second", "whatever"):
        bound = fleet.bind(client_id)
        assert bound.thing_name == "t1"
        assert bound.allows("iot:Publish", "topic/$aws/things/t1/jobs/start-next")
    assert fleet.bind("t1-second").allows("iot:Connect", "client/t1-second")
    assert not fleet.bind("whatever").allows("iot:Connect", "client/whatever")


def test_detached_thing(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, *LEAST_PRIVILEGE)
    fleet.thing("t1")
    fleet.run("DetachThingPrincipal", thing_name="t1", principal=fleet.arn)
    assert not fleet.bind("t1").allows("iot:Connect", "client/t1")


def test_over_https_variables_of_a_connection_have_no_value(fleet: Fleet) -> None:
    fleet.policy(
        "p",
        fleet.arn,
        allow("iot:Publish", f"topic/thing/{NAME}"),
        allow("iot:Publish", "topic/client/${iot:ClientId}"),
        allow("iot:Publish", "topic/certificate/${iot:CertificateId}"),
    )
    fleet.thing("t1", "EXCLUSIVE_THING")
    bound = fleet.bind(None)
    assert bound.thing_name == "t1"
    assert bound.allows("iot:Publish", f"topic/certificate/{fleet.certificate_id}")
    assert not bound.allows("iot:Publish", "topic/thing/t1")
    assert not bound.allows("iot:Publish", "topic/client/t1")


def test_over_https_a_plainly_attached_thing_is_not_known(fleet: Fleet) -> None:
    fleet.thing("t1")
    assert fleet.bind(None).thing_name is None


# --- which policies (8.2) -------------------------------------------------------------------------------------------


def test_no_policy_allows_nothing(fleet: Fleet) -> None:
    fleet.thing("t1")
    assert not fleet.bind("t1").allows("iot:Connect", "client/t1")


def test_the_default_version_counts(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, allow("iot:Publish", "topic/old"))
    new = json.dumps({"Statement": allow("iot:Publish", "topic/new")})
    fleet.run("CreatePolicyVersion", policy_name="p", policy_document=new)
    assert fleet.bind("c").allows("iot:Publish", "topic/old")
    assert not fleet.bind("c").allows("iot:Publish", "topic/new")
    fleet.run("SetDefaultPolicyVersion", policy_name="p", policy_version_id="2")
    assert not fleet.bind("c").allows("iot:Publish", "topic/old")
    assert fleet.bind("c").allows("iot:Publish", "topic/new")


def test_policies_of_groups_and_their_ancestors(fleet: Fleet) -> None:
    fleet.thing("t1")
    fleet.thing("t2")
    root = fleet.group("root")
    leaf = fleet.group("leaf", "t1", parent="root")
    beside = fleet.group("beside", "t2", parent="root")
    fleet.policy("of-root", root, allow("iot:Publish", "topic/root"))
    fleet.policy("of-leaf", leaf, allow("iot:Publish", "topic/leaf"))
    fleet.policy("of-beside", beside, allow("iot:Publish", "topic/beside"))
    topics = ("topic/root", "topic/leaf", "topic/beside")
    assert [fleet.bind("t1").allows("iot:Publish", topic) for topic in topics] == [True, True, False]
    assert [fleet.bind("t2").allows("iot:Publish", topic) for topic in topics] == [True, False, True]
    assert [fleet.bind("other").allows("iot:Publish", topic) for topic in topics] == [False, False, False]
    fleet.run("RemoveThingFromThingGroup", thing_group_name="leaf", thing_name="t1")
    assert [fleet.bind("t1").allows("iot:Publish", topic) for topic in topics] == [False, False, False]


@pytest.mark.parametrize("client_id", ["t1", "anything", None])
def test_quarantine_group(fleet: Fleet, client_id: str | None) -> None:
    fleet.policy("p", fleet.arn, allow("iot:*", "*"))
    fleet.thing("t1", "EXCLUSIVE_THING")
    assert fleet.bind(client_id).allows("iot:Publish", "topic/a")
    fleet.policy("quarantine", fleet.group("quarantined", "t1"), deny("iot:Publish", "*"))
    bound = fleet.bind(client_id)
    assert not bound.allows("iot:Publish", "topic/a")
    assert bound.allows("iot:Connect", "client/a")
    assert bound.decide("iot:Publish", "topic/a").policy == "quarantine"


# --- variables and conditions (8.2, 8.3) ----------------------------------------------------------------------------


def test_variables_of_certificate_thing_and_connection(fleet: Fleet) -> None:
    fleet.policy(
        "p",
        fleet.arn,
        allow("iot:Publish", "topic/a/${iot:Connection.Thing.Attributes[site]}"),
        allow("iot:Publish", "topic/b/${iot:Certificate.Subject.CommonName}"),
        allow("iot:Publish", "topic/c/${iot:ClientId}"),
        allow("iot:Publish", "topic/d/${aws:SourceIp}"),
    )
    fleet.thing("t1", site="north")
    bound = fleet.bind("t1")
    for topic in ("a/north", "b/unit 7", "c/t1", f"d/{IP}"):
        assert bound.allows("iot:Publish", f"topic/{topic}")
        assert not bound.allows("iot:Publish", f"topic/{topic}x")


def test_a_certificate_is_read_for_policies_that_look_into_it_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def parse(pem: str) -> Any:
        read.append(pem)
        return certificate(pem)

    certificate = x509.parse
    monkeypatch.setattr(x509, "parse", parse)
    fleet.policy("p", fleet.arn, allow("iot:Publish", "topic/${iot:CertificateId}"))
    fleet.thing("t1")
    assert not fleet.bind("t1").allows("iot:Publish", "topic/unit 7")
    assert read == []
    fleet.policy("more", fleet.group("g", "t1"), allow("iot:Publish", "topic/${iot:Certificate.Subject.CommonName}"))
    bound = fleet.bind("t1")
    assert len(read) == 1
    assert bound.allows("iot:Publish", "topic/unit 7")


def test_the_type_of_the_connected_thing_is_a_variable(fleet: Fleet) -> None:
    fleet.policy("p", fleet.arn, allow("iot:Publish", "topic/${iot:Connection.Thing.ThingTypeName}/a"))
    fleet.run("CreateThingType", thing_type_name="lamp")
    fleet.thing("t1")
    assert not fleet.bind("t1").allows("iot:Publish", "topic/lamp/a")
    fleet.run("UpdateThing", thing_name="t1", thing_type_name="lamp")
    assert fleet.bind("t1").allows("iot:Publish", "topic/lamp/a")
    assert not fleet.bind("t1").allows("iot:Publish", "topic/pump/a")


def test_conditions(fleet: Fleet) -> None:
    attached = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    fleet.policy(
        "p",
        fleet.arn,
        allow("iot:Connect", "client/*", Condition=attached),
        allow("iot:Publish", "topic/local", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        allow("iot:Publish", "topic/named", Condition={"StringEquals": {"iot:DomainName": "iot.example"}}),
    )
    fleet.thing("t1")
    assert fleet.bind("t1").allows("iot:Connect", "client/t1")
    assert not fleet.bind("t2").allows("iot:Connect", "client/t2")
    device = fleet.load(client_id="t1")
    assert device is not None
    assert device.bind("t1", "192.0.2.200", lambda: 0).allows("iot:Publish", "topic/local")
    assert not device.bind("t1", "198.51.100.1", lambda: 0).allows("iot:Publish", "topic/local")
    assert not device.bind("t1", IP, lambda: 0).allows("iot:Publish", "topic/named")
    assert fleet.bind("t1", server_name="iot.example").allows("iot:Publish", "topic/named")


def test_keys_of_one_request(fleet: Fleet) -> None:
    will = {"StringEquals": {"iot:LastWillTopic": "will"}}
    fleet.policy("p", fleet.arn, allow("iot:Connect", "client/c", Condition=will))
    device = fleet.load(client_id="c")
    assert device is not None
    assert device.bind("c", IP, lambda: 0, {"iot:LastWillTopic": "will"}).allows("iot:Connect", "client/c")
    assert not device.bind("c", IP, lambda: 0).allows("iot:Connect", "client/c")


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        # The three examples of AWS's documents: a will only, persistent only, nothing but what is listed.
        ({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}, ["w", "pw"]),
        ({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}, ["p", "pw"]),
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": []}}, [""]),
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}, ["", "w"]),
        (
            {"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect", "LastWill"]}},
            ["", "p", "w", "pw"],
        ),
        ({"ForAnyValue:StringLike": {"iot:LastWillTopic": ["gone/*"]}}, ["w", "pw"]),
        ({"StringEquals": {"iot:LastWillTopic": "other"}}, []),
    ],
)
def test_how_a_client_connects(fleet: Fleet, condition: dict[str, Any], allowed: list[str]) -> None:
    fleet.policy("p", fleet.arn, allow("iot:Connect", "client/c", Condition=condition))
    device = fleet.load(client_id="c")
    assert device is not None
    assert device.judges_connect

    def connects(how: str) -> bool:
        extra = identity.of_connect(persistent="p" in how, will_topic="gone/c" if "w" in how else None)
        return device.bind("c", IP, lambda: 0, extra).allows("iot:Connect", "client/c")

    assert [how for how in ("", "p", "w", "pw") if connects(how)] == allowed


def test_few_policies_look_at_how_a_client_connects(fleet: Fleet) -> None:
    fleet.policy(
        "p", fleet.arn, allow("iot:Connect", "*", Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}})
    )
    device = fleet.load(client_id="c")
    assert device is not None
    assert not device.judges_connect


def test_an_empty_list_of_connect_attributes_denies_nothing_else(fleet: Fleet) -> None:
    """A quarantine for clients with a will must not catch those without one."""
    will = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}
    fleet.policy("p", fleet.arn, allow("iot:*", "*"), {**deny("iot:Connect", "*"), "Condition": will})
    device = fleet.load(client_id="c")
    assert device is not None
    plain = device.bind("c", IP, lambda: 0, identity.of_connect(persistent=True, will_topic=None))
    assert plain.allows("iot:Connect", "client/c")
    with_will = device.bind("c", IP, lambda: 0, identity.of_connect(persistent=False, will_topic="gone"))
    assert not with_will.allows("iot:Connect", "client/c")


def test_partition(fleet: Fleet) -> None:
    device = fleet.load(partition="aws-cn")
    assert device is not None
    assert device.policies == ()
    assert device.partition == "aws-cn"


# --- what is read ---------------------------------------------------------------------------------------------------


def test_loading_reads_what_the_client_id_can_mean(fleet: Fleet) -> None:
    for name in ("t1", "t2", "t3"):
        fleet.thing(name)
    device = fleet.load(client_id="t2")
    assert device is not None
    assert [thing.name for thing in device.things] == ["t2"]
    assert device.bind("t2", IP, lambda: 0).thing_name == "t2"
    for other in ("t1", None):
        with pytest.raises(ValueError, match="loaded for client id 't2'"):
            device.bind(other, IP, lambda: 0)
    for client_id in ("t4", None):
        nobody = fleet.load(client_id=client_id)
        assert nobody is not None
        assert nobody.thing is None


@pytest.mark.parametrize("client_id", ["t1", "other", None])
def test_loading_reads_an_exclusive_thing_for_any_client_id(fleet: Fleet, client_id: str | None) -> None:
    fleet.thing("t1", "EXCLUSIVE_THING")
    device = fleet.load(client_id=client_id)
    assert device is not None
    assert [(thing.name, thing.exclusive) for thing in device.things] == [("t1", True)]


def test_policies_of_groups_count_up_to_a_bound_and_beyond_it_deny(fleet: Fleet) -> None:
    """Else each message would be judged by a megabyte of patterns."""
    fleet.thing("t")
    target = fleet.group("g", "t")
    resources = [f"arn:*?b{number}*" for number in range(100)]
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": [*resources, "*"]}})
    document += " " * (identity.MOST_OF_GROUPS // 30 - len(document))

    def attach(name: str, group: str, text: str) -> None:
        fleet.run("CreatePolicy", policy_name=name, policy_document=text)
        fleet.run("AttachPolicy", policy_name=name, target=group)

    for number in range(3):
        group = fleet.group(f"g{number}", "t", parent=None)
        for policy in range(10):
            attach(f"p{number}-{policy}", group, document)
    assert fleet.bind("t").allows("iot:Publish", "topic/a")
    attach("one-more", target, document[:1000].rstrip() if len(document) < 1000 else document)
    bound = fleet.bind("t")
    assert not bound.allows("iot:Publish", "topic/a")
    assert "more than 61440 characters" in bound.decide("iot:Publish", "topic/a").reason


def test_variables_weigh_what_they_may_stand_for(fleet: Fleet) -> None:
    fleet.thing("t")
    target = fleet.group("g", "t")
    resources = [*(f"arn:*${{iot:ClientId}}?{number}*" for number in range(50)), "*"]
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": resources}})
    assert 8 * len(document) < identity.MOST_OF_GROUPS < 10 * (len(document) + 50 * 128)
    allowed = []
    for number in range(10):
        fleet.run("CreatePolicy", policy_name=f"p{number}", policy_document=document)
        fleet.run("AttachPolicy", policy_name=f"p{number}", target=target)
        allowed.append(fleet.bind("t").allows("iot:Publish", "topic/a"))
    assert allowed == sorted(allowed, reverse=True)
    assert allowed[0]
    assert not allowed[-1]
