"""The clients that devices and operators use, unmodified, each through a whole job (device reference 11 and 12.13)."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awsiot
import pytest
from awscrt import mqtt, mqtt_request_response
from awsiot import iotjobs

from tests.e2e.fleet import PATIENCE, REGION, Account, Credentials
from tests.e2e.mqtt import Inbox
from tests.e2e.sdk import adapted, mqtt_3, mqtt_5

QOS = mqtt.QoS.AT_LEAST_ONCE
DOCUMENT = {"operation": "install", "files": ["a", "b"], "deep": {"number": 1.5, "none": None}}


@pytest.mark.parametrize("transport", [mqtt_3, adapted], ids=["mqtt-3.1.1", "mqtt-5"])
def test_the_service_client_of_the_device_sdk_runs_a_job(account: Account, transport: Any) -> None:
    credentials = account.device("pump")
    with transport(account, credentials, "pump") as connection:
        client = iotjobs.IotJobsClient(connection)
        heads, lists = Inbox(), Inbox()
        _wait(
            client.subscribe_to_next_job_execution_changed_events(
                iotjobs.NextJobExecutionChangedSubscriptionRequest(thing_name="pump"), QOS, heads.put
            ),
            client.subscribe_to_job_executions_changed_events(
                iotjobs.JobExecutionsChangedSubscriptionRequest(thing_name="pump"), QOS, lists.put
            ),
        )
        account.job("install", "pump", document=DOCUMENT)
        queued = lists.get().jobs
        assert [(status, [one.job_id for one in found]) for status, found in queued.items()] == [
            ("QUEUED", ["install"])
        ]
        head = heads.get().execution
        assert (head.job_id, head.status, head.version_number, head.job_document) == ("install", "QUEUED", 1, DOCUMENT)

        pending = _get_pending(client)
        assert [one.job_id for one in pending.queued_jobs] == ["install"]
        assert pending.in_progress_jobs == []
        begun = _start_next(client).execution
        assert (begun.status, begun.version_number, begun.job_document) == ("IN_PROGRESS", 2, DOCUMENT)
        assert begun.started_at >= begun.queued_at

        _update(client, "install", status="IN_PROGRESS", status_details={"step": "1/2"}, expected_version=2)
        described = _describe(client, "install").execution
        assert (described.version_number, described.status_details) == (3, {"step": "1/2"})
        refused = _update_rejected(client, "install", status="SUCCEEDED", expected_version=2)
        assert refused.code == iotjobs.RejectedErrorCode.VERSION_MISMATCH
        assert refused.execution_state.version_number == 3

        _update(client, "install", status="SUCCEEDED", status_details={"took": "3 s"})
        assert lists.get().jobs == {}
        assert heads.get().execution is None
    assert account.status("install") == "COMPLETED"
    execution = account.iot.describe_job_execution(jobId="install", thingName="pump")["execution"]
    assert execution["status"] == "SUCCEEDED"
    assert execution["statusDetails"] == {"detailsMap": {"took": "3 s"}}


def _wait(*subscriptions: Any) -> None:
    for future, _ in subscriptions:
        future.result(PATIENCE)


def _get_pending(client: Any) -> Any:
    replies = Inbox()
    _wait(
        client.subscribe_to_get_pending_job_executions_accepted(
            iotjobs.GetPendingJobExecutionsSubscriptionRequest(thing_name="pump"), QOS, replies.put
        )
    )
    client.publish_get_pending_job_executions(iotjobs.GetPendingJobExecutionsRequest(thing_name="pump"), QOS).result(
        PATIENCE
    )
    return replies.get()


def _start_next(client: Any) -> Any:
    replies = Inbox()
    _wait(
        client.subscribe_to_start_next_pending_job_execution_accepted(
            iotjobs.StartNextPendingJobExecutionSubscriptionRequest(thing_name="pump"), QOS, replies.put
        )
    )
    client.publish_start_next_pending_job_execution(
        iotjobs.StartNextPendingJobExecutionRequest(thing_name="pump"), QOS
    ).result(PATIENCE)
    return replies.get()


def _describe(client: Any, job_id: str) -> Any:
    replies = Inbox()
    _wait(
        client.subscribe_to_describe_job_execution_accepted(
            iotjobs.DescribeJobExecutionSubscriptionRequest(thing_name="pump", job_id=job_id), QOS, replies.put
        )
    )
    client.publish_describe_job_execution(
        iotjobs.DescribeJobExecutionRequest(thing_name="pump", job_id=job_id), QOS
    ).result(PATIENCE)
    return replies.get()


def _update(client: Any, job_id: str, **members: Any) -> Any:
    replies = Inbox()
    _wait(
        client.subscribe_to_update_job_execution_accepted(
            iotjobs.UpdateJobExecutionSubscriptionRequest(thing_name="pump", job_id=job_id), QOS, replies.put
        )
    )
    client.publish_update_job_execution(
        iotjobs.UpdateJobExecutionRequest(thing_name="pump", job_id=job_id, **members), QOS
    ).result(PATIENCE)
    return replies.get()


def _update_rejected(client: Any, job_id: str, **members: Any) -> Any:
    replies = Inbox()
    _wait(
        client.subscribe_to_update_job_execution_rejected(
            iotjobs.UpdateJobExecutionSubscriptionRequest(thing_name="pump", job_id=job_id), QOS, replies.put
        )
    )
    client.publish_update_job_execution(
        iotjobs.UpdateJobExecutionRequest(thing_name="pump", job_id=job_id, **members), QOS
    ).result(PATIENCE)
    return replies.get()


@pytest.mark.parametrize("transport", [mqtt_3, mqtt_5], ids=["mqtt-3.1.1", "mqtt-5"])
def test_the_request_response_client_of_the_device_sdk_runs_a_job(account: Account, transport: Any) -> None:
    credentials = account.device("valve")
    with transport(account, credentials, "valve") as connection:
        client = iotjobs.IotJobsClientV2(
            connection,
            mqtt_request_response.ClientOptions(
                max_request_response_subscriptions=4,
                max_streaming_subscriptions=2,
                operation_timeout_in_seconds=int(PATIENCE),
            ),
        )
        with _streams(client) as (heads, lists):
            idle = client.start_next_pending_job_execution(
                iotjobs.StartNextPendingJobExecutionRequest(thing_name="valve")
            ).result(PATIENCE)
            assert idle.execution is None
            account.job("install", "valve", document=DOCUMENT)
            assert list(lists.get().jobs) == ["QUEUED"]
            assert heads.get().execution.job_document == DOCUMENT

            pending = client.get_pending_job_executions(
                iotjobs.GetPendingJobExecutionsRequest(thing_name="valve")
            ).result(PATIENCE)
            assert [one.job_id for one in pending.queued_jobs] == ["install"]
            begun = client.start_next_pending_job_execution(
                iotjobs.StartNextPendingJobExecutionRequest(thing_name="valve", status_details={"by": "valve"})
            ).result(PATIENCE)
            assert (begun.execution.job_id, begun.execution.version_number) == ("install", 2)
            described = client.describe_job_execution(
                iotjobs.DescribeJobExecutionRequest(thing_name="valve", job_id="$next", include_job_document=False)
            ).result(PATIENCE)
            assert described.execution.status_details == {"by": "valve"}
            assert described.execution.job_document is None

            def update(**members: Any) -> Any:
                request = iotjobs.UpdateJobExecutionRequest(thing_name="valve", job_id="install", **members)
                return client.update_job_execution(request).result(PATIENCE)

            progress = update(status="IN_PROGRESS", status_details={"p": "50"}, include_job_execution_state=True)
            assert (progress.execution_state.version_number, progress.execution_state.status_details) == (
                3,
                {"p": "50"},
            )
            with pytest.raises(awsiot.V2ServiceException) as refused:
                update(status="SUCCEEDED", expected_version=99)
            assert refused.value.modeled_error.code == "VersionMismatch"
            assert refused.value.modeled_error.execution_state.version_number == 3
            update(status="SUCCEEDED")
            assert lists.get().jobs == {}
            assert heads.get().execution is None
    assert account.status("install") == "COMPLETED"


@contextmanager
def _streams(client: Any) -> Iterator[tuple[Inbox, Inbox]]:
    """What ``notify-next`` and ``notify`` bring."""
    heads, lists, states = Inbox(), Inbox(), Inbox()
    opened = [
        client.create_next_job_execution_changed_stream(
            iotjobs.NextJobExecutionChangedSubscriptionRequest(thing_name="valve"),
            awsiot.ServiceStreamOptions(incoming_event_listener=heads.put, subscription_status_listener=states.put),
        ),
        client.create_job_executions_changed_stream(
            iotjobs.JobExecutionsChangedSubscriptionRequest(thing_name="valve"),
            awsiot.ServiceStreamOptions(incoming_event_listener=lists.put, subscription_status_listener=states.put),
        ),
    ]
    for stream in opened:
        stream.open()
        assert states.get().type == mqtt_request_response.SubscriptionStatusEventType.SUBSCRIPTION_ESTABLISHED
    yield heads, lists
    opened.clear()  # a stream ends when nobody holds it


def test_boto3_runs_a_job_over_the_data_plane(either_account: Account) -> None:
    account, data = either_account, either_account.data
    account.thing("t:1")  # a colon is escaped in the path and once more in the signature
    account.job("install", "t:1", document=DOCUMENT)
    pending = data.get_pending_job_executions(thingName="t:1")
    assert [one["jobId"] for one in pending["queuedJobs"]] == ["install"]
    begun = data.start_next_pending_job_execution(thingName="t:1")["execution"]
    assert json.loads(begun["jobDocument"]) == DOCUMENT
    state = data.update_job_execution(
        jobId="install",
        thingName="t:1",
        status="IN_PROGRESS",
        statusDetails={"p": "1"},
        expectedVersion=2,
        includeJobExecutionState=True,
    )["executionState"]
    assert state == {"status": "IN_PROGRESS", "statusDetails": {"p": "1"}, "versionNumber": 3}
    described = data.describe_job_execution(jobId="$next", thingName="t:1")["execution"]
    assert (described["jobId"], described["versionNumber"]) == ("install", 3)
    with pytest.raises(data.exceptions.InvalidRequestException, match="Expected version 2 but found version 3"):
        data.update_job_execution(jobId="install", thingName="t:1", status="FAILED", expectedVersion=2)
    data.update_job_execution(jobId="install", thingName="t:1", status="SUCCEEDED")
    with pytest.raises(data.exceptions.InvalidStateTransitionException):
        data.update_job_execution(jobId="install", thingName="t:1", status="SUCCEEDED")
    with pytest.raises(data.exceptions.TerminalStateException):
        data.describe_job_execution(jobId="install", thingName="t:1")
    assert data.start_next_pending_job_execution(thingName="t:1").get("execution") is None
    assert account.status("install") == "COMPLETED"


def test_the_aws_cli_runs_a_job(account: Account, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": account.server.addresses.http,
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
    aws = [sys.executable, str(Path(sys.executable).with_name("aws")), "--output", "json"]

    def run(*arguments: str) -> Any:
        done = subprocess.run([*aws, *arguments], env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    template = run(
        "iot", "create-job-template", "--job-template-id", "restart", "--description", "Restart",
        "--document", '{"operation":"restart"}', "--timeout-config", "inProgressTimeoutInMinutes=5",
    )  # fmt: skip
    thing = run("iot", "create-thing", "--thing-name", "t1")
    run(
        "iot", "create-job", "--job-id", "j1", "--targets", thing["thingArn"],
        "--job-template-arn", template["jobTemplateArn"],
    )  # fmt: skip
    account.settle()
    begun = run("iot-jobs-data", "start-next-pending-job-execution", "--thing-name", "t1")["execution"]
    assert (begun["jobId"], begun["jobDocument"]) == ("j1", '{"operation":"restart"}')
    run(
        "iot-jobs-data", "update-job-execution", "--thing-name", "t1", "--job-id", "j1", "--status", "SUCCEEDED",
        "--status-details", "result=done",
    )  # fmt: skip
    job = run("iot", "describe-job", "--job-id", "j1")["job"]
    assert job["status"] == "COMPLETED"
    assert job["jobProcessDetails"]["numberOfSucceededThings"] == 1
    assert job["timeoutConfig"] == {"inProgressTimeoutInMinutes": 5}
    refused = subprocess.run(
        [*aws, "iot", "describe-job", "--job-id", "j2"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert refused.returncode != 0
    assert (
        "(ResourceNotFoundException) when calling the DescribeJob operation: Job j2 cannot be found." in refused.stderr
    )


class Https:
    """A device on the HTTPS data plane, with its certificate."""

    def __init__(self, account: Account, credentials: Credentials | None) -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", account.https_port, timeout=PATIENCE, context=account.tls(credentials)
        )

    def __enter__(self) -> Https:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(self, method: str, path: str, **members: Any) -> tuple[int, str | None, Any]:
        """Status, error type, body."""
        body = None if method == "GET" else json.dumps(members)
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        return response.status, response.getheader("x-amzn-ErrorType"), json.loads(response.read())


HTTP_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iotjobsdata:*", "Resource": "arn:aws:iot:*:*:thing/lamp"},
    ],
}


def test_a_client_certificate_runs_a_job_over_https(account: Account) -> None:
    """With an RSA certificate of the server's own making."""
    account.thing("lamp")
    account.thing("other")
    created = account.iot.create_keys_and_certificate(setAsActive=True)
    credentials = account.keep(created["certificateArn"], created["certificatePem"], created["keyPair"]["PrivateKey"])
    account.grant(credentials, "lamp", account.policy("over-http", HTTP_POLICY))
    account.job("on", "lamp", "other", document=DOCUMENT)
    with Https(account, credentials) as device:
        status, _, body = device.request("GET", "/things/lamp/jobs")
        assert (status, [one["jobId"] for one in body["queuedJobs"]]) == (200, ["on"])
        status, _, body = device.request("PUT", "/things/lamp/jobs/$next", statusDetails={"a": "b"})
        assert (status, json.loads(body["execution"]["jobDocument"])) == (200, DOCUMENT)
        status, _, body = device.request("GET", "/things/lamp/jobs/on?includeJobDocument=false")
        assert (status, body["execution"]["statusDetails"], body["execution"].get("jobDocument")) == (
            200,
            {"a": "b"},
            None,
        )
        for method, path in (
            ("GET", "/things/other/jobs"),
            ("PUT", "/things/other/jobs/$next"),
            ("GET", "/things/other/jobs/on"),
            ("POST", "/things/other/jobs/on"),
        ):
            status, code, body = device.request(method, path, **({"status": "FAILED"} if method == "POST" else {}))
            assert (status, code, body) == (403, "ForbiddenException", {"message": "Forbidden"}), path
        status, _, _ = device.request("POST", "/things/lamp/jobs/on", status="SUCCEEDED")
        assert status == 200
        status, code, body = device.request("POST", "/things/lamp/jobs/on", status="FAILED")
        assert (status, code, body["executionState"]["status"]) == (
            409,
            "InvalidStateTransitionException",
            "SUCCEEDED",
        )
        # The control plane has a route of the same shape; a device never reaches it.
        assert device.request("GET", "/jobs/on")[0] == 404
        account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus="REVOKED")
        assert device.request("GET", "/things/lamp/jobs")[0] == 403
    assert account.counts("on") == {"Succeeded": 1, "Queued": 1}
