"""Provisioning as operators' and devices' real clients see it."""

from __future__ import annotations

import json
from typing import Any

import awsiot
import pytest
from awscrt import mqtt, mqtt_request_response
from awsiot import iotidentity
from cryptography.hazmat.primitives import serialization

from tests.e2e.fleet import PATIENCE, REGION, Account, Credentials
from tests.e2e.mqtt import Device, Inbox, connected
from tests.e2e.sdk import adapted, mqtt_3, mqtt_5
from tests.e2e.test_control_plane import refused
from tests.ops.test_provisioning_templates import BODY, OTHER
from tests.ops.x509_samples import make_key, signing_request
from tidegate.wire import cbor

ROLE = "arn:aws:iam::123456789012:role/provisioning"


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


def template(account: Account, name: str = "fleet", body: str = BODY, **members: Any) -> Any:
    members = {"enabled": True, "provisioningRoleArn": ROLE, "templateBody": body, **members}
    return account.iot.create_provisioning_template(templateName=name, **members)


def test_provisioning_templates(account: Account) -> None:
    iot, tags = account.iot, [{"Key": "site", "Value": "north"}]
    made = template(account, description="d", tags=tags)
    assert made["templateArn"] == account.arn("provisioningtemplate/fleet")
    assert iot.list_tags_for_resource(resourceArn=made["templateArn"])["tags"] == tags
    answer = refused(lambda: template(account))
    assert (answer.status, answer.code) == (409, "ResourceAlreadyExistsException")
    assert answer.message == "Template with name fleet already exists"
    iot.create_provisioning_template_version(templateName="fleet", templateBody=OTHER)
    iot.update_provisioning_template(templateName="fleet", defaultVersionId=2, enabled=False)
    found = iot.describe_provisioning_template(templateName="fleet")
    assert (found["templateBody"], found["enabled"], found["defaultVersionId"]) == (OTHER, False, 2)
    assert "preProvisioningHook" not in found
    assert iot.describe_provisioning_template_version(templateName="fleet", versionId=1)["templateBody"] == BODY
    assert len(iot.list_provisioning_template_versions(templateName="fleet")["versions"]) == 2
    iot.delete_provisioning_template_version(templateName="fleet", versionId=1)
    answer = refused(iot.delete_provisioning_template_version, templateName="fleet", versionId=2)
    assert (answer.status, answer.code) == (409, "DeleteConflictException")
    assert [each["templateName"] for each in iot.list_provisioning_templates()["templates"]] == ["fleet"]
    iot.delete_provisioning_template(templateName="fleet")
    answer = refused(iot.describe_provisioning_template, templateName="fleet")
    assert (answer.status, answer.message) == (404, "Unable to find template named fleet")
    answer = refused(lambda: template(account, body='{"Resources": {}}'))
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message.startswith("The template body is invalid: ")


def test_register_thing(account: Account) -> None:
    iot = account.iot
    body = json.loads(BODY)
    body["Parameters"]["CSR"] = {"Type": "String"}
    body["Resources"]["certificate"]["Properties"] = {"CertificateSigningRequest": {"Ref": "CSR"}}
    del body["Parameters"]["AWS::IoT::Certificate::Id"]
    parameters = {"SerialNumber": "7", "CSR": signing_request()}
    made = iot.register_thing(templateBody=json.dumps(body), parameters=parameters)
    assert made["resourceArns"]["thing"] == account.arn("thing/device-7")
    assert iot.list_thing_principals(thingName="device-7")["principals"] == [made["resourceArns"]["certificate"]]
    answer = refused(iot.register_thing, templateBody=json.dumps(body), parameters={"CSR": signing_request()})
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    assert answer.message == "Cannot resolve reference value: SerialNumber"
    answer = refused(iot.register_thing, templateBody=json.dumps(body), parameters={**parameters, "SerialNumber": "?"})
    assert (answer.status, answer.code) == (400, "ResourceRegistrationFailureException")


# --- by claim -------------------------------------------------------------------------------------------------------

CREATE, SIGN = "$aws/certificates/create", "$aws/certificates/create-from-csr"
PROVISION = "$aws/provisioning-templates/fleet/provision"
HEAD = f"arn:aws:iot:{REGION}:*:"
TOPICS = ("$aws/certificates/create/*", "$aws/certificates/create-from-csr/*", "$aws/provisioning-templates/fleet/*")
CLAIM_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [f"{HEAD}topic/{each}" for each in TOPICS],
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": [f"{HEAD}topicfilter/{each}" for each in TOPICS]},
    ],
}
QOS = mqtt.QoS.AT_LEAST_ONCE


def fleet(account: Account, **thing: Any) -> None:
    """A template that makes a device of a group, which a continuous job is aimed at, with the policy of the guide."""
    account.policy()
    account.iot.create_thing_group(thingGroupName="pumps")
    account.iot.create_job(
        jobId="welcome",
        targets=[account.arn("thinggroup/pumps")],
        document='{"operation":"welcome"}',
        targetSelection="CONTINUOUS",
    )
    account.settle()
    body = json.loads(BODY)
    body["Resources"]["thing"]["Properties"] |= {"ThingGroups": ["pumps"], **thing}
    body["Resources"]["policy"] = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "device"}}
    body["DeviceConfiguration"] = {"site": "north", "serial": {"Ref": "SerialNumber"}}
    template(account, body=json.dumps(body))


def claim(account: Account) -> Credentials:
    credentials = account.register("claim")
    account.iot.attach_policy(policyName=account.policy("claim", CLAIM_POLICY), target=credentials.arn)
    return credentials


def comes_up(account: Account, credentials: Credentials, level: int = 4) -> None:
    """The device with its own certificate finds what the group's job has for it."""
    with connected(account, credentials, "device-7", level=level) as device:
        found = device.accepted("$next/get")["execution"]
        assert (found["jobId"], found["status"]) == ("welcome", "QUEUED")


def from_request() -> tuple[str, str]:
    """A signing request and the key it belongs to (PEM)."""
    key = make_key()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signing_request(key=key), secret.decode()


@pytest.mark.parametrize("transport", [mqtt_3, adapted], ids=["mqtt-3.1.1", "mqtt-5"])
@pytest.mark.parametrize("signed", [False, True], ids=["keys", "csr"])
def test_the_identity_client_of_the_device_sdk(account: Account, transport: Any, signed: bool) -> None:
    fleet(account)
    csr, secret = from_request()
    with transport(account, claim(account), "factory-1") as connection:
        client = iotidentity.IotIdentityClient(connection)
        offers, refusals, done = Inbox(), Inbox(), Inbox()
        if signed:
            made = iotidentity.CreateCertificateFromCsrSubscriptionRequest()
            _wait(client.subscribe_to_create_certificate_from_csr_accepted(made, QOS, offers.put))
            _wait(client.subscribe_to_create_certificate_from_csr_rejected(made, QOS, refusals.put))
            asked = iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=csr)
            client.publish_create_certificate_from_csr(asked, QOS).result(PATIENCE)
        else:
            kept = iotidentity.CreateKeysAndCertificateSubscriptionRequest()
            _wait(client.subscribe_to_create_keys_and_certificate_accepted(kept, QOS, offers.put))
            _wait(client.subscribe_to_create_keys_and_certificate_rejected(kept, QOS, refusals.put))
            client.publish_create_keys_and_certificate(iotidentity.CreateKeysAndCertificateRequest(), QOS).result(
                PATIENCE
            )
        offer = offers.get()
        named = iotidentity.RegisterThingSubscriptionRequest(template_name="fleet")
        _wait(client.subscribe_to_register_thing_accepted(named, QOS, done.put))
        _wait(client.subscribe_to_register_thing_rejected(named, QOS, refusals.put))
        request = iotidentity.RegisterThingRequest(
            template_name="fleet",
            certificate_ownership_token=offer.certificate_ownership_token,
            parameters={"SerialNumber": "7"},
        )
        for _ in range(2):  # whose answer is lost asks again
            client.publish_register_thing(request, QOS).result(PATIENCE)
            answer = done.get()
            assert (answer.thing_name, answer.device_configuration) == ("device-7", {"site": "north", "serial": "7"})
        wrong = iotidentity.RegisterThingRequest(
            template_name="fleet", certificate_ownership_token="no", parameters={"SerialNumber": "7"}
        )
        client.publish_register_thing(wrong, QOS).result(PATIENCE)
        told = refusals.get()
        assert (told.status_code, told.error_code) == (400, "InvalidCertificateOwnershipToken")
        assert told.error_message == "Certificate ownership token is invalid."
    key = secret if signed else offer.private_key
    arn = account.arn(f"cert/{offer.certificate_id}")
    assert account.iot.list_thing_principals(thingName="device-7")["principals"] == [arn]
    comes_up(account, account.keep(arn, offer.certificate_pem, key))


def _wait(subscribed: Any) -> None:
    subscribed[0].result(PATIENCE)


def test_the_request_response_client_of_the_device_sdk(account: Account) -> None:
    fleet(account)
    options = mqtt_request_response.ClientOptions(
        max_request_response_subscriptions=4, max_streaming_subscriptions=2, operation_timeout_in_seconds=30
    )
    with mqtt_5(account, claim(account), "factory-1") as connection:
        client = iotidentity.IotIdentityClientV2(connection, options)
        offer = client.create_keys_and_certificate(iotidentity.CreateKeysAndCertificateRequest()).result(PATIENCE)
        request = iotidentity.RegisterThingRequest(
            template_name="fleet",
            certificate_ownership_token=offer.certificate_ownership_token,
            parameters={"SerialNumber": "7"},
        )
        assert client.register_thing(request).result(PATIENCE).thing_name == "device-7"
        request.parameters = {}
        with pytest.raises(awsiot.V2ServiceException) as error:
            client.register_thing(request).result(PATIENCE)
        assert error.value.modeled_error.error_code == "InvalidParameters"
    arn = account.arn(f"cert/{offer.certificate_id}")
    comes_up(account, account.keep(arn, offer.certificate_pem, offer.private_key), level=5)


@pytest.mark.parametrize("level", [4, 5], ids=["mqtt-3.1.1", "mqtt-5"])
def test_cbor(account: Account, level: int) -> None:
    fleet(account)
    csr, secret = from_request()
    with connected(account, claim(account), "factory-1", level=level) as device:
        assert device.subscribe(f"{SIGN}/cbor/accepted", f"{PROVISION}/cbor/#") == [1, 1]
        offer = _cbor(device, f"{SIGN}/cbor", {"certificateSigningRequest": csr}, "accepted")
        assert offer.keys() == {"certificateId", "certificatePem", "certificateOwnershipToken"}
        token = offer["certificateOwnershipToken"]
        told = _cbor(device, f"{PROVISION}/cbor", {"certificateOwnershipToken": token}, "rejected")
        assert told == {
            "statusCode": 400,
            "errorCode": "InvalidParameters",
            "errorMessage": "Cannot resolve reference value: SerialNumber",
        }
        answer = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "7"}}
        done = _cbor(device, f"{PROVISION}/cbor", answer, "accepted")
        assert done == {"deviceConfiguration": {"site": "north", "serial": "7"}, "thingName": "device-7"}
    arn = account.arn(f"cert/{offer['certificateId']}")
    comes_up(account, account.keep(arn, offer["certificatePem"], secret), level)


def _cbor(device: Device, topic: str, value: Any, outcome: str) -> Any:
    assert device.publish(topic, cbor.encode(value)) == 0
    message = device.next()
    assert message.topic == f"{topic}/{outcome}"
    return cbor.decode(message.payload)


def _json(device: Device, topic: str, value: Any, outcome: str) -> Any:
    assert device.publish(topic, json.dumps(value).encode()) == 0
    message = device.next()
    assert message.topic == f"{topic}/{outcome}"
    return message.body


def test_a_claim_certificate_reaches_nothing_else(account: Account) -> None:
    fleet(account)
    for filters in (["$aws/things/device-7/jobs/#"], ["#"]):
        with connected(account, claim_once(account), "factory-1") as device:
            assert device.subscribe(*filters) in ([128], [])
    for topic in ("$aws/things/device-7/jobs/get", "a/b", "$aws/provisioning-templates/other/provision/json"):
        with connected(account, claim_once(account), "factory-1") as device:
            assert device.publish(topic, b"{}") == -1
    assert account.iot.list_things()["things"] == []


def claim_once(account: Account) -> Credentials:
    """The claim certificate of the account, made if need be."""
    known: Credentials | None = account.__dict__.get("claim")
    if known is None:
        known = account.__dict__["claim"] = claim(account)
    return known


def test_a_token_in_the_hands_of_another_certificate(account: Account) -> None:
    fleet(account)
    mine = claim(account)
    other = account.register("other claim")
    account.iot.attach_policy(policyName="claim", target=other.arn)
    with connected(account, mine, "one") as device:
        offer = _json(device, f"{CREATE}/json", {}, "accepted")
    request = {
        "certificateOwnershipToken": offer["certificateOwnershipToken"],
        "parameters": {"SerialNumber": "7"},
    }
    with connected(account, other, "two") as device:
        told = _json(device, f"{PROVISION}/json", request, "rejected")
        assert told["errorMessage"] == "Certificate ownership token is invalid."
    with connected(account, mine, "three") as device:  # in a later connection of its owner it is good
        assert _json(device, f"{PROVISION}/json", request, "accepted")["thingName"] == "device-7"
    status, _, body = account.server.fetch("/metrics")
    assert status == 200
    assert b'tidegate_provisioning_total{operation="RegisterThing",outcome="accepted"}' in body
