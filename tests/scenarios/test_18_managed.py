"""Worked scenario 18 of control reference 23: AWS's managed templates."""

from __future__ import annotations

import json

import pytest

from tests.e2e.fleet import REGION
from tests.scenarios.scene import Scene, refused


@pytest.fixture
def way() -> str:
    """These need the server."""
    return "server"


TEMPLATE = f"arn:aws:iot:{REGION}::jobtemplate/AWS-Download-File:1.0"


def test_18_managed(scene: Scene) -> None:
    targets = scene.things(1)
    parameters = {"downloadUrl": "https://example.com/index.html", "filePath": "/tmp/index.html"}
    wanted = {"targets": targets, "jobTemplateArn": TEMPLATE}
    made = scene.iot.create_job(jobId="j", documentParameters=parameters, **wanted)
    assert made["description"] == "A managed job template for downloading a file."
    document = scene.iot.get_job_document(jobId="j")["document"]
    assert '"runAsUser":""' in document
    assert "${aws:iot:parameter" not in document
    before = scene.iot.get_job_document(jobId="j", beforeSubstitution=True)["document"]
    assert '"runAsUser":"${aws:iot:parameter:runAsUser}"' in before
    assert scene.described()["documentParameters"] == parameters
    scene.settle()
    assert json.loads(scene.start("t1")["jobDocument"]) == json.loads(document)

    del parameters["filePath"]
    answer = refused(scene.iot.create_job, jobId="k", documentParameters=parameters, **wanted)
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    custom = scene.iot.create_job_template(jobTemplateId="x", description="d", document="{}")["jobTemplateArn"]
    wanted = {"targets": targets, "jobTemplateArn": custom}
    answer = refused(scene.iot.create_job, jobId="k", documentParameters=parameters, **wanted)
    assert (answer.status, answer.message) == (
        400,
        "Document parameters are only supported for managed job templates.",
    )


def test_18_the_catalogue(scene: Scene) -> None:
    pages = scene.iot.get_paginator("list_managed_job_templates").paginate(PaginationConfig={"PageSize": 3})
    listed = [one for page in pages for one in page["managedJobTemplates"]]
    assert len(listed) == 8
    for one in listed:
        described = scene.iot.describe_managed_job_template(templateName=one["templateName"])
        assert described["templateArn"] == one["templateArn"]
        assert all(
            f"${{aws:iot:parameter:{known['key']}}}" in described["document"]
            for known in described["documentParameters"]
        )


def test_18_a_custom_template_of_a_managed_one(scene: Scene) -> None:
    targets = scene.things(1)
    arn = f"arn:aws:iot:{REGION}::jobtemplate/AWS-Run-Command:1.0"
    scene.iot.create_job(jobId="j", targets=targets, jobTemplateArn=arn, documentParameters={"command": "ls,-l"})
    made = scene.iot.create_job_template(jobTemplateId="x", description="d", jobArn=scene.arn("job/j"))
    scene.iot.create_job(jobId="again", targets=targets, jobTemplateArn=made["jobTemplateArn"])
    documents = [scene.iot.get_job_document(jobId=name)["document"] for name in ("j", "again")]
    assert documents[0] == documents[1]
    assert json.loads(documents[0])["steps"][0]["action"]["input"] == {"command": "ls,-l"}
