"""Brings a fleet into being as a manufacturer would: a factory authority, a certificate each, things, groups, a policy.

Everything is done through public operations, by a boto3 ``iot`` client that the caller brings. Keys never leave the
folder: the service gets certificates only (RegisterCertificateWithoutCA).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tidegate.clock import Ids, wall_now
from tidegate.pki import authority, certificates
from tidegate.pki.authority import Authority

THREADS = 4
_THING = "${iot:Connection.Thing.ThingName}"

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:*:*:client/{_THING}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": f"arn:aws:iot:*:*:topic/$aws/things/{_THING}/jobs/*",
        },
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": f"arn:aws:iot:*:*:topicfilter/$aws/things/{_THING}/jobs/*",
        },
    ],
}
"""A device connects under its own name only and reaches only its own jobs."""


_SHARED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive", "iotjobsdata:*"],
            "Resource": "*",
        }
    ],
}
"""One certificate is every device of a simulated fleet."""


class Credentials(NamedTuple):
    """A device's files, PEM."""

    certificate: Path
    key: Path


def create_groups(iot: Any, parent: str, children: Sequence[str], policy: str) -> dict[str, str]:
    """Create a group with child groups, and the devices' policy on it; the ARN of each child group by name."""
    iot.create_policy(policyName=policy, policyDocument=json.dumps(POLICY))
    iot.attach_policy(policyName=policy, target=iot.create_thing_group(thingGroupName=parent)["thingGroupArn"])
    return {
        name: iot.create_thing_group(thingGroupName=name, parentGroupName=parent)["thingGroupArn"] for name in children
    }


def register(
    iot: Any, things: Mapping[str, str], folder: Path, ids: Ids, done: Callable[[], None]
) -> dict[str, Credentials]:
    """Make and register a device for each thing of ``things`` (thing name to group name). Blocks.

    Args:
        iot: a boto3 client; used from several threads.
        things: which device joins which group.
        folder: where the factory's authority and the devices' keys are written.
        ids: for serial numbers.
        done: called after each device, on the caller's thread.

    Raises:
        botocore.exceptions.ClientError: the service refused one of them.
    """
    factory = authority.load_or_create(folder, now=wall_now(), ids=ids)

    def make(thing_name: str, group: str) -> tuple[str, Credentials]:
        pem, credentials = _issue(factory, folder, thing_name, ids)
        _register(iot, thing_name, group, pem)
        return thing_name, credentials

    made: dict[str, Credentials] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="tidegate-register") as threads:
        try:
            for future in as_completed([threads.submit(make, *entry) for entry in things.items()]):
                thing_name, made[thing_name] = future.result()
                done()
        finally:
            threads.shutdown(cancel_futures=True)
    return made


def enrol(
    iot: Any, names: Sequence[str], group: str, folder: Path, done: Callable[[], None]
) -> tuple[str, Credentials]:
    """Things for simulated devices, in a group, and one certificate that all of them show. Blocks; may be repeated.

    Args:
        iot: a boto3 client; used from several threads.
        names: of the things.
        group: the thing group that all of them join; the policy has its name, too.
        folder: where the certificate is kept; one that is there is used again.
        done: called after each thing, on the caller's thread.

    Returns:
        The group's ARN, and the certificate.

    Raises:
        botocore.exceptions.ClientError: the service refused something.
    """
    arn: str = iot.create_thing_group(thingGroupName=group)["thingGroupArn"]
    files = Credentials(folder / "fleet.pem", folder / "fleet.key")
    if not files.certificate.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = iot.create_keys_and_certificate(setAsActive=True)
        with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):  # of an earlier fleet
            iot.create_policy(policyName=group, policyDocument=json.dumps(_SHARED))
        iot.attach_policy(policyName=group, target=made["certificateArn"])
        files.key.touch(mode=0o600)
        files.key.write_text(made["keyPair"]["PrivateKey"], encoding="ascii")
        files.certificate.write_text(made["certificatePem"], encoding="ascii")

    def join(name: str) -> None:
        iot.create_thing(thingName=name)
        iot.add_thing_to_thing_group(thingName=name, thingGroupName=group)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="tidegate-enrol") as threads:
        try:
            for future in as_completed([threads.submit(join, name) for name in names]):
                future.result()
                done()
        finally:
            threads.shutdown(cancel_futures=True)
    return arn, files


def issue(folder: Path, thing_name: str, ids: Ids) -> Credentials:
    """A certificate of the factory in ``folder`` that no service knows yet."""
    factory = authority.load_or_create(folder, now=wall_now(), ids=ids)
    return _issue(factory, folder, thing_name, ids)[1]


def _issue(factory: Authority, folder: Path, thing_name: str, ids: Ids) -> tuple[str, Credentials]:
    """A P-256 key and its certificate, written beside each other."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing_name)])
    pem = factory.issue_device(key.public_key(), now=wall_now(), ids=ids, subject=subject).pem
    files = Credentials(folder / f"{thing_name}.pem", folder / f"{thing_name}.key")
    files.key.touch(mode=0o600)
    files.key.write_text(certificates.key_pair(key).private_pem, encoding="ascii")
    files.certificate.write_text(pem, encoding="ascii")
    return pem, files


def _register(iot: Any, thing_name: str, group: str, pem: str) -> None:
    registered = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    iot.create_thing(thingName=thing_name)
    iot.attach_thing_principal(thingName=thing_name, principal=registered["certificateArn"])
    iot.add_thing_to_thing_group(thingName=thing_name, thingGroupName=group)
