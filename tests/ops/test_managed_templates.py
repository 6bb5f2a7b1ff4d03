"""AWS's managed templates: listed, described, and jobs and templates made from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tidegate.core import managed
from tidegate.wire import iot

HEAD = "arn:aws:iot:eu-west-1::jobtemplate/"
DOWNLOAD = f"{HEAD}AWS-Download-File:1.0"
GIVEN = {"downloadUrl": "https://example.com/a", "filePath": "/tmp/a"}


def target(run: Run) -> list[str]:
    return [run("CreateThing", thing_name="t").thing_arn]


def test_the_whole_catalogue_is_listed(run: Run) -> None:
    listed = run("ListManagedJobTemplates")
    assert [one.template_name for one in listed.managed_job_templates] == list(managed.CATALOGUE)
    assert listed.next_token is None
    reboot = listed.managed_job_templates[0]
    assert reboot == iot.ManagedJobTemplateSummary(
        template_arn=f"{HEAD}AWS-Reboot:1.0",
        template_name="AWS-Reboot",
        description="A managed job template for rebooting the device.",
        environments=["LINUX"],
        template_version="1.0",
    )


def test_pages_of_the_catalogue(run: Run) -> None:
    seen: list[str] = []
    token = None
    for _ in range(3):
        page = run("ListManagedJobTemplates", max_results=3, next_token=token)
        seen += [one.template_name for one in page.managed_job_templates]
        token = page.next_token
    assert token is None
    assert seen == list(managed.CATALOGUE)
    foreign = run("ListManagedJobTemplates", max_results=3).next_token
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListManagedJobTemplates", template_name="AWS-Reboot", next_token=foreign)


def test_a_name_lists_its_versions(run: Run) -> None:
    found = run("ListManagedJobTemplates", template_name="AWS-Reboot").managed_job_templates
    assert [one.template_arn for one in found] == [f"{HEAD}AWS-Reboot:1.0"]
    assert run("ListManagedJobTemplates", template_name="AWS-Dance").managed_job_templates == []


@pytest.mark.parametrize("version", [None, "1.0"])
def test_describe(run: Run, version: str | None) -> None:
    found = run("DescribeManagedJobTemplate", template_name="AWS-Download-File", template_version=version)
    assert (found.template_name, found.template_arn, found.template_version) == ("AWS-Download-File", DOWNLOAD, "1.0")
    assert (found.description, found.environments) == ("A managed job template for downloading a file.", ["LINUX"])
    assert found.document == managed.CATALOGUE["AWS-Download-File"].document
    assert found.document_parameters[2] == iot.DocumentParameter(
        key="runAsUser",
        description="Execute handler as another user. If not specified, then handler is executed as the same user as "
        "device client.",
        regex="(.){0,256}",
        example="user1",
        optional=True,
    )


@pytest.mark.parametrize(("name", "version"), [("AWS-Dance", None), ("AWS-Reboot", "2.0"), ("AWS\u2013Reboot", None)])
def test_describe_what_is_not_there(run: Run, name: str, version: str | None) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match="cannot be found"):
        run("DescribeManagedJobTemplate", template_name=name, template_version=version)


def test_a_job_from_a_managed_template(run: Run) -> None:
    made = run("CreateJob", job_id="j", targets=target(run), job_template_arn=DOWNLOAD, document_parameters=GIVEN)
    assert made.description == "A managed job template for downloading a file."
    document = json.loads(run("GetJobDocument", job_id="j").document)
    assert document["steps"][0]["action"] == {
        "name": "Download-File",
        "type": "runHandler",
        "input": {"handler": "download-file.sh", "args": ["https://example.com/a", "/tmp/a"], "path": ""},
        "runAsUser": "",
    }
    before = run("GetJobDocument", job_id="j", before_substitution=True).document
    assert before == managed.CATALOGUE["AWS-Download-File"].document
    job = run("DescribeJob", job_id="j").job
    assert (job.document_parameters, job.job_template_arn) == (GIVEN, DOWNLOAD)
    assert job.description == "A managed job template for downloading a file."


def test_a_job_may_describe_and_configure_itself(run: Run) -> None:
    timeout = iot.TimeoutConfig(in_progress_timeout_in_minutes=5)
    members: dict[str, Any] = {"description": "mine", "timeout_config": timeout}
    made = run("CreateJob", job_id="j", targets=target(run), job_template_arn=f"{HEAD}AWS-Reboot:1.0", **members)
    assert made.description == "mine"
    assert run("DescribeJob", job_id="j").job.timeout_config == timeout


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"document_parameters": {"downloadUrl": "x"}}, "parameter filePath is required by .* AWS-Download-File"),
        ({}, "downloadUrl is required .*filePath is required"),
        ({"document_parameters": {**GIVEN, "mode": "x"}}, "mode is not a parameter"),
        ({"document_parameters": {**GIVEN, "runAsUser": "u" * 257}}, r"does not match \(\.\)\{0,256\}"),
        ({"document_parameters": GIVEN, "document": "{}"}, "cannot be specified with a managed job template"),
        ({"document_parameters": {**GIVEN, "filePath": "${aws:iot:"}}, "placeholders are not terminated"),
        ({"document_parameters": {**GIVEN, "filePath": "x" * 30_720, "pathToHandler": "p" * 4096}}, "longer than"),
        ({"job_template_arn": f"{HEAD}AWS-Download-File:1.0x", "document_parameters": GIVEN}, "cannot be found"),
        ({"job_template_arn": f"{HEAD}AWS-Download-File", "document_parameters": GIVEN}, "cannot be found"),
        (
            {"job_template_arn": "arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0"},
            "not the ARN of a job template of this account and region",
        ),
        (
            {"job_template_arn": None, "document": "{}", "document_parameters": GIVEN},
            "^Document parameters are only supported for managed job templates.$",
        ),
    ],
)
def test_what_is_refused(run: Run, members: dict[str, Any], text: str) -> None:
    things = target(run)
    wanted = {"job_id": "j", "targets": things, "job_template_arn": DOWNLOAD, **members}
    with pytest.raises((iot.InvalidRequestException, iot.ResourceNotFoundException), match=text):
        run("CreateJob", **wanted)
    assert run("ListJobs").jobs == []


def test_parameters_are_not_for_custom_templates(run: Run) -> None:
    arn = run("CreateJobTemplate", job_template_id="x", description="d", document="{}").job_template_arn
    with pytest.raises(iot.InvalidRequestException, match="only supported for managed job templates"):
        run("CreateJob", job_id="j", targets=target(run), job_template_arn=arn, document_parameters=GIVEN)


def test_a_template_made_from_such_a_job_has_its_parameters_in_place(run: Run) -> None:
    things = target(run)
    value = {**GIVEN, "filePath": 'a "quoted" \\ ${aws:iot:parameter:downloadUrl}'}
    job = run("CreateJob", job_id="j", targets=things, job_template_arn=DOWNLOAD, document_parameters=value).job_arn
    arn = run("CreateJobTemplate", job_template_id="x", description="d", job_arn=job).job_template_arn
    document = run("GetJobDocument", job_id="j").document
    assert run("DescribeJobTemplate", job_template_id="x").document == document
    run("CreateJob", job_id="again", targets=things, job_template_arn=arn)
    assert run("GetJobDocument", job_id="again").document == document
    assert run("GetJobDocument", job_id="again", before_substitution=True).document == document
    again = run("DescribeJob", job_id="again").job.job_arn
    run("CreateJobTemplate", job_template_id="y", description="d", job_arn=again)
    assert run("DescribeJobTemplate", job_template_id="y").document == document
