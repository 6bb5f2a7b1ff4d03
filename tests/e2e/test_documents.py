"""Documents on their way to devices over MQTT and HTTPS, and managed templates by the AWS CLI; on each store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import cli
from tests.e2e.fleet import REGION, Account
from tests.e2e.mqtt import connected
from tests.shelf import Shelf, Signed
from tidegate.core.location import Fault, Location

OBJECT = "${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/bucket/fw.bin}"
UPLOAD = "${aws:iot:s3-presigned-url-upload:https://s3.eu-west-1.amazonaws.com/logs/${thingName}/${jobId}}"
ROLE = {"presignedUrlConfig": {"roleArn": "arn:aws:iam::123456789012:role/presign"}}


@pytest.fixture
def shelf(either_account: Account) -> Iterator[Shelf]:
    """Object storage for the server while the test runs."""
    with either_account.server.storing(Shelf()) as shelf:
        yield shelf


def test_a_device_is_told_of_one_document_whichever_way_it_asks(either_account: Account, shelf: Shelf) -> None:
    account = either_account
    with connected(account, account.device("t:1"), "t:1") as device:
        assert device.subscribe(f"{device.prefix}/notify-next") == [1]
        account.job("j", "t:1", document={"u": OBJECT, "up": UPLOAD, "n": 1.50}, **ROLE)
        told = device.next().body["execution"]["jobDocument"]
        assert (Signed(told["u"]).method, Signed(told["u"]).path) == ("GET", "/bucket/fw.bin")
        assert (Signed(told["up"]).method, Signed(told["up"]).path) == ("PUT", "/logs/t%3A1/j")
        assert device.accepted("$next/get")["execution"]["jobDocument"] == told
        assert device.accepted("start-next")["execution"]["jobDocument"] == told
        assert device.accepted("j/get")["execution"]["jobDocument"] == told
        assert device.accepted("j/update", status="IN_PROGRESS", includeJobDocument=True)["jobDocument"] == told
    over_http = account.data.start_next_pending_job_execution(thingName="t:1")["execution"]["jobDocument"]
    assert json.loads(over_http) == told
    assert OBJECT in account.iot.get_job_document(jobId="j")["document"]


def test_a_device_never_gets_a_raw_document(either_account: Account, shelf: Shelf) -> None:
    account = either_account
    with connected(account, account.device("t"), "t") as device:
        assert device.subscribe(f"{device.prefix}/notify", f"{device.prefix}/notify-next") == [1, 1]
        shelf.broken = True
        account.job("j", "t", document={"u": OBJECT}, **ROLE)
        assert device.next().topic.endswith("/notify")
        assert device.rejected("start-next")["code"] == "InternalError"
        assert device.rejected("j/get")["code"] == "InternalError"
        assert device.rejected("j/update", status="IN_PROGRESS", includeJobDocument=True)["code"] == "InternalError"
        assert [one["versionNumber"] for one in device.accepted("get")["queuedJobs"]] == [1]
        shelf.broken = False
        assert device.accepted("start-next")["execution"]["versionNumber"] == 2


def test_a_document_is_fetched_for_each_job(either_account: Account, shelf: Shelf) -> None:
    account, iot = either_account, either_account.iot
    source, place = "https://bucket.s3.eu-west-1.amazonaws.com/doc.json", Location("bucket", "doc.json")
    with pytest.raises(iot.exceptions.InvalidRequestException, match="cannot be found"):
        iot.create_job_template(jobTemplateId="x", description="d", documentSource=source)
    for version in (1, 2):
        shelf.on[place] = json.dumps({"version": version}).encode()
        if version == 1:
            made = iot.create_job_template(jobTemplateId="x", description="d", documentSource=source)
        wanted = {"targets": [account.thing("t")], "jobTemplateArn": made["jobTemplateArn"]}
        iot.create_job(jobId=f"j{version}", **wanted)
    found = [json.loads(iot.get_job_document(jobId=name)["document"]) for name in ("j1", "j2")]
    assert found == [{"version": 1}, {"version": 2}]
    assert iot.describe_job(jobId="j2")["documentSource"] == source
    shelf.on[place] = Fault.DENIED
    with pytest.raises(iot.exceptions.InvalidRequestException, match=r"Access to job document source .* is denied"):
        iot.create_job(jobId="j3", **wanted)


def test_managed_templates_by_the_cli(
    either_account: Account, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The walk of AWS's guide."""
    account = either_account
    aws = cli.aws(account.server, monkeypatch, capfd)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.id)

    def answered(*arguments: str) -> Any:
        code, output, errors = aws("iot", "--region", REGION, *arguments)
        assert code == 0, errors
        return json.loads(output)

    listed = answered("list-managed-job-templates")
    assert listed["managedJobTemplates"][0]["templateArn"] == f"arn:aws:iot:{REGION}::jobtemplate/AWS-Reboot:1.0"
    described = answered("describe-managed-job-template", "--template-name", "AWS-Download-File")
    assert [one["key"] for one in described["documentParameters"]][:2] == ["downloadUrl", "filePath"]
    made = answered(
        *("create-job", "--job-id", "new-managed-template-job", "--targets", account.thing("thingOne")),
        *("--job-template-arn", described["templateArn"]),
        *("--document-parameters", "downloadUrl=https://example.com/index.html,filePath=path/to/file"),
    )
    assert made["description"] == "A managed job template for downloading a file."
    code, _, errors = aws(
        *("iot", "--region", REGION, "create-job", "--job-id", "j", "--targets", account.arn("thing/thingOne")),
        *("--job-template-arn", described["templateArn"], "--document-parameters", "filePath=x"),
    )
    assert code != 0
    assert "An error occurred (InvalidRequestException) when calling the CreateJob operation" in errors
    assert "downloadUrl is required" in errors
