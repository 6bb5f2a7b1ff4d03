"""Operators and their policies, seen from outside (control reference 1.9, 1.11)."""

from __future__ import annotations

import json
import logging
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.operators import admitted, vault_of
from tests.servers import Started, options, started
from tidegate.clock import RandomIds, wall_now
from tidegate.ops import iam
from tidegate.store import keys

SECRET = "a-secret-of-forty-characters-0123456789"
ACCOUNT = "000000000000"
HEAD = f"arn:aws:iot:eu-west-1:{ACCOUNT}:"


def document(*statements: tuple[str, Any, Any] | tuple[str, Any, Any, Any]) -> str:
    made = [
        {"Effect": effect, "Action": action, "Resource": resource, **({"Condition": more[0]} if more else {})}
        for effect, action, resource, *more in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": made})


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="tidegate.access"):
        yield caplog


_count = iter(range(1000, 10_000))


class Operator:
    """A principal with one policy, and its clients."""

    def __init__(self, server: Started, policy: str | None, tags: dict[str, str] | None = None) -> None:
        number = next(_count)
        self.server = server
        self.name = f"user{number}"
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/{self.name}"
        self.key_id = f"AKIA{number:016d}"
        admitted(server, self.key_id, SECRET, self.arn, {} if policy is None else {"Only": policy}, tags)

    def client(self, service: str = "iot") -> Any:
        return self.server.client(service, aws_access_key_id=self.key_id, aws_secret_access_key=SECRET)

    def attach(self, policy: str) -> None:
        unit = self.server.running.service.unit
        self.server.on_loop(
            lambda: unit.transact(lambda tx: iam.attach_policy(tx, self.arn, "Only", policy, wall_now()))
        )


def refusal(call: Any, **members: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def template(name: str, **more: Any) -> dict[str, Any]:
    return {"jobTemplateId": name, "description": "d", "document": "{}", **more}


def test_nothing_is_allowed_by_default(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    nobody = Operator(guarded, None)
    status, code, message = refusal(nobody.client().list_jobs)
    assert (status, code) == (403, "AccessDeniedException")
    assert message == (
        f"User: {nobody.arn} is not authorized to perform: iot:ListJobs on resource: * "
        "because no identity-based policy allows the iot:ListJobs action"
    )
    [record] = log.records
    for part in ("'/jobs'", "127.0.0.1", nobody.key_id, "AccessDeniedException", "(no statement)", "access simulate"):
        assert part in record.getMessage()


def test_the_request_id_of_a_refusal_stands_in_the_log(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ClientError) as caught:
        Operator(guarded, None).client().list_jobs()
    assert caught.value.response["ResponseMetadata"]["RequestId"] in log.records[-1].getMessage()


def test_actions_resources_and_a_deny_that_wins(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    ops = Operator(
        guarded, document(("Allow", "iot:*JobTemplate", f"{HEAD}jobtemplate/ops-*"), ("Deny", "iot:Delete*", "*"))
    )
    iot = ops.client()
    iot.create_job_template(**template("ops-1"))
    assert iot.describe_job_template(jobTemplateId="ops-1")["jobTemplateId"] == "ops-1"
    assert refusal(iot.create_job_template, **template("dev-1"))[2].endswith(
        f"iot:CreateJobTemplate on resource: {HEAD}jobtemplate/dev-1 "
        "because no identity-based policy allows the iot:CreateJobTemplate action"
    )
    assert refusal(iot.delete_job_template, jobTemplateId="ops-1")[2].endswith(
        f"on resource: {HEAD}jobtemplate/ops-1 with an explicit deny in an identity-based policy"
    )
    assert "(statement 2 of Only)" in log.records[-1].getMessage()
    assert refusal(iot.list_job_templates)[1] == "AccessDeniedException"


def test_every_resource_of_a_request_counts(guarded: Started) -> None:
    boss = Operator(guarded, document(("Allow", "*", "*"))).client()
    mine = boss.create_thing(thingName="mine")["thingArn"]
    other = boss.create_thing(thingName="other")["thingArn"]
    limited = Operator(guarded, document(("Allow", "iot:CreateJob", [f"{HEAD}job/*", f"{HEAD}thing/mine"]))).client()
    limited.create_job(jobId="limited-1", targets=[mine], document="{}")
    status, _, message = refusal(limited.create_job, jobId="limited-2", targets=[mine, other], document="{}")
    assert (status, f"on resource: {other} " in message) == (403, True)
    assert refusal(boss.describe_job, jobId="limited-2")[0] == 404, "nothing was made"


def test_pass_role(guarded: Started) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/artifacts"
    presigned = {"presignedUrlConfig": {"roleArn": role, "expiresInSec": 600}}
    ops = Operator(guarded, document(("Allow", "iot:*", "*")))
    iot = ops.client()
    iot.create_job_template(**template("without-role"))
    _, code, message = refusal(iot.create_job_template, **template("with-role", **presigned))
    assert code == "AccessDeniedException"
    assert message.startswith(f"User: {ops.arn} is not authorized to perform: iam:PassRole on resource: {role} ")
    passed = {"StringEquals": {"iam:PassedToService": "iot.amazonaws.com"}}
    ops.attach(document(("Allow", "iot:*", "*"), ("Allow", "iam:PassRole", role, passed)))
    iot.create_job_template(**template("with-role", **presigned))


def test_a_change_of_policy_counts_at_once_in_this_process(guarded: Started) -> None:
    ops = Operator(guarded, document(("Allow", "iot:List*", "*")))
    iot = ops.client()
    for _ in range(3):
        iot.list_jobs()
        ops.attach(document(("Deny", "iot:List*", "*")))
        assert refusal(iot.list_jobs)[1] == "AccessDeniedException"
        ops.attach(document(("Allow", "iot:List*", "*")))


def test_constraints_come_before_permissions_and_permissions_before_existence(guarded: Started) -> None:
    iot = Operator(guarded, document(("Allow", "iot:DescribeJob", "*"))).client()
    assert refusal(iot.delete_job, jobId="a.b")[1] == "InvalidRequestException"
    assert refusal(iot.delete_job, jobId="not-there")[1] == "AccessDeniedException"
    assert refusal(iot.describe_job, jobId="not-there")[1] == "ResourceNotFoundException"


def test_data_planes(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    """Both names of an action are taken; a refusal says no more than Forbidden, the log does."""
    for action in ("iotjobsdata:GetPendingJobExecutions", "iot:GetPendingJobExecutions"):
        data = Operator(guarded, document(("Allow", action, f"{HEAD}thing/t1"))).client("iot-jobs-data")
        assert data.get_pending_job_executions(thingName="t1")["queuedJobs"] == []
        assert refusal(data.get_pending_job_executions, thingName="t2") == (403, "ForbiddenException", "Forbidden")
        assert f"iotjobsdata:GetPendingJobExecutions on resource: {HEAD}thing/t2" in log.records[-1].getMessage()
    only = {"StringEquals": {"iot:JobId": "j1"}}
    picky = Operator(guarded, document(("Allow", "iotjobsdata:*", "*", only))).client("iot-jobs-data")
    assert refusal(picky.describe_job_execution, thingName="t1", jobId="j1")[0] == 404
    assert refusal(picky.describe_job_execution, thingName="t1", jobId="j2")[0] == 403


CONTEXTS: list[tuple[dict[str, Any], bool]] = [
    ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, True),
    ({"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}}, False),
    ({"Bool": {"aws:SecureTransport": "false"}}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
    ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, True),
    ({"StringLike": {"aws:username": "user*"}}, True),
    ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalType": "User"}}, True),
    ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/user*"}}, True),
    ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
    ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, False),
    ({"Null": {"aws:TokenIssueTime": "true"}}, True),
]


@pytest.mark.parametrize(("condition", "expected"), CONTEXTS)
def test_condition_keys(guarded: Started, condition: dict[str, Any], expected: bool) -> None:
    iot = Operator(guarded, document(("Allow", "*", "*", condition)), {"team": "red"}).client()
    if expected:
        iot.list_jobs()
    else:
        assert refusal(iot.list_jobs)[1] == "AccessDeniedException"


def test_tags_of_requests_and_resources(guarded: Started) -> None:
    boss = Operator(guarded, document(("Allow", "*", "*"))).client()
    own = {"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}
    keys_known = {"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}}
    theirs = {"StringEquals": {"aws:ResourceTag/Team": "red"}}
    policy = document(
        ("Allow", ["iot:CreateJobTemplate", "iot:TagResource"], "*", {**own, **keys_known}),
        ("Allow", ["iot:DescribeJobTemplate", "iot:DeleteJobTemplate"], "*", theirs),
        ("Allow", "iot:UntagResource", "*", keys_known),
    )
    iot = Operator(guarded, policy, {"team": "red"}).client()
    iot.create_job_template(**template("red-1", tags=[{"Key": "team", "Value": "red"}]))
    for tags in ([], [{"Key": "team", "Value": "blue"}], [{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}]):
        assert refusal(iot.create_job_template, **template("red-2", tags=tags))[1] == "AccessDeniedException"
    boss.create_job_template(**template("blue-1", tags=[{"Key": "team", "Value": "blue"}]))
    assert iot.describe_job_template(jobTemplateId="red-1")["jobTemplateId"] == "red-1"
    assert refusal(iot.describe_job_template, jobTemplateId="blue-1")[1] == "AccessDeniedException"
    assert refusal(iot.describe_job_template, jobTemplateId="none")[1] == "AccessDeniedException"
    arn = f"{HEAD}jobtemplate/red-1"
    assert refusal(iot.untag_resource, resourceArn=arn, tagKeys=["other"])[1] == "AccessDeniedException"
    iot.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert refusal(iot.describe_job_template, jobTemplateId="red-1")[1] == "AccessDeniedException"


def test_who_makes_something_with_tags_tags_it(guarded: Started) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    makes = ("Allow", ["iot:Create*", "iot:GetIndexingConfiguration"], "*")
    iot = Operator(guarded, document(makes)).client()
    version = "package/tagged/version/1"
    for create, name, members in (
        (iot.create_job_template, "jobtemplate/tagged", template("tagged")),
        (iot.create_thing_group, "thinggroup/tagged", {"thingGroupName": "tagged"}),
        (
            iot.create_policy,
            "policy/tagged",
            {"policyName": "tagged", "policyDocument": document(("Allow", "iot:Connect", "*"))},
        ),
    ):
        told = refusal(create, **members, tags=tags)
        assert told[1] == "AccessDeniedException"
        allowed = Operator(guarded, document(makes, ("Allow", "iot:TagResource", f"{HEAD}{name}"))).client()
        getattr(allowed, create.__name__)(**members, tags=tags)
    iot.create_package(packageName="tagged")
    given = {"packageName": "tagged", "versionName": "1", "tags": {"team": "red"}}
    assert refusal(iot.create_package_version, **given)[1] == "AccessDeniedException"
    allowed = Operator(guarded, document(makes, ("Allow", "iot:TagResource", f"{HEAD}{version}"))).client()
    allowed.create_package_version(**given)


def test_moving_the_clock_is_a_permission(tmp_path_factory: pytest.TempPathFactory) -> None:
    with started(options(tmp_path_factory.mktemp("clock"), auth=True, clock="movable")) as server:

        def move(operator: Operator) -> tuple[int, str]:
            request = AWSRequest("POST", server.addresses.http + "/_tidegate/clock", data=b'{"advance": 1}')
            SigV4Auth(Credentials(operator.key_id, SECRET), "iot", "eu-west-1").add_auth(request)
            status, headers, _ = server.fetch(
                "/_tidegate/clock", "POST", b'{"advance": 1}', dict(request.headers.items())
            )
            return status, headers.get("x-amzn-errortype", "")

        assert move(Operator(server, document(("Allow", "iot:*", "*")))) == (403, "AccessDeniedException:")
        assert move(Operator(server, document(("Allow", "tidegate:MoveClock", "*")))) == (200, "")
        # What a policy calls the present is the service's clock.
        late = Operator(server, document(("Allow", "*", "*", {"DateLessThan": {"aws:CurrentTime": "2020-01-01"}})))
        assert refusal(late.client().list_jobs)[1] == "AccessDeniedException"
        server.on_loop(lambda: server.running.timeline.set(0))
        late.client().list_jobs()


# --- temporary credentials, and keys that stop counting -------------------------------------------------------------


def session(operator: Operator, lifetime_s: int = 900, ago_s: int = 0, policy: str | None = None) -> iam.Credentials:
    server, now = operator.server, wall_now() - ago_s * 1000
    unit, vault = server.running.service.unit, vault_of(server)
    return server.on_loop(
        lambda: unit.transact(
            lambda tx: iam.create_session(
                tx, vault, RandomIds(), operator.arn, now, lifetime_s=lifetime_s, policy=policy
            )
        )
    )


def with_session(server: Started, made: iam.Credentials, token: str | None) -> Any:
    return server.client(
        "iot", aws_access_key_id=made.key_id, aws_secret_access_key=made.secret, aws_session_token=token
    )


def test_a_session_token_belongs_to_its_key(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    ops = Operator(guarded, document(("Allow", "*", "*")))
    made, other = session(ops), session(ops)
    with_session(guarded, made, made.token).list_jobs()
    for token in (None, other.token, (made.token or "")[:-1]):
        _, code, message = refusal(with_session(guarded, made, token).list_jobs)
        assert (code, message) == (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
        assert "its session token is not the one of its access key" in log.records[-1].getMessage()


def test_a_session_policy_narrows(guarded: Started) -> None:
    ops = Operator(guarded, document(("Allow", "*", "*")))
    made = session(ops, policy=document(("Allow", "iot:ListJobs", "*")))
    iot = with_session(guarded, made, made.token)
    iot.list_jobs()
    assert refusal(iot.list_things)[2].endswith("because no session policy allows the iot:ListThings action")


def test_expired_credentials(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    made = session(Operator(guarded, document(("Allow", "*", "*"))), lifetime_s=60, ago_s=61)
    assert refusal(with_session(guarded, made, made.token).list_jobs) == (
        403,
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )
    assert "keys create --expires" in log.records[-1].getMessage()
    wrong = made._replace(secret="wrong")
    assert refusal(with_session(guarded, wrong, made.token).list_jobs)[1] == "InvalidSignatureException"


def test_a_presigned_request_with_a_session_token(guarded: Started) -> None:
    made = session(Operator(guarded, document(("Allow", "iot:ListJobs", "*"))))

    def presigned(path: str) -> tuple[int, str]:
        request = AWSRequest("GET", guarded.addresses.http + path)
        credentials = Credentials(made.key_id, made.secret, made.token)
        SigV4QueryAuth(credentials, "iot", "eu-west-1", expires=60).add_auth(request)
        parts = urllib.parse.urlsplit(request.url)
        status, headers, _ = guarded.fetch(f"{parts.path}?{parts.query}")
        return status, headers.get("x-amzn-errortype", "")

    assert presigned("/jobs") == (200, "")
    assert presigned("/things") == (403, "AccessDeniedException:")


def test_inactive_and_revoked_keys(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    ops = Operator(guarded, document(("Allow", "*", "*")))
    iot, unit = ops.client(), guarded.running.service.unit
    iot.list_jobs()
    for change, reason in [
        (lambda tx: iam.set_key_status(tx, ops.key_id, keys.INACTIVE), "its access key is Inactive"),
        (lambda tx: iam.revoke_key(tx, ops.key_id), "its access key does not exist"),
    ]:
        guarded.on_loop(lambda change=change: unit.transact(change))
        assert refusal(iot.list_jobs)[1] == "UnrecognizedClientException"
        assert reason in log.records[-1].getMessage()


def test_the_last_use_of_a_key_is_noted(guarded: Started) -> None:
    ops = Operator(guarded, document(("Allow", "*", "*")))
    before = wall_now()
    ops.client().list_jobs()
    ops.client().list_jobs()
    unit = guarded.running.service.unit
    found = guarded.on_loop(lambda: unit.read(lambda tx: keys.get(tx, ops.key_id)))
    assert found is not None
    assert found.last_used_at is not None
    assert before <= found.last_used_at <= wall_now()


@pytest.mark.parametrize("expires", [False, True])
def test_wrong_signatures_are_logged_without_their_secrets(
    guarded: Started, log: pytest.LogCaptureFixture, expires: bool
) -> None:
    ops = Operator(guarded, document(("Allow", "*", "*")))
    made = session(ops) if expires else iam.Credentials(ops.key_id, SECRET)
    iot = with_session(guarded, made._replace(secret="a-wrong-secret"), made.token)
    assert refusal(iot.list_jobs)[1] == "InvalidSignatureException"
    told = log.records[-1].getMessage()
    assert made.key_id in told
    assert all(secret not in told for secret in (made.secret, "a-wrong-secret", made.token or "never"))


def test_nobody_writes_into_the_log(guarded: Started, log: pytest.LogCaptureFixture) -> None:
    scope = "20260101/eu-west-1/iot/aws4_request"
    query = f"X-Amz-Credential=AKIA%0Aforged%20line/{scope}&X-Amz-Signature=0&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    guarded.fetch(f"/jobs?{query}&X-Amz-SignedHeaders=host&X-Amz-Date=20260101T000000Z")
    told = log.records[-1].getMessage()
    assert "\n" not in told
    assert "'AKIA\\nforged line'" in told
    for part in (f"X-Amz-Credential=AKIA%0Aforged/{scope}/more", f"X-Amz-Credential=A/{scope}&X-Amz-Date=%0Aforged"):
        fields = f"{part}&X-Amz-Signature=0&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host"
        assert guarded.fetch(f"/jobs?{fields}" + ("" if "Date" in part else "&X-Amz-Date=20260101T000000Z"))[0] == 400
        assert "forged" in log.records[-1].getMessage()
        assert "\n" not in log.records[-1].getMessage()


def test_without_authentication_nobody_is_asked(server: Started, log: pytest.LogCaptureFixture) -> None:
    server.client("iot").list_jobs()
    assert log.records == []


# -- objects that a document names: who may not reach them must not have devices reach them --

ROLE = f"arn:aws:iam::{ACCOUNT}:role/presign"
DOWNLOAD = "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/permitted/firmware/a.bin}"
UPLOAD = "${aws:iot:s3-presigned-url-upload:https://s3.amazonaws.com/permitted/logs/${thingName}/x}"
VERSIONED = (
    "${{aws:iot:s3-presigned-url-v2:https%3A%2F%2Fs3.amazonaws.com%2Fpermitted%2Ffirmware%2Fa.bin%3FversionId%3D{}}}"
)
FIRMWARE, LOGS = "arn:aws:s3:::permitted/firmware/*", "arn:aws:s3:::permitted/logs/*"


@pytest.fixture(scope="module")
def permitted(guarded: Started) -> str:
    """A bucket with an object, whose version is returned, and a thing."""
    admin = Operator(guarded, document(("Allow", "*", "*")))
    s3 = guarded.client(
        "s3",
        aws_access_key_id=admin.key_id,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket="permitted", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    made: str = s3.put_object(Bucket="permitted", Key="firmware/a.bin", Body=b"firmware")["VersionId"]
    for name, text in (("down", {"url": DOWNLOAD}), ("up", {"url": UPLOAD})):
        s3.put_object(Bucket="permitted", Key=f"documents/{name}.json", Body=json.dumps(text).encode())
    admin.client().create_thing(thingName="permitted")
    return made


def operator(server: Started, *statements: tuple[str, Any, Any]) -> Operator:
    return Operator(server, document(("Allow", ["iot:*", "iam:PassRole"], "*"), *statements))


def job(name: str, **more: Any) -> dict[str, Any]:
    target = f"{HEAD}thing/permitted"
    return {"jobId": name, "targets": [target], "presignedUrlConfig": {"roleArn": ROLE}, **more}


@pytest.mark.parametrize(
    ("placeholder", "action", "resource"),
    [
        (DOWNLOAD, "s3:GetObject", FIRMWARE),
        (UPLOAD, "s3:PutObject", LOGS),
        (VERSIONED, "s3:GetObjectVersion", FIRMWARE),
    ],
    ids=["download", "upload", "version"],
)
def test_a_document_gives_nobody_more_than_its_author_has(
    guarded: Started, permitted: str, placeholder: str, action: str, resource: str
) -> None:
    text = json.dumps({"url": placeholder.format(permitted) if "{{" in placeholder else placeholder})
    name = f"author-{action.partition(':')[2]}"
    others = [each for each in ("s3:GetObject", "s3:PutObject", "s3:GetObjectVersion") if each != action]
    without = operator(guarded, ("Allow", others, "arn:aws:s3:::permitted/*")).client()
    denied = operator(guarded, ("Allow", "s3:*", "*"), ("Deny", action, resource)).client()
    allowed = operator(guarded, ("Allow", action, resource)).client()
    for client in (without, denied):
        for call, members in (
            (client.create_job, job(name, document=text)),
            (client.create_job_template, {**template(name), "document": text, "presignedUrlConfig": {"roleArn": ROLE}}),
        ):
            status, code, message = refusal(call, **members)
            assert (status, code) == (403, "AccessDeniedException")
            assert f"is not authorized to perform: {action} on resource: arn:aws:s3:::permitted/" in message
    allowed.create_job_template(**{**template(name), "document": text, "presignedUrlConfig": {"roleArn": ROLE}})
    allowed.create_job(**job(name, document=text))
    # Another's template or job gives nobody the permissions of its author.
    arn = f"{HEAD}jobtemplate/{name}"
    assert refusal(without.create_job, **job(f"{name}-2", jobTemplateArn=arn))[:2] == (403, "AccessDeniedException")
    again = {"jobTemplateId": f"{name}-2", "description": "d", "jobArn": f"{HEAD}job/{name}"}
    assert refusal(without.create_job_template, **again)[:2] == (403, "AccessDeniedException")
    allowed.create_job(**job(f"{name}-2", jobTemplateArn=arn))


def test_documents_by_their_source(guarded: Started, permitted: str) -> None:
    source = "https://s3.amazonaws.com/permitted/documents/{}.json"
    reader = ("Allow", "s3:GetObject", "arn:aws:s3:::permitted/documents/*")
    without, allowed = operator(guarded, reader).client(), operator(guarded, ("Allow", "s3:*", "*")).client()
    nobody = operator(guarded).client()
    for name, action in (("down", "s3:GetObject"), ("up", "s3:PutObject")):
        members = {"jobTemplateId": f"source-{name}", "description": "d", "documentSource": source.format(name)}
        members["presignedUrlConfig"] = {"roleArn": ROLE}
        for message in (
            refusal(without.create_job, **job(f"source-{name}", documentSource=source.format(name)))[2],
            refusal(without.create_job_template, **members)[2],
        ):
            assert f"perform: {action} on resource: arn:aws:s3:::permitted/" in message
        allowed.create_job_template(**members)
        by_template = job(f"source-{name}", jobTemplateArn=f"{HEAD}jobtemplate/source-{name}")
        assert f"perform: {action} on" in refusal(without.create_job, **by_template)[2]
        assert f"/documents/{name}.json" in refusal(nobody.create_job, **by_template)[2]
        allowed.create_job(**by_template)


def test_an_artifact_is_its_job_creators_to_read(guarded: Started, permitted: str) -> None:
    location = {"bucket": "permitted", "key": "firmware/a.bin", "version": permitted}
    without, allowed = (
        operator(guarded).client(),
        operator(guarded, ("Allow", "s3:GetObjectVersion", FIRMWARE)).client(),
    )
    without.create_package(packageName="permitted")
    without.create_package_version(packageName="permitted", versionName="1", artifact={"s3Location": location})
    without.update_package_version(packageName="permitted", versionName="1", action="PUBLISH")
    text = json.dumps({"url": "${aws:iot:package:permitted:version:1:artifact:s3-presigned-url}"})
    members = job("artifact", document=text, destinationPackageVersions=[f"{HEAD}package/permitted/version/1"])
    assert "perform: s3:GetObjectVersion on" in refusal(without.create_job, **members)[2]
    allowed.create_job(**members)


def test_an_archive_is_read_for_who_may_read_it(guarded: Started, permitted: str) -> None:
    place = {"s3Location": {"bucket": "permitted", "key": "firmware/a.bin", "version": permitted}}
    without, allowed = (
        operator(guarded).client(),
        operator(guarded, ("Allow", "s3:GetObjectVersion", FIRMWARE)).client(),
    )
    without.create_package(packageName="archived")
    without.create_package_version(packageName="archived", versionName="1")
    members = {"packageName": "archived", "versionName": "1", "sbom": place}
    assert refusal(without.associate_sbom_with_package_version, **members)[1] == "AccessDeniedException"
    allowed.associate_sbom_with_package_version(**members)
