"""AWS's device SDKs for Node.js, both generations, and the SDK of operators.

To run these: npm install --prefix tests/e2e/node
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import javascript
from tests.e2e.fleet import Account
from tests.e2e.test_provisioning import claim, comes_up, fleet, from_request
from tests.servers import Started

EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
}


def _node(package: str, script: str, account: Account, names: str, last: str) -> list[str]:
    """The lines that a script prints as the device ``lamp``, for which there are jobs with these names."""
    account.thing("lamp")
    credentials = account.register("lamp")
    account.grant(credentials, "lamp", account.policy("all", EVERYTHING))
    for number, name in enumerate(names.split(",")):
        account.job(name, "lamp", document={"operation": "install", "number": number})
    files = (account.server.addresses.ca, str(credentials.key), str(credentials.certificate))
    return javascript.lines_of(script, package, str(account.mqtt_port), *files, "lamp", last)


def test_the_first_sdk_works_off_jobs_and_keeps_a_shadow(account: Account) -> None:
    lines = _node("aws-iot-device-sdk", "jobs_v1.js", account, "first,second", "2")
    jobs = [line for line in lines if line.startswith("job ")]
    assert jobs == [
        'job first {"operation":"install","number":0} QUEUED',
        'job second {"operation":"install","number":1} QUEUED',
    ]
    assert [line for line in lines if line.startswith("shadow")] == ["shadow accepted"] * 3
    assert 'delta {"on":true}' in lines
    assert account.counts("first") == account.counts("second") == {"Succeeded": 1}


@pytest.mark.parametrize("level", ["3.1.1", "5"])
def test_the_second_sdk_asks_and_is_answered(account: Account, level: str) -> None:
    lines = _node("aws-iot-device-sdk-v2", "jobs_v2.js", account, "only", level)
    assert lines == [
        "queued only",
        'started only {"operation":"install","number":0} 2',
        "next only IN_PROGRESS",
        "updated SUCCEEDED",
        "notify-next true",
        "refused VersionMismatch SUCCEEDED",
        "shadow 1",
        "shadow 404",
    ]
    assert account.counts("only") == {"Succeeded": 1}


@pytest.mark.parametrize(("level", "signed"), [("3.1.1", True), ("5", False)], ids=["mqtt-3.1.1-csr", "mqtt-5-keys"])
def test_the_second_sdk_is_provisioned(account: Account, tmp_path: Path, level: str, signed: bool) -> None:
    fleet(account)
    credentials, (csr, secret) = claim(account), from_request()
    asked = tmp_path / "device.csr"
    asked.write_text(csr)
    files = (account.server.addresses.ca, str(credentials.key), str(credentials.certificate))
    more = [str(asked)] if signed else []
    where = (str(account.mqtt_port), *files, "factory-1", level, *more)
    *lines, last = javascript.lines_of("identity_v2.js", "aws-iot-device-sdk-v2", *where)
    assert lines == ['registered device-7 {"site":"north","serial":"7"}', "refused 400 InvalidParameters"]
    offer = json.loads(last)
    arn = account.arn(f"cert/{offer['certificateId']}")
    comes_up(account, account.keep(arn, offer["certificatePem"], secret if signed else offer["privateKey"]))


def test_the_operators_sdk(server: Started) -> None:
    """It presigns as boto3 does not: headers stand in the query."""
    lines = javascript.lines_of("operator_v3.js", "@aws-sdk/client-s3", server.addresses.http, server.addresses.objects)
    assert lines == [
        "template 12.5 true",
        "ResourceNotFoundException true",
        "jobs 3 v3",
        'started v3-a {"n":1}',
        "updated SUCCEEDED",
        "InvalidStateTransitionException true",
        'retained hi [{"a":"b"}]',
        "put 200",
        "got 200 image blue",
    ]
