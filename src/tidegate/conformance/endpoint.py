"""An endpoint under observation: boto3 clients, devices on MQTT, a clock, and what was made and must be removed."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.conformance.assertions import UnmetError, UnobservedError, shortened
from tidegate.conformance.capture import Recorder
from tidegate.conformance.device import Device

_LONGEST_WAIT_S = 600


@dataclass(frozen=True)
class Where:
    """How an endpoint is reached."""

    http: str | None = None
    """The URL of everything signed; None: AWS itself."""
    mqtt: str | None = None
    """``host:port`` of MQTT over mutual TLS; None: device expectations over MQTT are not observed."""
    ca: str | None = None
    """A file with the authorities that sign the endpoint's certificates."""
    clock: str | None = None
    """The URL of a clock that can be moved: takes ``{"advance": seconds}``."""
    wall: bool = False
    """Whether real minutes may be waited where there is no such clock."""
    region: str = "us-east-1"
    profile: str | None = None
    """A profile of the AWS configuration; None: made-up credentials, unless the endpoint is AWS itself."""


@dataclass(frozen=True)
class Refusal:
    """An error as boto3 raises it."""

    status: int
    code: str
    message: str
    body: dict[str, Any]


class Endpoint:
    """What expectations use. Names are unlike those of any other run; ``clear`` removes what was made."""

    def __init__(self, where: Where, run: str, recorder: Recorder | None = None) -> None:
        """``run`` makes the names of this run unlike others'; ``recorder`` keeps what is answered."""
        self.where, self.run, self._recorder = where, run, recorder
        self._numbers = itertools.count(1)
        self._undo: list[Callable[[], Any]] = []
        self._clients: dict[str, Any] = {}
        self._certificate: tuple[str, str, str] | None = None
        self._devices: list[Device] = []

    # -- reaching it -------------------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        """A boto3 client that neither retries nor checks what it sends."""
        if service not in self._clients:
            made_up = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            with_keys = made_up if self.where.http and self.where.profile is None else {}
            session = boto3.session.Session(profile_name=self.where.profile, region_name=self.where.region, **with_keys)
            config = Config(
                retries={"total_max_attempts": 1}, parameter_validation=False, connect_timeout=10, read_timeout=30
            )
            more = {"endpoint_url": self.where.http} if self.where.http else {}
            if self.where.ca and self.where.http and self.where.http.startswith("https"):
                more["verify"] = self.where.ca
            self._clients[service] = session.client(service, config=config, **more)
        return self._clients[service]

    @property
    def iot(self) -> Any:
        """The control plane."""
        return self.client("iot")

    @property
    def data(self) -> Any:
        """The devices' side of jobs over HTTPS."""
        return self.client("iot-jobs-data")

    def ask(self, service: str, operation: str, /, **members: Any) -> dict[str, Any]:
        """Call an operation by its name in the model.

        Raises:
            UnmetError: it was refused.
        """
        answer = self._call(service, operation, members)
        if isinstance(answer, Refusal):
            raise UnmetError(f"{operation} to be taken", f"{answer.status} {answer.code}: {shortened(answer.message)}")
        return answer

    def refused(self, service: str, operation: str, code: str, status: int | None = None, /, **members: Any) -> Refusal:
        """Call an operation that must be refused with an error code.

        Raises:
            UnmetError: it was taken, or refused with another code or status.
        """
        answer = self._call(service, operation, members)
        wanted = code if status is None else f"{status} {code}"
        if not isinstance(answer, Refusal):
            raise UnmetError(f"{wanted} from {operation}", f"200 {shortened(repr(answer))}")
        if answer.code != code or (status is not None and answer.status != status):
            raise UnmetError(
                f"{wanted} from {operation}", f"{answer.status} {answer.code}: {shortened(answer.message)}"
            )
        return answer

    def _call(self, service: str, operation: str, members: dict[str, Any]) -> dict[str, Any] | Refusal:
        found = self._called(service, operation, members)
        if self._recorder is not None:
            refused = isinstance(found, Refusal)
            told = found.message if isinstance(found, Refusal) else found
            status, code = (found.status, found.code) if isinstance(found, Refusal) else (200, "")
            self._recorder.note(f"{service} {operation}", members, status, code if refused else "", told)
        return found

    def _called(self, service: str, operation: str, members: dict[str, Any]) -> dict[str, Any] | Refusal:
        client = self.client(service)
        try:
            answer: dict[str, Any] = client._make_api_call(operation, members)
        except ClientError as error:
            found = error.response
            told = found.get("Error", {})
            status = found.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return Refusal(status, told.get("Code", ""), told.get("Message", ""), dict(found))
        except BotoCoreError as error:
            return Refusal(0, type(error).__name__, str(error), {})
        answer.pop("ResponseMetadata", None)
        return answer

    # -- making things -----------------------------------------------------------------------------------------------

    def name(self, of: str = "x") -> str:
        """A name nobody has."""
        return f"tgc-{self.run}-{of}-{next(self._numbers)}"

    def later(self, undo: Callable[[], Any]) -> None:
        """Note what removes a thing that was made."""
        self._undo.append(undo)

    def clear(self) -> None:
        """Disconnect devices and remove what was made since the last time, last things first."""
        while self._devices:
            self._devices.pop().close()
        while self._undo:
            with suppress(ClientError, BotoCoreError):
                self._undo.pop()()

    def thing(self, name: str | None = None, **members: Any) -> str:
        """Create a thing; returns its name."""
        name = name or self.name("thing")
        self.ask("iot", "CreateThing", thingName=name, **members)
        self.later(lambda: self.iot.delete_thing(thingName=name))
        return name

    def thing_arn(self, name: str) -> str:
        """The ARN of a thing."""
        arn: str = self.ask("iot", "DescribeThing", thingName=name)["thingArn"]
        return arn

    def group(self, things: int = 0, **members: Any) -> tuple[str, str, list[str]]:
        """Create a thing group with so many things; returns its name, its ARN and theirs."""
        name = self.name("group")
        arn = self.ask("iot", "CreateThingGroup", thingGroupName=name, **members)["thingGroupArn"]
        self.later(lambda: self.iot.delete_thing_group(thingGroupName=name))
        members_of = [self.thing() for _ in range(things)]
        for each in members_of:
            self.join(name, each)
        return name, arn, members_of

    def join(self, group: str, thing: str) -> None:
        """Add a thing to a group."""
        self.ask("iot", "AddThingToThingGroup", thingGroupName=group, thingName=thing)

    def job(self, targets: list[str] | None = None, **members: Any) -> str:
        """Create a job (of one new thing, with an empty document, unless told otherwise); returns its id."""
        name = members.pop("jobId", None) or self.name("job")
        if targets is None:
            targets = [self.thing_arn(self.thing())]
        if not members.keys() & {"document", "documentSource", "jobTemplateArn"}:
            members["document"] = "{}"
        self.ask("iot", "CreateJob", jobId=name, targets=targets, **members)
        self.later(lambda: self.iot.delete_job(jobId=name, force=True))
        return name

    def job_of_one(self, **members: Any) -> tuple[str, str]:
        """Create a thing and a job for it, and wait for the execution; returns the job's id and the thing's name."""
        thing = self.thing()
        job = self.job([self.thing_arn(thing)], **members)
        self.released(thing, job)
        return job, thing

    def template(self, **members: Any) -> tuple[str, str]:
        """Create a job template; returns its id and its ARN."""
        name = members.pop("jobTemplateId", None) or self.name("template")
        if not members.keys() & {"document", "documentSource", "jobArn"}:
            members["document"] = "{}"
        members.setdefault("description", "d")
        arn = self.ask("iot", "CreateJobTemplate", jobTemplateId=name, **members)["jobTemplateArn"]
        self.later(lambda: self.iot.delete_job_template(jobTemplateId=name))
        return name, arn

    def package(self, *versions: str, published: bool = True) -> str:
        """Create a software package with versions; returns its name."""
        name = self.name("package")
        self.ask("iot", "CreatePackage", packageName=name)
        self.later(lambda: self.iot.delete_package(packageName=name))
        for version in versions:
            self.ask("iot", "CreatePackageVersion", packageName=name, versionName=version)
            self.later(partial(self.iot.delete_package_version, packageName=name, versionName=version))
            if published:
                self.ask("iot", "UpdatePackageVersion", packageName=name, versionName=version, action="PUBLISH")
        return name

    # -- looking -----------------------------------------------------------------------------------------------------

    def described(self, job: str) -> dict[str, Any]:
        """A job."""
        found: dict[str, Any] = self.ask("iot", "DescribeJob", jobId=job)["job"]
        return found

    def execution(self, job: str, thing: str, **members: Any) -> dict[str, Any]:
        """An execution, as operators see it."""
        found: dict[str, Any] = self.ask("iot", "DescribeJobExecution", jobId=job, thingName=thing, **members)[
            "execution"
        ]
        return found

    def executions(self, job: str) -> list[dict[str, Any]]:
        """All executions of a job, as they are listed."""
        found, token = [], None
        while True:
            more: dict[str, Any] = {} if token is None else {"nextToken": token}
            answer = self.ask("iot", "ListJobExecutionsForJob", jobId=job, **more)
            found += answer.get("executionSummaries", [])
            token = answer.get("nextToken")
            if not token:
                return found

    def pending(self, thing: str) -> list[str]:
        """The jobs that wait for a thing or are under way on it, as its device sees them."""
        answer = self.ask("iot-jobs-data", "GetPendingJobExecutions", thingName=thing)
        return [each["jobId"] for kind in ("inProgressJobs", "queuedJobs") for each in answer.get(kind, [])]

    def until(self, holds: Callable[[], Any], expected: str, seconds: float = 10.0) -> Any:
        """Wait until something holds that the endpoint does by itself, shortly; returns what it returned.

        Raises:
            UnmetError: it never did.
        """
        deadline = time.monotonic() + seconds  # noqa: TID251 - an endpoint's time is not ours
        nudged = False
        while True:
            found = holds()
            if found:
                return found
            if self.where.clock and not nudged:
                self.advance(1)
                nudged = True
            if time.monotonic() > deadline:  # noqa: TID251
                raise UnmetError(expected, shortened(repr(found)))
            time.sleep(0.05)

    def released(self, thing: str, job: str) -> None:
        """Wait until a job has reached a thing."""
        self.until(lambda: job in self.pending(thing), f"the execution of {job} to be pending for its thing")

    def ended(self, job: str, status: str) -> dict[str, Any]:
        """Wait until a job has a status; returns the job."""
        self.until(lambda: self.described(job)["status"] == status, f"the job to become {status}")
        return self.described(job)

    # -- acting as a device ------------------------------------------------------------------------------------------

    def start(self, thing: str, **members: Any) -> dict[str, Any]:
        """StartNextPendingJobExecution; returns the execution, empty if there is none."""
        answer = self.ask("iot-jobs-data", "StartNextPendingJobExecution", thingName=thing, **members)
        found: dict[str, Any] = answer.get("execution", {})
        return found

    def report(self, thing: str, job: str, status: str, **members: Any) -> dict[str, Any]:
        """UpdateJobExecution."""
        return self.ask("iot-jobs-data", "UpdateJobExecution", jobId=job, thingName=thing, status=status, **members)

    def device(self, **how: Any) -> Device:
        """A connected MQTT client of a new client id.

        Raises:
            UnobservedError: no address was given.
        """
        if not self.where.mqtt:
            raise UnobservedError("no --mqtt address")
        if self._certificate is None:
            made = self.ask("iot", "CreateKeysAndCertificate", setAsActive=True)
            policy = self.name("policy")
            statement = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.ask("iot", "CreatePolicy", policyName=policy, policyDocument=document)
            self.ask("iot", "AttachPolicy", policyName=policy, target=made["certificateArn"])
            self._certificate = (made["certificatePem"], made["keyPair"]["PrivateKey"], made["certificateArn"])
            self._policy = policy
        host, _, port = self.where.mqtt.rpartition(":")
        pem, key, _ = self._certificate
        device = Device(host, int(port), self.where.ca, pem, key, how.pop("client_id", None) or self.name("c"), **how)
        device.recorder = self._recorder
        self._devices.append(device)
        return device

    def close(self) -> None:
        """Remove what all devices shared."""
        self.clear()
        if self._certificate is None:
            return
        arn = self._certificate[2]
        number = arn.rpartition("/")[2]
        ended: list[tuple[str, dict[str, Any]]] = [
            ("DetachPolicy", {"policyName": self._policy, "target": arn}),
            ("DeletePolicy", {"policyName": self._policy}),
            ("UpdateCertificate", {"certificateId": number, "newStatus": "INACTIVE"}),
            ("DeleteCertificate", {"certificateId": number}),
        ]
        for operation, members in ended:
            self._call("iot", operation, members)

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time go on; returns when what was due has been done.

        Raises:
            UnobservedError: there is no clock to move, and real minutes are not to be waited.
        """
        if self.where.clock:
            self._clock({"advance": seconds})
        elif self.where.wall and seconds <= _LONGEST_WAIT_S:
            time.sleep(seconds + 1)
        else:
            raise UnobservedError("no --clock to move")

    def now(self) -> datetime:
        """The endpoint's present: its clock's if it has one, this machine's if not."""
        if self.where.clock:
            return datetime.fromisoformat(self._clock({"advance": 0})["now"])
        return datetime.now(UTC)  # noqa: TID251 - an endpoint's time is not ours

    def _clock(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self.where.clock is not None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.where.clock, json.dumps(command).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found

    # -- bytes -------------------------------------------------------------------------------------------------------

    def raw(self, method: str, path: str, body: bytes | None = None, service: str = "iot") -> tuple[int, Any, Any]:
        """A request signed by botocore but with bytes of our own: status, headers (lower case), JSON or text."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        client = self.client(service)
        url = client.meta.endpoint_url.rstrip("/") + path
        headers = {"Host": urlsplit(url).netloc, "Content-Type": "application/json"}
        request = AWSRequest(method=method, url=url, data=body, headers=headers)
        credentials = client._request_signer._credentials
        SigV4Auth(credentials, service, self.where.region).add_auth(request)
        sent = urllib.request.Request(url, body, dict(request.headers.items()), method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
                status, found, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, found, text = error.code, error.headers, error.read()
        try:
            content = json.loads(text) if text else None
        except ValueError:
            content = text.decode(errors="replace")
        if self._recorder is not None:
            code = found.get("x-amzn-errortype") or ("" if status < 300 else str(status))
            self._recorder.note(f"{service} {method} {path}", body, status, code.partition(":")[0], content)
        return status, {name.lower(): value for name, value in found.items()}, content
