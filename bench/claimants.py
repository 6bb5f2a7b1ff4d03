"""Devices that claim: each asks for a certificate with a CSR, has itself provisioned, and holds what it was given."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.mqtt_client import Client, publish

TEMPLATE = "storm"
_SIGN = "$aws/certificates/create-from-csr/json"
_PROVISION = f"$aws/provisioning-templates/{TEMPLATE}/provision/json"
_ANSWER_S = 30.0
_FIRST_S, _LONGEST_S = 0.1, 10.0
"""How long a device waits before it connects again: at random, up to twice as long each time, as AWS's SDKs do."""

BODY = json.dumps(
    {
        "Parameters": {"SerialNumber": {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Fn::Sub": "device-${SerialNumber}"}, "ThingGroups": ["fleet"]},
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "device"}},
        },
    }
)
CLAIM = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": "arn:aws:iot:*:*:topic/$aws/*"},
        ],
    }
)
DEVICE = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


class Fleet(NamedTuple):
    """What is made before a storm: certificate and key of the claim (PEM)."""

    certificate: str
    key: str


def prepare(iot: Any) -> Fleet:
    """Make group, policies, template and claim certificate; ``iot`` is a boto3 client."""
    iot.create_thing_group(thingGroupName="fleet")
    iot.create_policy(policyName="device", policyDocument=DEVICE)
    iot.create_policy(policyName="claim", policyDocument=CLAIM)
    role = "arn:aws:iam::000000000000:role/provisioning"
    iot.create_provisioning_template(templateName=TEMPLATE, templateBody=BODY, provisioningRoleArn=role, enabled=True)
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName="claim", target=made["certificateArn"])
    return Fleet(made["certificatePem"], made["keyPair"]["PrivateKey"])


def signing_request() -> str:
    """A signing request with a new P-256 key (PEM)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class _Connection(Client):
    """Asks one thing after the other."""

    answer: asyncio.Future[Any] | None = None

    def message(self, topic: bytes, payload: bytes) -> None:
        answer = self.answer
        if answer is None or answer.done():
            return
        if topic.endswith(b"/accepted"):
            answer.set_result(json.loads(payload))
        else:
            answer.set_exception(AssertionError(payload.decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server closed a connection"))

    async def ask(self, topic: str, value: Any) -> Any:
        self.answer = asyncio.get_running_loop().create_future()
        self.write(publish(topic.encode(), json.dumps(value).encode()))
        return await asyncio.wait_for(self.answer, _ANSWER_S)


class Claimant:
    """A device, which goes on wherever it was cut off. ``holds`` is its certificate's id once it is provisioned."""

    def __init__(self, serial: int, csr: str) -> None:
        self.serial = serial
        self.holds: str | None = None
        self.csr = csr
        self._offer: dict[str, str] | None = None

    async def run(self, port: Callable[[], int], context: ssl.SSLContext, provisioned: Callable[[], None]) -> None:
        """Be provisioned, however often the server goes away."""
        longest, chance = _FIRST_S, random.Random(self.serial)
        while self.holds is None:
            try:
                await self._try(port(), context)
            except (TimeoutError, OSError):
                await asyncio.sleep(chance.uniform(0, longest))
                longest = min(2 * longest, _LONGEST_S)
        provisioned()

    async def _try(self, port: int, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        client = _Connection(f"factory-{self.serial}", None)
        await loop.create_connection(lambda: client, "127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            await client.ready
            if self._offer is None:
                self._offer = await client.ask(_SIGN, {"certificateSigningRequest": self.csr})
            token = self._offer["certificateOwnershipToken"]
            parameters = {"SerialNumber": str(self.serial)}
            done = await client.ask(_PROVISION, {"certificateOwnershipToken": token, "parameters": parameters})
            assert done["thingName"] == f"device-{self.serial}"
            self.holds = self._offer["certificateId"]
        finally:
            client.close()


async def storm(
    claimants: Sequence[Claimant],
    port: Callable[[], int],
    context: ssl.SSLContext,
    provisioned: Callable[[], None] = lambda: None,
    beside: Awaitable[None] | None = None,
) -> None:
    """Let all claim at once; ``provisioned`` is called for each that is done, ``beside`` awaited with them."""
    runs = [claimant.run(port, context, provisioned) for claimant in claimants]
    await asyncio.gather(*runs, *([] if beside is None else [beside]))
