"""Devices with certificates of every origin, by paho and boto3 against a whole server: who gets in, who no longer."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import PATIENCE, Account, Credentials
from tests.e2e.mqtt import Device, RefusedError, connected
from tests.ops.x509_samples import MakerCA, make_key, signing_request
from tidegate.pki import certificates

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


class Tls:
    """An account whose devices speak one version of TLS."""

    def __init__(self, account: Account, version: ssl.TLSVersion) -> None:
        self._account = account
        self._version = version

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def tls(self, credentials: Credentials | None) -> ssl.SSLContext:
        context = self._account.tls(credentials)
        context.minimum_version = context.maximum_version = self._version
        return context


def enroll(account: Account, ca: MakerCA, **members: Any) -> str:
    """Register an authority with proof of its key, as an operator does; its id."""
    code = account.iot.get_registration_code()["registrationCode"]
    answer = account.iot.register_ca_certificate(
        caCertificate=ca.pem, verificationCertificate=ca.leaf(code), setAsActive=True, **members
    )
    assert answer["certificateArn"] == account.arn(f"cacert/{answer['certificateId']}")
    found: str = answer["certificateId"]
    return found


def leaf(account: Account, ca: MakerCA, name: str, *, rsa_key: bool = False) -> Credentials:
    """What a factory puts into a device; the server has not seen it."""
    key = certificates.key_pair(make_key(rsa_key))
    pem = ca.leaf(name, key.key)
    certificate_id = certificates.parse(pem).certificate_id
    return account.keep(account.arn(f"cert/{certificate_id}"), pem, key.private_pem)


def admit(account: Account, credentials: Credentials, document: Any = EVERYTHING) -> None:
    name = f"p-{credentials.certificate_id[:8]}"
    account.iot.attach_policy(policyName=account.policy(name, document), target=credentials.arn)


def ping(device: Device) -> None:
    assert device.subscribe("a") == [1]
    assert device.publish("a", b"x") == 0
    assert device.next().payload == b"x"


def refused(account: Any, credentials: Credentials, client_id: str = "c") -> bool:
    """Whether a CONNECT is; the handshake passes."""
    try:
        with connected(account, credentials, client_id):
            return False
    except RefusedError:
        return True


def handshakes(account: Any, credentials: Credentials) -> bool:
    """Whether a certificate is trusted. A client of TLS 1.3 learns it with the first bytes it is sent."""
    try:
        with (
            socket.create_connection(("localhost", account.mqtt_port), timeout=PATIENCE) as plain,
            account.tls(credentials).wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False
            ) as secure,
        ):
            secure.sendall(b"\xc0\x00")  # a ping before CONNECT: the server says nothing and takes its leave
            return bool(secure.recv(1) == b"")
    except (ssl.SSLError, ConnectionError):
        return False


# --- origins --------------------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("ca_rsa", [False, True], ids=["ca-ec", "ca-rsa"])
@pytest.mark.parametrize("leaf_rsa", [False, True], ids=["leaf-ec", "leaf-rsa"])
def test_a_certificate_of_a_registered_ca(
    server_account: Account, version: ssl.TLSVersion, ca_rsa: bool, leaf_rsa: bool
) -> None:
    account = server_account
    ca = MakerCA(f"maker {account.id}", rsa_key=ca_rsa)
    credentials = leaf(account, ca, "unit", rsa_key=leaf_rsa)
    speaking = Tls(account, version)
    assert not handshakes(speaking, credentials)  # nobody knows the authority
    ca_id = enroll(account, ca)
    assert handshakes(speaking, credentials)
    assert refused(speaking, credentials)  # nor the certificate
    answer = account.iot.register_certificate(certificatePem=credentials.certificate.read_text(), setAsActive=True)
    assert answer["certificateArn"] == credentials.arn
    admit(account, credentials)
    with connected(speaking, credentials, "c") as device:  # type: ignore[arg-type]
        ping(device)
    found = account.iot.describe_certificate(certificateId=credentials.certificate_id)["certificateDescription"]
    assert found["caCertificateId"] == ca_id
    assert "transferData" not in found
    listed = account.iot.list_certificates_by_ca(caCertificateId=ca_id)["certificates"]
    assert [row["certificateArn"] for row in listed] == [credentials.arn]


@pytest.fixture
def server_account(server: Any, maker: Any, tmp_path: Path) -> Account:
    """On SQLite alone, where the kind of store makes no difference."""
    return Account(server, maker, tmp_path)


@VERSIONS
@pytest.mark.parametrize("rsa_key", [False, True])
def test_a_certificate_for_a_signing_request(server_account: Account, version: ssl.TLSVersion, rsa_key: bool) -> None:
    account, key = server_account, certificates.key_pair(make_key(rsa_key))
    made = account.iot.create_certificate_from_csr(
        certificateSigningRequest=signing_request("unit 7", key.key), setAsActive=True
    )
    credentials = account.keep(made["certificateArn"], made["certificatePem"], key.private_pem)
    own = "arn:aws:iot:*:*:client/${iot:Certificate.Subject.CommonName}"
    admit(account, credentials, {"Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": own}]})
    assert refused(Tls(account, version), credentials, "unit 8")
    assert not refused(Tls(account, version), credentials, "unit 7")


def test_devices_outlive_their_authority(account: Account) -> None:
    ca = MakerCA(f"maker {account.id}")
    ca_id = enroll(account, ca)
    credentials = leaf(account, ca, "unit")
    account.iot.register_certificate(certificatePem=credentials.certificate.read_text(), status="ACTIVE")
    admit(account, credentials)
    account.iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
    assert not refused(account, credentials)
    with pytest.raises(account.iot.exceptions.CertificateStateException):
        account.iot.register_certificate(certificatePem=leaf(account, ca, "new").certificate.read_text())
    account.iot.delete_ca_certificate(certificateId=ca_id)
    account.server.on_loop(account.server.running.trust.settled)
    assert not refused(account, credentials)


def test_the_aws_cli_registers_an_authority(server_account: Account) -> None:
    account, folder = server_account, server_account.folder
    ca = MakerCA(f"maker {account.id}")

    def aws(*arguments: str) -> Any:
        command = [sys.executable, "-m", "awscli", "--endpoint-url", account.server.addresses.http, "iot", *arguments]
        environment = {
            "AWS_ACCESS_KEY_ID": account.id,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    code = aws("get-registration-code")["registrationCode"]
    (folder / "ca.pem").write_text(ca.pem)
    (folder / "proof.pem").write_text(ca.leaf(code))
    made = aws(
        "register-ca-certificate",
        *("--ca-certificate", f"file://{folder}/ca.pem", "--verification-cert", f"file://{folder}/proof.pem"),
        *("--set-as-active", "--allow-auto-registration", "--tags", "Key=site,Value=north"),
    )
    found = aws("describe-ca-certificate", "--certificate-id", made["certificateId"])["certificateDescription"]
    assert (found["status"], found["autoRegistrationStatus"]) == ("ACTIVE", "ENABLE")
    aws("update-ca-certificate", "--certificate-id", made["certificateId"], "--new-status", "INACTIVE")
    aws("delete-ca-certificate", "--certificate-id", made["certificateId"])
    assert aws("list-ca-certificates") == {"certificates": []}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="made with the openssl command")
@VERSIONS
def test_a_chain_made_as_the_developer_guide_makes_it(server_account: Account, version: ssl.TLSVersion) -> None:
    """The commands of AWS's pages: RSA, and leaves of version 1 that name neither use nor key of their authority."""
    account, folder = server_account, server_account.folder

    def openssl(*arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    def issue(name: str, common_name: str) -> str:
        openssl("genrsa", "-out", f"{name}.key", "2048")
        openssl("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={common_name}")
        signer = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.pem", "-days", "500", "-sha256")
        return (folder / f"{name}.pem").read_text()

    openssl("genrsa", "-out", "root.key", "2048")
    subject = f"/C=DE/O=Pumps/CN=Root of {account.id}"
    fresh = ("req", "-x509", "-new", "-nodes", "-sha256", "-days", "1024")
    openssl(*fresh, "-key", "root.key", "-out", "root.pem", "-subj", subject)
    proof = issue("proof", account.iot.get_registration_code()["registrationCode"])
    account.iot.register_ca_certificate(
        caCertificate=(folder / "root.pem").read_text(), verificationCertificate=proof, setAsActive=True
    )
    pem = issue("device", "pump-1")
    made = account.iot.register_certificate(certificatePem=pem, setAsActive=True)
    credentials = account.keep(made["certificateArn"], pem, (folder / "device.key").read_text())
    admit(account, credentials)
    with connected(Tls(account, version), credentials, "pump-1") as device:  # type: ignore[arg-type]
        ping(device)


# --- just in time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
def test_a_certificate_registers_itself(account: Account, level: int) -> None:
    ca = MakerCA(f"maker {account.id}")
    ca_id = enroll(account, ca, allowAutoRegistration=True)
    watcher = account.register("watcher")
    admit(account, watcher)
    credentials = leaf(account, ca, "unit")
    with connected(account, watcher, "watcher") as listening:
        assert listening.subscribe("$aws/events/certificates/registered/+") == [1]
        for _ in range(2):
            with pytest.raises(RefusedError):
                Device(account, credentials, "unit", level=level)
            event = listening.next()
            assert event.topic == f"$aws/events/certificates/registered/{ca_id}"
            body = event.body
            assert isinstance(body.pop("timestamp"), int)
            assert body == {
                "certificateId": credentials.certificate_id,
                "caCertificateId": ca_id,
                "certificateStatus": "PENDING_ACTIVATION",
                "awsAccountId": account.id,
                "certificateRegistrationTimestamp": None,
                "sourceIp": "127.0.0.1",
            }
        found = account.iot.describe_certificate(certificateId=credentials.certificate_id)["certificateDescription"]
        assert (found["status"], found["caCertificateId"]) == ("PENDING_ACTIVATION", ca_id)
        # What AWS's sample does about the event.
        admit(account, credentials)
        account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus="ACTIVE")
        with connected(account, credentials, "unit", level=level) as device:
            ping(device)
        assert listening.silent()


@pytest.mark.parametrize("level", [4, 5])
def test_a_certificate_is_provisioned_by_its_authoritys_template(account: Account, level: int) -> None:
    ca = MakerCA(f"maker {account.id}")
    account.policy("all", EVERYTHING)
    common_name = "AWS::IoT::Certificate::CommonName"
    resources = {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": common_name}}},
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"},
        },
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "all"}},
    }
    body = json.dumps({"Parameters": {common_name: {"Type": "String"}}, "Resources": resources})
    role = "arn:aws:iam::123456789012:role/provisioning"
    ca_id = enroll(account, ca, allowAutoRegistration=True, registrationConfig={"templateBody": body, "roleArn": role})
    credentials = leaf(account, ca, "unit")
    with pytest.raises(RefusedError):
        Device(account, credentials, "unit", level=level)
    account.settle()
    with connected(account, credentials, "unit", level=level) as device:
        ping(device)
    assert account.iot.list_thing_principals(thingName="unit")["principals"] == [credentials.arn]
    found = account.iot.describe_certificate(certificateId=credentials.certificate_id)["certificateDescription"]
    assert (found["status"], found["caCertificateId"]) == ("ACTIVE", ca_id)


def test_a_deleted_certificate_does_not_come_back_by_itself(account: Account) -> None:
    ca = MakerCA(f"maker {account.id}")
    enroll(account, ca, allowAutoRegistration=True)
    credentials = leaf(account, ca, "unit")
    account.iot.register_certificate(certificatePem=credentials.certificate.read_text(), status="ACTIVE")
    admit(account, credentials)
    with connected(account, credentials, "unit") as device:
        account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus="INACTIVE")
        device.ended.get(timeout=PATIENCE)
    account.iot.delete_certificate(certificateId=credentials.certificate_id, forceDelete=True)
    account.settle()
    assert account.iot.list_certificates()["certificates"] == []
    assert refused(account, credentials)  # it comes back when it knocks
    account.settle()
    [found] = account.iot.list_certificates()["certificates"]
    assert (found["certificateId"], found["status"]) == (credentials.certificate_id, "PENDING_ACTIVATION")


# --- revocation, policies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_revocation_disconnects_a_device_of_a_registered_ca(account: Account, status: str) -> None:
    ca = MakerCA(f"maker {account.id}")
    enroll(account, ca)
    credentials = leaf(account, ca, "unit")
    account.iot.register_certificate(certificatePem=credentials.certificate.read_text(), status="ACTIVE")
    admit(account, credentials)
    with connected(account, credentials, "unit", level=5) as device:
        account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus=status)
        assert device.ended.get(timeout=PATIENCE) == 0x87
    assert refused(account, credentials)


def test_policies_see_how_a_client_connects(account: Account) -> None:
    credentials = account.register("unit")
    lasting = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    admit(
        account,
        credentials,
        {
            "Statement": [
                {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
                {"Effect": "Deny", "Action": "iot:Connect", "Resource": "*", "Condition": lasting},
            ]
        },
    )
    for level in (4, 5):
        with connected(account, credentials, "unit", level=level) as device:
            ping(device)
        with pytest.raises(RefusedError):
            Device(account, credentials, "unit", level=level, clean=False)


def test_the_host_name_is_a_condition(account: Account) -> None:
    credentials = account.register("unit")
    named = {"StringEquals": {"iot:DomainName": "localhost"}}
    admit(
        account,
        credentials,
        {
            "Statement": [
                {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
                {"Effect": "Allow", "Action": ["iot:Publish", "iot:Subscribe", "iot:Receive"], "Resource": "*"}
                | {"Condition": named},
            ]
        },
    )
    with connected(account, credentials, "unit") as device:
        ping(device)


def test_what_a_test_says_is_what_the_endpoint_does(account: Account) -> None:
    credentials = account.device("lamp")
    head = account.arn("")
    asked = {
        "SUBSCRIBE": [f"{head}topicfilter/$aws/things/lamp/jobs/#", f"{head}topicfilter/$aws/things/other/jobs/#"],
        "CONNECT": [f"{head}client/lamp", f"{head}client/other"],
    }
    found = {
        (kind, resource): account.iot.test_authorization(
            principal=credentials.arn, clientId="lamp", authInfos=[{"actionType": kind, "resources": [resource]}]
        )["authResults"][0]
        for kind, resources in asked.items()
        for resource in resources
    }
    decisions = {key: answer["authDecision"] for key, answer in found.items()}
    assert list(decisions.values()) == ["ALLOWED", "IMPLICIT_DENY", "ALLOWED", "IMPLICIT_DENY"]
    assert found["CONNECT", asked["CONNECT"][0]]["allowed"]["policies"][0]["policyName"] == "device"
    with connected(account, credentials, "lamp") as device:
        assert device.subscribe("$aws/things/lamp/jobs/#") == [1]
        assert device.subscribe("$aws/things/other/jobs/#") == [128]
    [effective] = account.iot.get_effective_policies(principal=credentials.arn, thingName="lamp")["effectivePolicies"]
    assert effective["policyName"] == "device"


def test_a_policy_that_changes_counts_at_once(account: Account) -> None:
    credentials = account.register("unit")
    admit(account, credentials)
    name = f"p-{credentials.certificate_id[:8]}"
    closed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*"}],
    }
    with connected(account, credentials, "unit", level=5) as device:
        ping(device)
        account.iot.create_policy_version(policyName=name, policyDocument=json.dumps(closed), setAsDefault=True)
        account.settle()
        assert device.publish("a", b"y") == 0x87
        account.iot.set_default_policy_version(policyName=name, policyVersionId="1")
        account.settle()
        ping(device)
