"""The conformance list of device reference 12, by paho over mutual TLS against a whole server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.fleet import LEAST_PRIVILEGE, PATIENCE, Account
from tests.e2e.mqtt import Device, RefusedError, connected

LEVELS = pytest.mark.parametrize("level", [4, 5], ids=["mqtt-3.1.1", "mqtt-5"])
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
}


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


def _notices(device: Device, *kinds: str) -> list[Any]:
    """The bodies of the next messages, which must be these notices in this order."""
    found = [device.next() for _ in kinds]
    assert [one.topic.rpartition("/")[2] for one in found] == list(kinds)
    assert all(one.qos == 1 and not one.retain for one in found)
    bodies = [one.body for one in found]
    assert all(isinstance(body.pop("timestamp"), int) for body in bodies)
    return bodies


def _names(groups: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {status: [one["jobId"] for one in found] for status, found in groups.items()}


@LEVELS
def test_a_reply_reaches_the_publisher_alone_and_once(account: Account, level: int) -> None:
    """12.1: whoever asked, subscribed or not; nobody else who listens there."""
    credentials = account.device("a")
    watcher = account.register("watcher")
    account.iot.attach_policy(policyName=account.policy("all", EVERYTHING), target=watcher.arn)
    with (
        connected(account, credentials, "a", level=level) as device,
        connected(account, watcher, "b", thing="a", level=level) as other,
    ):
        assert other.subscribe("$aws/things/a/jobs/#") == [1]
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
        assert device.subscribe("$aws/things/a/jobs/#", "$aws/things/a/jobs/get/accepted") == [1, 1]
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
        assert device.silent()
        assert other.silent()


def test_the_client_token_comes_back_with_every_rejection(account: Account) -> None:
    """12.2: every code that a request can be refused with; without a token there is none in the reply."""
    with connected(account, account.device("t"), "t") as device:
        account.job("running", "t")
        account.job("done", "t")
        device.accepted("done/update", status="SUCCEEDED")
        refused = {
            ("running/update", "InvalidRequest"): {"status": "SUCCEEDED", "statusDetails": {"a b": "c"}},
            ("running/update", "VersionMismatch"): {"status": "SUCCEEDED", "expectedVersion": 7},
            ("done/update", "InvalidStateTransition"): {"status": "IN_PROGRESS"},
            ("nothing/update", "ResourceNotFound"): {"status": "FAILED"},
            ("nothing/get", "ResourceNotFound"): {},
            ("done/get", "TerminalStateReached"): {},
            ("unknown/operation/here", "InvalidTopic"): {},
        }
        for (request, code), members in refused.items():
            body = device.rejected(request, **members)
            assert body["code"] == code, request
            assert isinstance(body["message"], str)
            assert ("executionState" in body) == (
                code in ("VersionMismatch", "InvalidStateTransition", "TerminalStateReached")
            )
        assert "clientToken" not in device.ask("nothing/get").body
        assert "clientToken" not in device.ask("get").body


def test_an_idle_thing_is_answered_not_refused(account: Account) -> None:
    """12.3"""
    with connected(account, account.device("idle"), "idle") as device:
        assert device.accepted("start-next") == {}
        assert device.accepted("$next/get") == {}
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}


def test_start_next_twice_returns_the_same_execution(account: Account) -> None:
    """12.4: the second changes neither the version nor the details."""
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t", document={"operation": "x", "args": [1, {"b": None}]})
        first = device.accepted("start-next", statusDetails={"try": "first"})["execution"]
        assert first == {
            "jobId": "j",
            "thingName": "t",
            "status": "IN_PROGRESS",
            "statusDetails": {"try": "first"},
            "queuedAt": first["queuedAt"],
            "startedAt": first["startedAt"],
            "lastUpdatedAt": first["startedAt"],
            "versionNumber": 2,
            "executionNumber": 1,
            "jobDocument": {"operation": "x", "args": [1, {"b": None}]},
        }
        assert device.accepted("start-next", statusDetails={"try": "second"})["execution"] == first
        assert device.accepted("j/get", includeJobDocument=False)["execution"] == {
            name: value for name, value in first.items() if name != "jobDocument"
        }


@LEVELS
def test_notices_of_three_jobs(account: Account, level: int) -> None:
    """12.5: the worked example of device reference 3.10, message by message."""
    with connected(account, account.device("t"), "t", level=level) as device:
        assert device.subscribe(f"{device.prefix}/notify", f"{device.prefix}/notify-next") == [1, 1]
        account.job("job1", "t")
        listed, head = _notices(device, "notify", "notify-next")
        (summary,) = listed["jobs"]["QUEUED"]
        assert summary == {
            "jobId": "job1",
            "queuedAt": summary["queuedAt"],
            "lastUpdatedAt": summary["queuedAt"],
            "versionNumber": 1,
            "executionNumber": 1,
        }
        assert head["execution"] == summary | {"status": "QUEUED", "jobDocument": {"operation": "job1"}}
        account.job("job2", "t")
        (listed,) = _notices(device, "notify")
        assert _names(listed["jobs"]) == {"QUEUED": ["job1", "job2"]}
        account.job("job3", "t")
        (listed,) = _notices(device, "notify")
        assert _names(listed["jobs"]) == {"QUEUED": ["job1", "job2", "job3"]}

        assert device.accepted("start-next")["execution"]["jobId"] == "job1"
        assert device.silent()
        device.accepted("job1/update", status="IN_PROGRESS", statusDetails={"p": "50"})
        assert device.silent()
        device.accepted("job1/update", status="SUCCEEDED")
        listed, head = _notices(device, "notify", "notify-next")
        assert _names(listed["jobs"]) == {"QUEUED": ["job2", "job3"]}
        assert head["execution"]["jobId"] == "job2"

        account.iot.cancel_job(jobId="job3")  # behind the head
        account.settle()
        (listed,) = _notices(device, "notify")
        assert _names(listed["jobs"]) == {"QUEUED": ["job2"]}
        device.accepted("job2/update", status="REJECTED")
        listed, head = _notices(device, "notify", "notify-next")
        assert (listed, head) == ({"jobs": {}}, {})
        assert device.silent()


def test_a_job_that_overtakes_becomes_the_head(account: Account) -> None:
    """12.6: one notify-next, no notify."""
    with connected(account, account.device("t"), "t") as device:
        account.job("job1", "t")
        account.job("job2", "t")
        device.subscribe(f"{device.prefix}/notify", f"{device.prefix}/notify-next")
        device.accepted("job2/update", status="IN_PROGRESS")
        (head,) = _notices(device, "notify-next")
        assert head["execution"]["jobId"] == "job2"
        assert device.silent()
        pending = device.accepted("get")
        assert [one["jobId"] for one in pending["inProgressJobs"]] == ["job2"]
        assert [one["jobId"] for one in pending["queuedJobs"]] == ["job1"]
        assert device.accepted("start-next")["execution"]["jobId"] == "job2"


@pytest.mark.parametrize("expected", [99, "99"], ids=["number", "string"])
def test_a_version_mismatch_shows_the_state(account: Account, expected: int | str) -> None:
    """12.7: AWS's own agents send the version as a number or as a string."""
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        device.accepted("start-next", statusDetails={"a": "b"})
        body = device.rejected("j/update", status="SUCCEEDED", expectedVersion=expected)
        assert body == {
            "code": "VersionMismatch",
            "message": "Expected version 99 but found version 2",
            "executionState": {"status": "IN_PROGRESS", "statusDetails": {"a": "b"}, "versionNumber": 2},
        }
        kind = type(expected)
        assert device.accepted("j/update", status="IN_PROGRESS", expectedVersion=kind(2), executionNumber=kind(1)) == {}
        body = device.rejected("j/update", status="IN_PROGRESS", executionNumber=kind(2))
        assert body["code"] == "ResourceNotFound"


def test_a_finished_execution_stays_finished(account: Account) -> None:
    """12.8: over MQTT and over HTTPS."""
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        assert device.accepted("j/update", status="FAILED", includeJobExecutionState=True) == {
            "executionState": {"status": "FAILED", "versionNumber": 2}
        }
        for status in ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"):
            body = device.rejected("j/update", status=status)
            assert body["code"] == "InvalidStateTransition"
            assert body["executionState"] == {"status": "FAILED", "versionNumber": 2}
        with pytest.raises(account.data.exceptions.InvalidStateTransitionException) as refused:
            account.data.update_job_execution(jobId="j", thingName="t", status="SUCCEEDED")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize(
    ("request_name", "payload", "code"),
    [
        ("j/update", b"{}", "InvalidRequest"),
        ("j/update", b"", "InvalidRequest"),
        ("j/update", b"not json", "InvalidJson"),
        ("j/update", b"[]", "InvalidJson"),
        ("j/update", b'{"status":5}', "InvalidRequest"),
        ("j/update", b'{"status":"SUCCEEDED","statusDetails":{"a":1}}', "InvalidRequest"),
        ("j/update", b'{"status":"SUCCEEDED","expectedVersion":"one"}', "InvalidRequest"),
        ("j/update", b'{"status":"SUCCEEDED","statusDetails":{"a":"\\u0000"}}', "InvalidRequest"),
        ("start-next", b"[]", "InvalidJson"),
        ("start-next", b'{"stepTimeoutInMinutes":-1}', "InvalidRequest"),
        ("get", b'"text"', "InvalidJson"),
        ("start-next", b"", None),
        ("get", b"", None),
        ("$next/get", b"", None),
        ("j/get", b'{"jobId":"j","thingName":"t","unknown":{"x":[]}}', None),
    ],
)
def test_payloads_that_are_no_requests(account: Account, request_name: str, payload: bytes, code: str | None) -> None:
    """12.9"""
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        reply = device.ask(request_name, payload)
        if code is None:
            assert reply.topic == f"{device.prefix}/{request_name}/accepted"
        else:
            assert reply.topic == f"{device.prefix}/{request_name}/rejected"
            assert reply.body["code"] == code
            assert account.counts("j") == {"Queued": 1}


def test_a_forced_cancel_is_seen_by_the_device(account: Account) -> None:
    """12.10"""
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        device.accepted("start-next")
        device.subscribe(f"{device.prefix}/notify", f"{device.prefix}/notify-next")
        account.iot.cancel_job_execution(jobId="j", thingName="t", force=True, statusDetails={"by": "operator"})
        assert _notices(device, "notify", "notify-next") == [{"jobs": {}}, {}]
        body = device.rejected("j/update", status="SUCCEEDED")
        assert body["code"] == "InvalidStateTransition"
        assert body["executionState"] == {
            "status": "CANCELED",
            "statusDetails": {"by": "operator"},
            "versionNumber": 3,
        }
        assert device.silent()


@LEVELS
def test_nine_filters_in_one_subscribe_disconnect(account: Account, level: int) -> None:
    """12.14; eight are taken."""
    with connected(account, account.device("t"), "t", level=level) as device:
        filters = [f"{device.prefix}/job{number}/get/accepted" for number in range(9)]
        assert device.subscribe(*filters[:8]) == [1] * 8
        assert device.subscribe(*filters) == []
        assert device.ended.get(timeout=PATIENCE) != 0


@LEVELS
def test_a_newcomer_takes_the_client_id(account: Account, level: int) -> None:
    """12.14"""
    credentials = account.device("t")
    with (
        connected(account, credentials, "t", level=level) as first,
        connected(account, credentials, "t", level=level) as second,
    ):
        code = first.ended.get(timeout=PATIENCE)
        assert code == 0x8E if level == 5 else code != 0
        assert second.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}


@LEVELS
def test_an_offline_session_gets_the_newest_notices_and_no_replies(account: Account, level: int) -> None:
    """12.15: what a device acts on after being away is how things are now."""
    credentials = account.device("t")
    away = Device(account, credentials, "t", level=level, clean=False)
    assert not away.present
    away.subscribe(f"{away.prefix}/notify", f"{away.prefix}/notify-next", f"{away.prefix}/+/get/accepted")
    away.vanish()
    account.job("old", "t")
    account.iot.cancel_job(jobId="old")
    account.job("new", "t")
    with connected(account, credentials, "t", level=level, clean=False) as device:
        assert device.present
        waiting = [device.next().topic for _ in range(2)]
        assert sorted(waiting) == [f"{device.prefix}/notify", f"{device.prefix}/notify-next"]
        assert device.silent()
    with connected(account, credentials, "t", level=level, clean=True) as device:
        assert not device.present
        assert device.silent()


def test_an_offline_session_replays_the_present_head(account: Account) -> None:
    """12.15: the content of what waited, with the stale head gone."""
    credentials = account.device("t")
    away = Device(account, credentials, "t", clean=False)
    away.subscribe(f"{away.prefix}/notify-next")
    away.vanish()
    account.job("old", "t")
    account.iot.cancel_job(jobId="old")
    account.job("new", "t")
    with connected(account, credentials, "t", clean=False) as device:
        (head,) = _notices(device, "notify-next")
        assert head["execution"]["jobId"] == "new"
        assert device.silent()


@LEVELS
def test_policies_bound_what_a_device_reaches(account: Account, level: int) -> None:
    """12.16 and 8.4: another client id, another thing's topics, a topic of no thing."""
    credentials = account.device("mine")
    account.device("theirs")
    account.job("j", "theirs")
    with pytest.raises(RefusedError):
        Device(account, credentials, "theirs", level=level)
    with connected(account, credentials, "mine", level=level) as device:
        refused = 0x87 if level == 5 else 0x80
        assert device.subscribe("$aws/things/theirs/jobs/notify-next", f"{device.prefix}/notify", "#") == [
            refused,
            1,
            refused,
        ]
        outcome = device.publish("$aws/things/theirs/jobs/start-next", b"{}")
        if level == 5:
            assert outcome == 0x87
            assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
        else:
            assert outcome == -1
            assert device.ended.get(timeout=PATIENCE) != 0
    assert account.counts("j") == {"Queued": 1}


def test_a_device_cannot_forge_notices(account: Account) -> None:
    """2.5: topics of the service, though the policy would allow them."""
    with connected(account, account.device("t"), "t", level=5) as device:
        device.subscribe(f"{device.prefix}/#")
        for topic in ("notify", "notify-next", "start-next/accepted", "j/update/rejected"):
            assert device.publish(f"{device.prefix}/{topic}", b"{}") == 0x87
        assert device.silent()


def test_without_receive_there_is_no_reply(account: Account) -> None:
    """12.16: the request is carried out all the same."""
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["iot:Connect", "iot:Publish"], "Resource": "*"},
            {"Effect": "Allow", "Action": "iot:Receive", "Resource": "arn:aws:iot:*:*:topic/$aws/things/t/jobs/get/*"},
        ],
    }
    account.thing("t")
    credentials = account.register("t")
    account.grant(credentials, "t", account.policy("publish-only", document))
    with connected(account, credentials, "t") as device:
        account.job("j", "t")
        assert device.publish(f"{device.prefix}/start-next", b"{}") == 0
        assert device.silent()
        assert account.counts("j") == {"InProgress": 1}


def test_an_exclusive_thing_needs_no_client_id_of_its_own(account: Account) -> None:
    """12.16 and 8.4: any client id is that thing; attached plainly, only its own."""
    for name in ("plain", "exclusive"):
        account.thing(name)
    account.policy(
        document={
            **LEAST_PRIVILEGE,
            "Statement": [
                {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
                *LEAST_PRIVILEGE["Statement"][1:],
            ],
        }
    )
    plain, exclusive = account.register("plain"), account.register("exclusive")
    account.grant(plain, "plain", "device")
    account.grant(exclusive, "exclusive", "device", thingPrincipalType="EXCLUSIVE_THING")
    with connected(account, exclusive, "agent-7", thing="exclusive", level=5) as device:
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
    with connected(account, plain, "agent-8", thing="plain", level=5) as device:
        assert device.publish(f"{device.prefix}/get", b"{}") == 0x87


@LEVELS
@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_withdrawn_certificate_is_disconnected_and_refused(account: Account, level: int, status: str) -> None:
    """8.5"""
    credentials = account.device("t")
    with connected(account, credentials, "t", level=level) as device:
        account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus=status)
        assert device.ended.get(timeout=PATIENCE) != 0
    with pytest.raises(RefusedError):
        Device(account, credentials, "t", level=level)
    account.iot.update_certificate(certificateId=credentials.certificate_id, newStatus="ACTIVE")
    with connected(account, credentials, "t", level=level) as device:
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}


def test_an_unknown_certificate_gets_no_further_than_tls(account: Account) -> None:
    """2.1: a certificate nobody registered."""
    account.device("t")
    pem, key = account.maker.issue("t")
    with pytest.raises((RefusedError, OSError)):
        Device(account, account.keep("arn:none/none", pem, key), "t")


@LEVELS
def test_a_policy_that_changes_counts_at_once(account: Account, level: int) -> None:
    """8.2: publishing and receiving follow the policies as they are now."""
    credentials = account.device("t")
    with connected(account, credentials, "t", level=level) as device:
        assert device.subscribe(f"{device.prefix}/notify-next") == [1]
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
        account.iot.detach_policy(policyName="device", target=credentials.arn)
        outcome = device.publish(f"{device.prefix}/get", b"{}")
        assert outcome == (0x87 if level == 5 else -1)


def test_accounts_do_not_meet(account: Account) -> None:
    """Two accounts with a thing and a job of the same name."""
    other = Account(account.server, account.maker, account.folder)
    with (
        connected(account, account.device("t"), "t") as ours,
        connected(other, other.device("t"), "t") as theirs,
    ):
        ours.subscribe(f"{ours.prefix}/notify")
        theirs.subscribe(f"{theirs.prefix}/notify")
        account.job("j", "t")
        assert _names(_notices(ours, "notify")[0]["jobs"]) == {"QUEUED": ["j"]}
        assert theirs.accepted("start-next") == {}
        assert theirs.silent()
        ours.accepted("j/update", status="SUCCEEDED")
    with pytest.raises(other.iot.exceptions.ResourceNotFoundException):
        other.iot.describe_job(jobId="j")


@LEVELS
def test_jobs_of_a_namespace_and_others_do_not_see_each_other(account: Account, level: int) -> None:
    """3.1: what Greengrass asks for is what was deployed to Greengrass, however much else waits for the thing."""
    space = "namespace-aws-gg-deployment"
    with connected(account, account.device("core"), "core", level=level) as device:
        assert device.accepted(f"$next/{space}/get") == {}
        account.job("plain", "core")
        assert device.accepted(f"$next/{space}/get") == {}
        account.job("deployment", "core", namespaceId="aws-gg-deployment")
        assert device.accepted(f"$next/{space}/get")["execution"]["jobId"] == "deployment"
        assert device.accepted("$next/get")["execution"]["jobId"] == "plain"
        assert [job["jobId"] for job in device.accepted("get")["queuedJobs"]] == ["plain"]

        assert device.accepted(f"deployment/{space}/get")["execution"]["status"] == "QUEUED"
        assert device.rejected("deployment/get")["code"] == "ResourceNotFound"
        assert device.rejected(f"plain/{space}/get")["code"] == "ResourceNotFound"
        assert device.rejected(f"plain/{space}/update", status="IN_PROGRESS")["code"] == "ResourceNotFound"
        assert device.rejected("deployment/update", status="IN_PROGRESS")["code"] == "ResourceNotFound"

        assert device.accepted(f"deployment/{space}/update", status="SUCCEEDED") == {}
        again = device.rejected(f"deployment/{space}/update", status="SUCCEEDED")
        assert again["code"] == "InvalidStateTransition"
        assert device.rejected("deployment/update", status="SUCCEEDED")["code"] == "ResourceNotFound"
        assert device.accepted("start-next")["execution"]["jobId"] == "plain"
    assert account.counts("deployment") == {"Succeeded": 1}


def test_a_job_of_a_namespace_is_found_over_https_by_its_name(account: Account) -> None:
    """The HTTPS data plane has no member for the namespace."""
    account.thing("core")
    account.job("deployment", "core", namespaceId="aws-gg-deployment")
    assert "execution" not in account.data.describe_job_execution(thingName="core", jobId="$next")
    found = account.data.describe_job_execution(thingName="core", jobId="deployment")
    assert found["execution"]["jobId"] == "deployment"
    account.data.update_job_execution(thingName="core", jobId="deployment", status="SUCCEEDED")
    assert account.counts("deployment") == {"Succeeded": 1}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"status": 5}, "status must be a string."),
        ({"status": "FAILED", "statusDetails": {"a": 1}}, "statusDetails must be a map from strings to strings."),
        ({"status": "FAILED", "statusDetails": []}, "statusDetails must be a map from strings to strings."),
        ({"status": "FAILED", "expectedVersion": True}, "expectedVersion must be a number."),
        ({"status": "FAILED", "expectedVersion": 1.5}, "expectedVersion must be a number."),
        ({"status": "FAILED", "includeJobDocument": "yes"}, "includeJobDocument must be true or false."),
    ],
)
def test_a_member_of_the_wrong_type_is_named(account: Account, members: dict[str, Any], sentence: str) -> None:
    """In words of the protocol, with the client token."""
    with connected(account, account.device("t"), "t") as device:
        assert device.rejected("j/update", **members) == {"code": "InvalidRequest", "message": sentence}


def test_a_document_travels_without_the_white_space_its_author_liked(account: Account) -> None:
    """11.4: devices have small buffers. Members keep their order and their spelling; over HTTPS it is as it was."""
    pretty = '{\n  "z": [1.50, 1e3],\n  "a b": "two  \\u0041 spaces",\n  "n": { }\n}'
    with connected(account, account.device("t"), "t") as device:
        account.iot.create_job(jobId="j", targets=[account.arn("thing/t")], document=pretty)
        account.settle()
        compact = b'"jobDocument":{"z":[1.50,1e3],"a b":"two  \\u0041 spaces","n":{}}'
        assert compact in device.ask("$next/get").payload
        assert device.subscribe(f"{device.prefix}/notify-next") == [1]
        account.iot.create_job(jobId="k", targets=[account.arn("thing/t")], document=pretty)
        account.settle()
        device.publish(f"{device.prefix}/j/update", b'{"status":"SUCCEEDED"}')
        assert device.next().topic.endswith("/accepted")
        assert compact in device.next().payload
    assert account.data.describe_job_execution(thingName="t", jobId="k")["execution"]["jobDocument"] == pretty
