"""Operators with policies, by real clients, on both stores; several servers on one store."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.fleet import PATIENCE, REGION, Account, Maker
from tests.e2e.mqtt import connected
from tests.operators import vault_of
from tests.servers import Started, options, started
from tidegate.clock import RandomIds, wall_now
from tidegate.ops import iam, quotas
from tidegate.ops.iam import Credentials
from tidegate.store.database import Tx

_numbers = itertools.count(700)


class Principal:
    """A principal of an account of its own, made as the commands make it."""

    def __init__(self, server: Started, *statements: dict[str, Any]) -> None:
        self.server = server
        self.account = f"{next(_numbers):012d}"
        self.arn = iam.arn(self.account, "ops")
        self.head = f"arn:aws:iot:{REGION}:{self.account}:"
        policies = {"Ops": self.document(*statements)}
        self.do(lambda tx: iam.create_principal(tx, self.arn, wall_now(), policies=policies, tags={}))
        self.key = self.do(lambda tx: iam.create_key(tx, vault_of(server), RandomIds(), self.arn, wall_now()))
        self.iot = self.client("iot", self.key)

    def document(self, *statements: dict[str, Any]) -> str:
        """A policy; HEAD stands for the head of the account's ARNs."""
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).replace("HEAD", self.head)

    def do(self, work: Callable[[Tx], Any]) -> Any:
        """A change in the store."""
        return self.server.on_loop(lambda: self.server.running.service.unit.transact(work))

    def client(self, service: str, key: Credentials, server: Started | None = None) -> Any:
        """A boto3 client that signs with a key."""
        return (server or self.server).client(
            service,
            region_name=REGION,
            aws_access_key_id=key.key_id,
            aws_secret_access_key=key.secret,
            aws_session_token=key.token,
            config=Config(retries={"total_max_attempts": 1}),
        )


def refused(call: Any, **members: Any) -> str:
    """The code of the error a call is answered with; empty if it is none."""
    try:
        call(**members)
    except ClientError as refusal:
        found: str = refusal.response["Error"]["Code"]
        return found
    return ""


ROLLOUT = {
    "Effect": "Allow",
    "Action": ["iot:CreateJob", "iot:DescribeJob", "iot:CancelJob", "iot:DeleteJob"],
    "Resource": ["HEADjob/rollout-*", "HEADthinggroup/canary", "HEADjobtemplate/*"],
}
SETUP = {"Effect": "Allow", "Action": ["iot:CreateThing*", "iot:AddThing*", "iot:CreateJobTemplate"], "Resource": "*"}
NO_DELETE = {"Sid": "NeverDelete", "Effect": "Deny", "Action": "iot:Delete*", "Resource": "*"}


def test_an_operator_who_may_roll_out_to_the_canaries_only(guarded: Started) -> None:
    ops = Principal(guarded, ROLLOUT, SETUP, NO_DELETE)
    iot = ops.iot
    canary = iot.create_thing_group(thingGroupName="canary")["thingGroupArn"]
    fleet = iot.create_thing_group(thingGroupName="fleet")["thingGroupArn"]
    iot.create_thing(thingName="t")
    iot.add_thing_to_thing_group(thingName="t", thingGroupName="canary")
    template = iot.create_job_template(jobTemplateId="x", description="d", document="{}")["jobTemplateArn"]
    iot.create_job(jobId="rollout-1", targets=[canary], jobTemplateArn=template)
    assert iot.describe_job(jobId="rollout-1")["job"]["jobId"] == "rollout-1"
    for members in (
        {"jobId": "rollout-2", "targets": [fleet]},
        {"jobId": "rollout-2", "targets": [canary, fleet]},
        {"jobId": "other-1", "targets": [canary]},
    ):
        assert refused(iot.create_job, document="{}", **members) == "AccessDeniedException"
    assert refused(iot.delete_job, jobId="rollout-1", force=True) == "AccessDeniedException", "Deny beats Allow"
    assert refused(iot.list_jobs) == "AccessDeniedException"
    role = {"roleArn": f"arn:aws:iam::{ops.account}:role/r"}
    assert refused(iot.create_job, jobId="rollout-2", targets=[canary], document="{}", presignedUrlConfig=role) == (
        "AccessDeniedException"
    )
    data = ops.client("iot-jobs-data", ops.key)
    assert refused(data.get_pending_job_executions, thingName="t") == "ForbiddenException"


def test_session_tokens_and_revocation(guarded: Started) -> None:
    ops = Principal(guarded, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    only = ops.document({"Effect": "Allow", "Action": "iotjobsdata:*", "Resource": "HEADthing/t"})
    made = ops.do(
        lambda tx: iam.create_session(
            tx, vault_of(guarded), RandomIds(), ops.arn, wall_now(), lifetime_s=900, policy=only
        )
    )
    data = ops.client("iot-jobs-data", made)
    assert data.get_pending_job_executions(thingName="t")["queuedJobs"] == []
    assert refused(data.get_pending_job_executions, thingName="u") == "ForbiddenException"
    assert refused(ops.client("iot", made).list_jobs) == "AccessDeniedException"
    for key, call, members in [
        (made, data.get_pending_job_executions, {"thingName": "t"}),
        (ops.key, ops.iot.list_jobs, {}),
    ]:
        assert refused(call, **members) == ""
        ops.do(lambda tx, key=key: iam.revoke_key(tx, key.key_id))
        assert refused(call, **members) == "UnrecognizedClientException"


def test_the_aws_cli_with_a_session_token(guarded: Started, tmp_path: Path) -> None:
    ops = Principal(guarded, {"Effect": "Allow", "Action": ["iot:ListThings", "iot:CreateThing"], "Resource": "*"})
    made = ops.do(
        lambda tx: iam.create_session(tx, vault_of(guarded), RandomIds(), ops.arn, wall_now(), lifetime_s=900)
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = clean | {
        "AWS_ACCESS_KEY_ID": made.key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret,
        "AWS_SESSION_TOKEN": made.token,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_IOT": guarded.addresses.http,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }

    def aws(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(Path(sys.executable).with_name("aws")), "--output", "json", "iot", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

    assert json.loads(aws("create-thing", "--thing-name", "lamp").stdout)["thingName"] == "lamp"
    assert "lamp" in aws("list-things").stdout
    refusal = aws("delete-thing", "--thing-name", "lamp")
    assert refusal.returncode != 0
    assert f"User: {ops.arn} is not authorized to perform: iot:DeleteThing on resource: {ops.head}thing/lamp" in (
        refusal.stderr
    )


# --- quotas lifted, to the device -------------------------------------------------------------------------------------


def test_a_large_document_reaches_a_device_over_mqtt(tmp_path: Path, maker: Maker) -> None:
    with started(options(tmp_path / "data", limits=quotas.off())) as server:
        account = Account(server, maker, tmp_path)
        document = json.dumps({"text": "x" * 300_000})
        with connected(account, account.device("t"), "t") as device:
            account.iot.create_job(jobId="j", targets=[account.arn("thing/t")], document=document)
            account.settle()
            assert device.accepted("start-next")["execution"]["jobDocument"] == json.loads(document)


# --- several servers on one store -----------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path, new_postgres: Callable[[str], str]) -> Iterator[tuple[Started, Started]]:
    """Two servers on one PostgreSQL with one master key."""
    key = tmp_path / "shared.key"
    subprocess.run(["sh", "-c", f"umask 077; head -c 32 /dev/urandom | base64 > {key}"], check=True)
    url = new_postgres("tidegate-access-pair")
    wanted = [options(tmp_path / name, auth=True, store=url, master_key=key) for name in ("first", "second")]
    with started(wanted[0]) as first, started(wanted[1]) as second:
        yield first, second


def test_keys_and_policies_count_on_every_server_of_a_store(pair: tuple[Started, Started]) -> None:
    first, second = pair
    ops = Principal(first, {"Effect": "Allow", "Action": "iot:List*", "Resource": "*"})
    there = ops.client("iot", ops.key, second)
    there.list_jobs()
    wider = ops.document({"Effect": "Allow", "Action": "iot:*", "Resource": "*"})
    ops.do(lambda tx: iam.attach_policy(tx, ops.arn, "Ops", wider, wall_now()))
    ops.iot.describe_endpoint()
    _becomes(there.describe_endpoint, "")
    ops.do(lambda tx: iam.revoke_key(tx, ops.key.key_id))
    assert refused(ops.iot.list_jobs) == "UnrecognizedClientException"
    _becomes(there.list_jobs, "UnrecognizedClientException")


def _becomes(call: Any, expected: str) -> None:
    """What another server of the store changed counts here within a second."""
    deadline = time.monotonic() + PATIENCE
    while (found := refused(call)) != expected:
        assert time.monotonic() < deadline, f"still {found!r}"
