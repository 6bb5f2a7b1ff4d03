"""Provisioning by claim: certificates that wait, their tokens, what RegisterThing makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_provisioning_templates import BODY, make
from tests.ops.x509_samples import SampleAuthority, make_key, signing_request
from tidegate.core import texts
from tidegate.core.provisioning import refusals
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.net.hooks import Hook, HookFaultError
from tidegate.ops import audit, fleet_provisioning, identity, sweeps
from tidegate.ops.call import Call, Origin
from tidegate.ops.effects import EngineDue, PrincipalChanged
from tidegate.ops.fleet_provisioning import KeysRequest, Offered, RegisterRequest, SigningRequest
from tidegate.ops.handler import Consulted, Handler, Prepared
from tidegate.ops.provisioning import Applied
from tidegate.ops.quotas import Limits
from tidegate.store import provisioning, scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

CLAIM = "c" * 64
HOUR = 3_600_000
Ask = Callable[..., Any]


@pytest.fixture
def claim(call: Call) -> Call:
    """A request of a device with the claim certificate."""
    origin = Origin(edge="mqtt", device=True, client_id="factory", source="192.0.2.1")
    return call._replace(authority=SampleAuthority(), principal=CLAIM, origin=origin)


@pytest.fixture
def ask(database: Database, claim: Call) -> Ask:
    """Carry out a device's request as the service does."""

    def ask(handler: Handler, request: Any, call: Call = claim, effects: list[Any] | None = None) -> Any:
        if isinstance(handler, Prepared):
            look = handler.look
            seen = None if look is None else database.read(lambda tx: look(tx, call, request))
            prepared: Any = handler.prepare(call, request, seen)
        else:
            assert isinstance(handler, Consulted)
            found = database.read(lambda tx: handler.look(tx, call, request))
            assert handler.question(call, request, found) is None
            prepared = handler.read(None)
        outcome = database.commit([handler.transaction(call, request, prepared)])[0]
        if effects is not None:
            effects.extend(outcome.effects)
        return outcome.result()

    return ask


def keys(ask: Ask, **more: Any) -> Offered:
    offered: Offered = ask(fleet_provisioning.CREATE_FROM_CSR, SigningRequest(signing_request()), **more)
    return offered


def register(ask: Ask, token: str, template: str = "t", *, serial: str | None = "7", **more: Any) -> Applied:
    parameters = {} if serial is None else {"SerialNumber": serial}
    applied: Applied = ask(fleet_provisioning.REGISTER, RegisterRequest(template, token, parameters), **more)
    return applied


def refused(ask: Ask, *arguments: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(RefusedError) as error:
        register(ask, *arguments, **more)
    return error.value.reason, error.value.message


def status(run: Run, certificate_id: str) -> str:
    found: str = run("DescribeCertificate", certificate_id=certificate_id).certificate_description.status
    return found


def invalid() -> tuple[str, str]:
    return refusals.INVALID_TOKEN, texts.provisioning.TOKEN_INVALID


# --- certificates ---------------------------------------------------------------------------------------------------


def test_keys_and_certificate(run: Run, ask: Ask) -> None:
    effects: list[Any] = []
    offered = ask(fleet_provisioning.CREATE_KEYS, KeysRequest(), effects=effects)
    found = run("DescribeCertificate", certificate_id=offered.certificate_id).certificate_description
    assert (found.status, found.certificate_pem) == ("PENDING_ACTIVATION", offered.certificate_pem)
    assert "PRIVATE KEY" in offered.private_key
    assert offered.certificate_pem.endswith("\n")
    assert len(offered.token) == 128
    assert effects == [EngineDue(NOW + HOUR)]


def test_a_signing_request(run: Run, ask: Ask) -> None:
    offered = keys(ask)
    assert offered.private_key is None
    assert status(run, offered.certificate_id) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("request_pem", ["", "nonsense", "\ud800", "weak"])
def test_a_signing_request_that_is_none(ask: Ask, request_pem: str) -> None:
    pem = signing_request(key=make_key(bits=1024)) if request_pem == "weak" else request_pem
    with pytest.raises(RefusedError) as error:
        ask(fleet_provisioning.CREATE_FROM_CSR, SigningRequest(pem))
    assert (error.value.reason, error.value.status) == (refusals.INVALID_CSR, 400)


def test_tokens_are_kept_by_their_digest(database: Database, ask: Ask, call: Call) -> None:
    offered = keys(ask)
    found = database.read(lambda tx: provisioning.token(tx, call.scope, offered.token))
    assert found is None


# --- RegisterThing --------------------------------------------------------------------------------------------------


def test_register_thing(run: Run, ask: Ask, database: Database) -> None:
    make(run, enabled=True)
    offered, effects = keys(ask), list[Any]()
    done = register(ask, offered.token, effects=effects)
    assert (done.thing_name, done.device_configuration) == ("device-7", {})
    assert status(run, offered.certificate_id) == "ACTIVE"
    (principal,) = run("ListThingPrincipals", thing_name="device-7").principals
    assert principal.endswith(offered.certificate_id)
    assert any(isinstance(each, PrincipalChanged) for each in effects)
    (entry,) = (audit.read(text) for text in database.read(audit.unsealed) if "tidegate:Provision" in text)
    assert (entry.principal.rpartition("/")[2], entry.source, entry.edge) == (CLAIM, "192.0.2.1", "mqtt")
    assert entry.resources[1:] == list(done.arns.values())


def test_the_same_token_again_gets_the_same_answer(run: Run, ask: Ask, claim: Call) -> None:
    make(run, enabled=True)
    offered = keys(ask)
    first = register(ask, offered.token)
    effects: list[Any] = []
    assert register(ask, offered.token, effects=effects, call=claim._replace(now=NOW + HOUR - 1)) == first
    assert effects == []
    assert run("DescribeThing", thing_name="device-7").version == 1
    # It is good for the whole hour, for another thing too (reach reference 3.5).
    assert register(ask, offered.token, serial="8").thing_name == "device-8"


def test_a_token_is_nobody_elses(run: Run, ask: Ask, claim: Call, database: Database) -> None:
    make(run, enabled=True)
    offered = keys(ask)
    assert refused(ask, offered.token, call=claim._replace(principal="d" * 64)) == invalid()
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    theirs = claim._replace(scope=scope, account="210987654321")
    make(run, enabled=True, call=theirs)
    assert refused(ask, offered.token, call=theirs) == invalid()
    assert status(run, offered.certificate_id) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("token", ["x", "\ud800", "x" * 4096])
def test_a_token_that_is_none(run: Run, ask: Ask, token: str) -> None:
    make(run, enabled=True)
    assert refused(ask, token) == invalid()
    assert refused(ask, "") == (refusals.INVALID_TOKEN, "Certificate ownership token cannot be empty.")


def test_a_token_whose_certificate_was_deleted(run: Run, ask: Ask) -> None:
    make(run, enabled=True)
    offered = keys(ask)
    run("DeleteCertificate", certificate_id=offered.certificate_id)
    assert refused(ask, offered.token) == invalid()


def test_templates_that_provision_nobody(run: Run, ask: Ask) -> None:
    offered = keys(ask)
    unknown = (refusals.INVALID_TEMPLATE, "Template with name t does not exist.")
    assert refused(ask, offered.token) == unknown
    make(run)
    assert refused(ask, offered.token) == (refusals.INVALID_TEMPLATE, "Template t is not enabled.")
    make(run, "jitp", type="JITP", enabled=True)
    assert refused(ask, offered.token, "jitp")[0] == refusals.INVALID_TEMPLATE
    run("UpdateProvisioningTemplate", template_name="t", enabled=True)
    assert refused(ask, offered.token, serial=None) == (
        refusals.INVALID_PARAMETERS, "Cannot resolve reference value: SerialNumber"
    )  # fmt: skip
    assert register(ask, offered.token).thing_name == "device-7"


def test_what_the_registry_refuses_leaves_nothing(run: Run, ask: Ask) -> None:
    body = json.loads(BODY)
    body["Resources"]["thing"]["Properties"]["ThingGroups"] = ["no"]
    body["Resources"]["policy"] = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{}"}}
    make(run, enabled=True, template_body=json.dumps(body))
    offered = keys(ask)
    reason, message = refused(ask, offered.token)
    assert reason == refusals.PROVISIONING_FAILED
    assert message.startswith(
        "Register thing workflow execution terminates due to: ThingGroup 123456789012:no not found. (Service: AWSIot;"
    )
    assert run("ListThings").things == run("ListPolicies").policies == []
    assert status(run, offered.certificate_id) == "PENDING_ACTIVATION"


def test_a_late_refusal_is_undone(run: Run, ask: Ask) -> None:
    body = json.loads(BODY)
    body["Resources"]["policy"] = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{}"}}
    body["Resources"]["thing"]["Properties"]["AttributePayload"] = {str(number): "x" for number in range(4)}
    make(run, enabled=True, template_body=json.dumps(body))
    offered = keys(ask)
    assert refused(ask, offered.token)[0] == refusals.PROVISIONING_FAILED
    assert run("ListThings").things == run("ListPolicies").policies == []
    assert status(run, offered.certificate_id) == "PENDING_ACTIVATION"


def test_a_device_names_no_other_certificate(run: Run, ask: Ask) -> None:
    mine, other = keys(ask), keys(ask)
    body = json.loads(BODY)
    body["Parameters"]["Other"] = {"Type": "String"}
    body["Resources"]["certificate"]["Properties"]["CertificateId"] = {"Ref": "Other"}
    make(run, enabled=True, template_body=json.dumps(body))
    request = RegisterRequest("t", mine.token, {"SerialNumber": "7", "Other": other.certificate_id})
    with pytest.raises(RefusedError) as error:
        ask(fleet_provisioning.REGISTER, request)
    assert texts.provisioning.OTHER_CERTIFICATE in error.value.message
    make(run, "u", enabled=True)
    attempt = {"SerialNumber": "7", "AWS::IoT::Certificate::Id": other.certificate_id}
    ask(fleet_provisioning.REGISTER, RegisterRequest("u", mine.token, attempt))
    assert (status(run, mine.certificate_id), status(run, other.certificate_id)) == ("ACTIVE", "PENDING_ACTIVATION")


# --- hooks ----------------------------------------------------------------------------------------------------------

HOOK = "arn:aws:lambda:eu-west-1:123456789012:function:check"


def test_what_a_hook_is_asked_and_what_it_changes(run: Run, ask: Ask, claim: Call, database: Database) -> None:
    where = Hook("http://127.0.0.1:9/")
    hooked = claim._replace(hooks={HOOK: where})
    make(run, enabled=True, call=hooked, pre_provisioning_hook=iot.ProvisioningHook(target_arn=HOOK))
    offered, handler = keys(ask), fleet_provisioning.REGISTER
    request = RegisterRequest("t", offered.token, {"SerialNumber": "7"})
    found = database.read(lambda tx: handler.look(tx, hooked, request))
    question = handler.question(hooked, request, found)
    assert question is not None
    assert (question.hook, question.timeout_s) == (where, 5)
    assert json.loads(question.body) == {
        "claimCertificateId": CLAIM,
        "certificateId": offered.certificate_id,
        "certificatePem": offered.certificate_pem,
        "templateArn": "arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/t",
        "clientId": "factory",
        "parameters": {"SerialNumber": "7"},
    }
    answer = handler.read(b'{"allowProvisioning":true,"parameterOverrides":{"SerialNumber":"8"}}')
    transact(database, handler.transaction(hooked, request, answer))
    assert [thing.thing_name for thing in run("ListThings").things] == ["device-8"]
    with pytest.raises(RefusedError) as error:
        handler.read(HookFaultError("no answer within 5 s"))
    assert (error.value.reason, error.value.detail) == (refusals.INVOCATION_ERROR, "no answer within 5 s")
    with pytest.raises(RefusedError) as error:  # started without --hook since
        handler.question(claim, request, found)
    assert error.value.message == "Access denied while invoking Lambda function"
    # Deleted while the hook was asked.
    run("DeleteProvisioningTemplate", template_name="t")
    with pytest.raises(RefusedError) as error:
        database.commit([handler.transaction(hooked, request, answer)])[0].result()
    assert error.value.reason == refusals.INVALID_TEMPLATE


# --- claims ---------------------------------------------------------------------------------------------------------


def claimed(run: Run, claim: Call, **more: Any) -> Any:
    return run("CreateProvisioningClaim", call=claim, template_name="t", **more)


def test_create_provisioning_claim(run: Run, claim: Call, database: Database) -> None:
    make(run, enabled=True)
    effects: list[Any] = []
    made = claimed(run, claim, effects=effects)
    assert made.expiration == (NOW + 300_000) / 1000
    assert effects == [EngineDue(NOW + 300_000)]
    assert "PRIVATE KEY" in made.key_pair.private_key
    assert run("ListCertificates").certificates == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeCertificate", certificate_id=made.certificate_id)

    def load(at: int, client_id: str | None = "anything") -> identity.Device | None:
        return database.read(lambda tx: identity.load(tx, made.certificate_id, client_id=client_id, service_now=at))

    device = load(NOW + 299_999)
    assert device is not None
    bound = device.bind("anything", "127.0.0.1", lambda: NOW)
    assert bound.allows("iot:Connect", "client/anything")
    for topic in (
        "certificates/create/cbor",
        "certificates/create-from-csr/json",
        "provisioning-templates/t/provision/json",
    ):
        assert bound.allows("iot:Publish", f"topic/$aws/{topic}")
        assert bound.allows("iot:Receive", f"topic/$aws/{topic}/accepted")
        assert bound.allows("iot:Subscribe", f"topicfilter/$aws/{topic}/+")
    for topic in ("$aws/provisioning-templates/other/provision/json", "$aws/things/t/jobs/get", "a", "#"):
        assert not bound.allows("iot:Publish", f"topic/{topic}")
        assert not bound.allows("iot:Subscribe", f"topicfilter/{topic}")
    assert load(NOW + 300_000) is None
    assert load(NOW, None) is None  # over HTTPS it is nobody
    outcome = database.commit([lambda tx: sweeps.sweep(tx, NOW + 300_000, Limits())])[0]
    assert outcome.effects == [PrincipalChanged(claim.scope, made.certificate_id)]
    assert load(NOW) is None


def test_claims_end_with_their_template(run: Run, claim: Call) -> None:
    make(run)
    made, effects = claimed(run, claim), list[Any]()
    run("DeleteProvisioningTemplate", template_name="t", effects=effects)
    assert effects == [PrincipalChanged(claim.scope, made.certificate_id)]


def test_claims_that_there_are_not(run: Run, claim: Call) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        claimed(run, claim)
    make(run, type="JITP")
    with pytest.raises(iot.InvalidRequestException):
        claimed(run, claim)


# --- what is over ---------------------------------------------------------------------------------------------------


def test_no_more_certificates_wait_than_may(run: Run, ask: Ask, claim: Call) -> None:
    """Those that have waited longest go, with their tokens; what was claimed stays."""
    make(run, enabled=True)
    few = claim._replace(limits=Limits(unclaimed_certificates=3))
    claimed = keys(ask, call=few)
    register(ask, claimed.token)
    older = [keys(ask, call=few._replace(now=NOW + at)) for at in (1, 2)]
    effects: list[Any] = []
    newer = keys(ask, call=few._replace(now=NOW + 3), effects=effects)
    assert PrincipalChanged(claim.scope, older[0].certificate_id) in effects
    assert refused(ask, older[0].token) == invalid()
    left = {row.certificate_id for row in run("ListCertificates").certificates}
    assert left == {each.certificate_id for each in (claimed, older[1], newer)}
    register(ask, newer.token, serial="8")
    last = ask(fleet_provisioning.CREATE_KEYS, KeysRequest(), call=few._replace(now=NOW + 4))
    register(ask, older[1].token, serial="9")
    assert last.private_key is not None


def test_claim_certificates_count_among_those_that_wait(run: Run, ask: Ask, claim: Call) -> None:
    """Of tokens and claim certificates that kind gives way of which there are more."""
    make(run, enabled=True)
    few = claim._replace(limits=Limits(unclaimed_certificates=3))
    first, second = (claimed(run, few._replace(now=NOW + at)) for at in (0, 1))
    device = keys(ask, call=few._replace(now=NOW + 2))
    effects: list[Any] = []
    claimed(run, few._replace(now=NOW + 3), effects=effects)
    assert set(effects) >= {PrincipalChanged(claim.scope, each.certificate_id) for each in (first, second)}
    last, effects = [keys(ask, call=few._replace(now=NOW + at), effects=effects) for at in (4, 5)][-1], effects[3:]
    assert len([each for each in effects if isinstance(each, PrincipalChanged)]) == 2
    assert refused(ask, device.token) == invalid()
    register(ask, last.token, serial="8")


def test_certificates_that_nobody_claimed_are_deleted(run: Run, ask: Ask, claim: Call, database: Database) -> None:
    make(run, enabled=True)
    claimed, unclaimed, activated = keys(ask), keys(ask), keys(ask)
    later = keys(ask, call=claim._replace(now=NOW + 1))
    register(ask, claimed.token)
    run("UpdateCertificate", certificate_id=activated.certificate_id, new_status="ACTIVE")

    def step(now: int) -> tuple[int | None, list[Any]]:
        outcome = database.commit([lambda tx: sweeps.sweep(tx, now, Limits())])[0]
        return outcome.result(), outcome.effects

    assert step(NOW + HOUR - 1) == (NOW + HOUR, [])
    assert refused(ask, claimed.token, call=claim._replace(now=NOW + HOUR)) == invalid()
    gone = [PrincipalChanged(claim.scope, unclaimed.certificate_id)]
    assert step(NOW + HOUR) == (NOW + HOUR + 1, gone)
    left = {row.certificate_id for row in run("ListCertificates").certificates}
    assert left == {each.certificate_id for each in (claimed, activated, later)}
    assert step(NOW + HOUR + 1)[0] is None
    assert {row.certificate_id for row in run("ListCertificates").certificates} == left - {later.certificate_id}
