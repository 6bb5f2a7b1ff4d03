"""A device that a test plays step by step through the data plane, and what a real device needs to connect."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tidegate.server import Addresses

_POLICY_NAME = "tidegate-testing-device"
_THING = "${iot:Connection.Thing.ThingName}"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:*:*:client/{_THING}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": f"arn:aws:iot:*:*:topic/$aws/things/{_THING}/*",
        },
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": f"arn:aws:iot:*:*:topicfilter/$aws/things/{_THING}/*",
        },
    ],
}


class Execution(NamedTuple):
    """What a device gets to do. ``document`` is the job document as a Python value."""

    job_id: str
    number: int
    version: int
    document: Any
    details: dict[str, str]


class NothingPending(Exception):  # noqa: N818 - a state the test did not expect
    """No execution waits for the device."""


class Device:
    """A device. ``arn`` is its thing's, as CreateJob takes it for a target.

    Without a job id, ``succeed``, ``fail``, ``reject`` and ``progress`` are about the execution started last; if none
    is under way the next one is started first. Keywords become status details.
    """

    def __init__(self, thing_name: str, arn: str, iot: Any, jobs_data: Any) -> None:
        """``iot`` and ``jobs_data`` are boto3 clients."""
        self.thing_name = thing_name
        self.arn = arn
        self._iot = iot
        self._jobs_data = jobs_data
        self._job_id: str | None = None

    def pending(self) -> list[str]:
        """The ids of the jobs that wait for it, those in progress first."""
        found = self._jobs_data.get_pending_job_executions(thingName=self.thing_name)
        return [entry["jobId"] for entry in [*found["inProgressJobs"], *found["queuedJobs"]]]

    def start_next(self, **details: str) -> Execution | None:
        """Start the next execution, or get the one under way again; None if nothing waits."""
        request = {"statusDetails": details} if details else {}
        answer = self._jobs_data.start_next_pending_job_execution(thingName=self.thing_name, **request)
        found = answer.get("execution")
        self._job_id = found["jobId"] if found else None
        return _execution(found) if found else None

    def progress(self, job_id: str | None = None, **details: str) -> None:
        """Report IN_PROGRESS."""
        self._job_id = self._update(job_id, "IN_PROGRESS", details)

    def succeed(self, job_id: str | None = None, **details: str) -> None:
        """Report SUCCEEDED."""
        self._end(job_id, "SUCCEEDED", details)

    def fail(self, job_id: str | None = None, **details: str) -> None:
        """Report FAILED."""
        self._end(job_id, "FAILED", details)

    def reject(self, job_id: str | None = None, **details: str) -> None:
        """Report REJECTED."""
        self._end(job_id, "REJECTED", details)

    def status(self, job_id: str) -> str:
        """The status of its latest execution of a job, as the operator sees it."""
        answer = self._iot.describe_job_execution(jobId=job_id, thingName=self.thing_name)
        status: str = answer["execution"]["status"]
        return status

    def _end(self, job_id: str | None, status: str, details: dict[str, str]) -> None:
        if self._update(job_id, status, details) == self._job_id:
            self._job_id = None

    def _update(self, job_id: str | None, status: str, details: dict[str, str]) -> str:
        """Report, and tell about which job.

        Raises:
            NothingPending: no job was named, none is under way and none waits.
            botocore.exceptions.ClientError: the server refuses the report.
        """
        job_id = job_id or self._job_id or self._started()
        request = {"statusDetails": details} if details else {}
        self._jobs_data.update_job_execution(jobId=job_id, thingName=self.thing_name, status=status, **request)
        return job_id

    def _started(self) -> str:
        execution = self.start_next()
        if execution is None:
            raise NothingPending(f"nothing waits for {self.thing_name}")
        return execution.job_id


def _execution(found: dict[str, Any]) -> Execution:
    return Execution(
        job_id=found["jobId"],
        number=found["executionNumber"],
        version=found["versionNumber"],
        document=json.loads(found["jobDocument"]),
        details=found.get("statusDetails", {}),
    )


class Credentials(NamedTuple):
    """How an MQTT client connects as a thing: mutual TLS with these PEM files, under this client id."""

    host: str
    port: int
    client_id: str
    ca: Path
    certificate: Path
    key: Path


def new_credentials(iot: Any, addresses: Addresses, thing_name: str, folder: Path) -> Credentials:
    """Make a certificate for a thing and write it and its key to ``folder``."""
    made = iot.create_keys_and_certificate(setAsActive=True)
    with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):  # all devices share it
        iot.create_policy(policyName=_POLICY_NAME, policyDocument=json.dumps(_POLICY))
    iot.attach_policy(policyName=_POLICY_NAME, target=made["certificateArn"])
    iot.attach_thing_principal(thingName=thing_name, principal=made["certificateArn"])
    certificate, key = folder / f"{thing_name}.pem", folder / f"{thing_name}.key"
    certificate.write_text(made["certificatePem"], encoding="ascii")
    key.touch(mode=0o600)
    key.write_text(made["keyPair"]["PrivateKey"], encoding="ascii")
    port = urlsplit(addresses.mqtts).port
    assert port is not None
    return Credentials("localhost", port, thing_name, Path(addresses.ca), certificate, key)
