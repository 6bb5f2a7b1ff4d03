"""The device listener: mutual TLS, and what a certificate's policies allow over HTTPS (device reference 4)."""

from __future__ import annotations

import http.client
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import Started
from tidegate.pki import certificates

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iotjobsdata:*", "Resource": "arn:aws:iot:eu-west-1:000000000000:thing/mine"},
        {"Effect": "Allow", "Action": "iot:UpdateJobExecution", "Resource": "*"},
    ],
}


class Device:
    """A key and a certificate, and requests made with them."""

    def __init__(self, server: Started, folder: Path, certificate: str | None, key: str | None) -> None:
        self.server = server
        self.context = ssl.create_default_context(cafile=server.addresses.ca)
        if certificate is not None and key is not None:
            (folder / "c.pem").write_text(certificate)
            (folder / "k.pem").write_text(key)
            self.context.load_cert_chain(folder / "c.pem", folder / "k.pem")

    def connect(self) -> http.client.HTTPSConnection:
        port = urlsplit(self.server.addresses.https).port
        return http.client.HTTPSConnection("localhost", port, context=self.context, timeout=30)

    def fetch(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, str, Any]:
        connection = self.connect()
        try:
            return ask(connection, path, method, body)
        finally:
            connection.close()


def ask(connection: http.client.HTTPSConnection, path: str, method: str = "GET", body: Any = None) -> Any:
    """Status, error type, decoded body."""
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    return answer.status, answer.getheader("x-amzn-ErrorType", ""), json.loads(answer.read())


@pytest.fixture(scope="module")
def iot(server: Started) -> Any:
    client = server.client("iot")
    client.create_policy(policyName="devices", policyDocument=json.dumps(POLICY))
    return client


@pytest.fixture
def device(server: Started, iot: Any, tmp_path: Path) -> Device:
    """A device with an ACTIVE certificate of ours and the policy."""
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName="devices", target=made["certificateArn"])
    device = Device(server, tmp_path, made["certificatePem"], made["keyPair"]["PrivateKey"])
    device.made = made  # type: ignore[attr-defined]
    return device


FORBIDDEN = (403, "ForbiddenException", {"message": "Forbidden"})


def test_what_the_policy_allows(device: Device) -> None:
    assert device.fetch("/things/mine/jobs") == (200, "", {"inProgressJobs": [], "queuedJobs": []})
    assert device.fetch("/things/mine/jobs/$next", "PUT", {}) == (200, "", {})
    assert device.fetch("/things/mine/jobs/%24next", "PUT") == (200, "", {})
    assert device.fetch("/things/mine/jobs/none")[:2] == (404, "ResourceNotFoundException")


def test_what_it_does_not_allow(device: Device) -> None:
    assert device.fetch("/things/other/jobs") == FORBIDDEN
    assert device.fetch("/things/mine%2F..%2Fother/jobs")[0] == 400
    assert device.fetch("/things/other/jobs/$next", "PUT") == FORBIDDEN


def test_actions_of_older_policies(device: Device) -> None:
    assert device.fetch("/things/other/jobs/none", "POST", {"status": "SUCCEEDED"})[:2] == (
        404,
        "ResourceNotFoundException",
    )


def test_a_denial_under_either_name_of_an_action(server: Started, iot: Any, device: Device) -> None:
    deny = {"Effect": "Deny", "Action": "iot:GetPendingJobExecutions", "Resource": "*"}
    iot.create_policy(policyName="closed", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": deny}))
    assert device.fetch("/things/mine/jobs")[0] == 200
    iot.attach_policy(policyName="closed", target=device.made["certificateArn"])  # type: ignore[attr-defined]
    assert device.fetch("/things/mine/jobs") == FORBIDDEN
    assert device.fetch("/things/mine/jobs/$next", "PUT", {})[0] == 200


def test_a_revoked_certificate_is_refused_on_an_open_connection(device: Device, iot: Any) -> None:
    connection = device.connect()
    assert ask(connection, "/things/mine/jobs")[0] == 200
    identifier = device.made["certificateId"]  # type: ignore[attr-defined]
    iot.update_certificate(certificateId=identifier, newStatus="INACTIVE")
    assert ask(connection, "/things/mine/jobs") == FORBIDDEN
    iot.update_certificate(certificateId=identifier, newStatus="ACTIVE")
    assert ask(connection, "/things/mine/jobs")[0] == 200
    connection.close()


def test_the_control_plane_is_not_there(device: Device) -> None:
    assert device.fetch("/job-templates")[:2] == (404, "UnknownOperationException:")
    assert device.fetch("/_tidegate/health")[0] == 404
    assert device.fetch("/metrics")[0] == 404


def _foreign() -> tuple[str, str]:
    """A self-signed certificate and its key."""
    pair = certificates.generate_p256()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "foreign")])
    assert isinstance(pair.key, ec.EllipticCurvePrivateKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(pair.key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .sign(pair.key, hashes.SHA256())
    )
    return certificates.to_pem(certificate), pair.private_pem


def test_a_registered_certificate_of_somebody_else(server: Started, iot: Any, tmp_path: Path) -> None:
    pem, key = _foreign()
    device = Device(server, tmp_path, pem, key)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        device.fetch("/things/mine/jobs")
    registered = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    assert device.fetch("/things/mine/jobs") == FORBIDDEN
    iot.attach_policy(policyName="devices", target=registered["certificateArn"])
    assert device.fetch("/things/mine/jobs")[0] == 200


def test_signatures_on_the_device_listener(server: Started) -> None:
    data = server.client("iot-jobs-data", endpoint_url=localhost(server), verify=server.addresses.ca)
    assert data.get_pending_job_executions(thingName="mine")["queuedJobs"] == []
    control = server.client("iot", endpoint_url=localhost(server), verify=server.addresses.ca)
    with pytest.raises(ClientError) as refused:
        control.list_job_templates()
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


def test_neither_certificate_nor_signature(guarded: Started, tmp_path: Path) -> None:
    status, code, _ = Device(guarded, tmp_path, None, None).fetch("/things/mine/jobs")
    assert (status, code) == (403, "MissingAuthenticationTokenException:")


def localhost(server: Started) -> str:
    return f"https://localhost:{urlsplit(server.addresses.https).port}"


def test_the_endpoints_that_are_told_are_those_that_answer(server: Started, iot: Any) -> None:
    jobs = iot.describe_endpoint(endpointType="iot:Jobs")["endpointAddress"]
    assert f"https://{jobs}" == localhost(server)
    data = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert data.endswith(f":{urlsplit(server.addresses.mqtts).port}")
