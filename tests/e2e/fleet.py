"""An account of a test's own on a running server, and things in it that can connect."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import Started

PATIENCE = 120.0
"""Seconds a test waits for something that must happen before it fails."""

REGION = "eu-west-1"
_HEAD = f"arn:aws:iot:{REGION}:*:"
_THING = "${iot:Connection.Thing.ThingName}"

LEAST_PRIVILEGE: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{_HEAD}client/{_THING}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": f"{_HEAD}topic/$aws/things/{_THING}/jobs/*",
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{_HEAD}topicfilter/$aws/things/{_THING}/jobs/*"},
    ],
}
"""The policy of device reference 8.4: a device reaches its own jobs and nothing else."""

_PEM = serialization.Encoding.PEM
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)


class Maker:
    """A manufacturer's own CA, which the server has never heard of: P-256."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Manufacturer")])

    def issue(self, common_name: str, until: datetime.datetime | None = None) -> tuple[str, str]:
        """PEM of a certificate, which may end early, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_BEGIN)
            .not_valid_after(until or _END)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate.public_bytes(_PEM).decode(), secret.decode()


class Credentials(NamedTuple):
    """What a device holds; ``arn`` is the certificate's in the account."""

    arn: str
    certificate: Path
    key: Path

    @property
    def certificate_id(self) -> str:
        return self.arn.rpartition("/")[2]


_accounts = itertools.count(1)
_session = boto3.session.Session()
"""One for all tests: it keeps the service models it has read."""


def client(server: Started, service: str, key_id: str, secret: str = "any") -> Any:
    """A boto3 client that tries once."""
    return _session.client(
        service,
        endpoint_url=server.addresses.http,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


class Account:
    """An account nobody else uses: with authentication off, a 12-digit access key id names it."""

    def __init__(self, server: Started, maker: Maker, folder: Path) -> None:
        self.server = server
        self.maker = maker
        self.folder = folder
        self.id = f"{next(_accounts):012d}"

    @cached_property
    def iot(self) -> Any:
        """The control plane."""
        return client(self.server, "iot", self.id)

    @cached_property
    def data(self) -> Any:
        """The device plane over HTTP."""
        return client(self.server, "iot-jobs-data", self.id)

    def arn(self, resource: str) -> str:
        return f"arn:aws:iot:{REGION}:{self.id}:{resource}"

    def thing(self, name: str) -> str:
        """Register a thing; its ARN."""
        created: str = self.iot.create_thing(thingName=name)["thingArn"]
        return created

    def policy(self, name: str = "device", document: Any = None) -> str:
        self.iot.create_policy(policyName=name, policyDocument=json.dumps(document or LEAST_PRIVILEGE))
        return name

    def register(self, common_name: str) -> Credentials:
        """Register a certificate of the manufacturer, active from the start."""
        pem, key = self.maker.issue(common_name)
        answer = self.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
        return self.keep(answer["certificateArn"], pem, key)

    def keep(self, arn: str, pem: str, key: str) -> Credentials:
        """Write a certificate and its key where clients that want files find them."""
        base = self.folder / hashlib.sha256(pem.encode()).hexdigest()[:16]
        certificate, secret = base.with_suffix(".pem"), base.with_suffix(".key")
        certificate.write_text(pem)
        secret.write_text(key)
        return Credentials(arn, certificate, secret)

    def grant(self, credentials: Credentials, thing: str, policy: str, **how: Any) -> None:
        """Let a certificate be a thing and do what a policy says."""
        self.iot.attach_policy(policyName=policy, target=credentials.arn)
        self.iot.attach_thing_principal(thingName=thing, principal=credentials.arn, **how)

    def device(self, name: str) -> Credentials:
        """A thing with a certificate and the least it needs."""
        self.thing(name)
        if "device" not in [policy["policyName"] for policy in self.iot.list_policies()["policies"]]:
            self.policy()
        credentials = self.register(name)
        self.grant(credentials, name, "device")
        return credentials

    def job(self, job_id: str, *things: str, document: Any = None, **members: Any) -> None:
        """Create a job for some things and wait until the engine has rolled it out."""
        targets = [self.arn(f"thing/{name}") for name in things]
        body = json.dumps(document if document is not None else {"operation": job_id})
        self.iot.create_job(jobId=job_id, targets=targets, document=body, **members)
        self.settle()

    def settle(self) -> None:
        """Wait until the engine has done what is due."""
        status, _, _ = self.server.fetch("/_tidegate/clock")
        assert status == 200

    def counts(self, job_id: str) -> dict[str, int]:
        """A job's non-zero counters, by what they count."""
        details = self.iot.describe_job(jobId=job_id)["job"]["jobProcessDetails"]
        return {
            name.removeprefix("numberOf").removesuffix("Things"): count
            for name, count in details.items()
            if name != "processingTargets" and count
        }

    def status(self, job_id: str) -> str:
        found: str = self.iot.describe_job(jobId=job_id)["job"]["status"]
        return found

    @property
    def mqtt_port(self) -> int:
        return int(self.server.addresses.mqtts.rpartition(":")[2])

    @property
    def https_port(self) -> int:
        return int(self.server.addresses.https.rpartition(":")[2])

    def tls(self, credentials: Credentials | None) -> ssl.SSLContext:
        """A device's side of TLS: trusts the server's CA, shows its certificate."""
        context = ssl.create_default_context(cafile=self.server.addresses.ca)
        if credentials is not None:
            context.load_cert_chain(credentials.certificate, credentials.key)
        return context
