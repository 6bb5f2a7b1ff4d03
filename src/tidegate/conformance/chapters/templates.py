"""Job templates, AWS's own among them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tidegate.conformance.assertions import absent, holds, same
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import CHOICE, DOCUMENT, MODEL, REPORT, THIRD_HAND, Chapter

chapter = Chapter("templates")
expects = chapter.expects
WHOLE: dict[str, Any] = {
    "presignedUrlConfig": {"roleArn": "arn:aws:iam::123456789012:role/presigner", "expiresInSec": 600},
    "jobExecutionsRolloutConfig": {
        "maximumPerMinute": 100,
        "exponentialRate": {
            "baseRatePerMinute": 10,
            "incrementFactor": 1.5,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 50},
        },
    },
    "abortConfig": {
        "criteriaList": [
            {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 12.5, "minNumberOfExecutedThings": 8}
        ]
    },
    "timeoutConfig": {"inProgressTimeoutInMinutes": 90},
    "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 3}]},
    "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}],
}


def _kept(at: Endpoint, member: str) -> None:
    name, _ = at.template(**{member: WHOLE[member]})
    same(at.ask("iot", "DescribeJobTemplate", jobTemplateId=name).get(member), WHOLE[member], member)


@expects("create", "CreateJobTemplate answers with the template's id and an ARN that ends in it", "control 3", MODEL)
def _(at: Endpoint) -> None:
    name = at.name("template")
    answer = at.ask("iot", "CreateJobTemplate", jobTemplateId=name, description="d", document="{}")
    at.later(lambda: at.iot.delete_job_template(jobTemplateId=name))
    same(answer.get("jobTemplateId"), name, "jobTemplateId")
    holds(str(answer.get("jobTemplateArn")).endswith(f":jobtemplate/{name}"), f"an ARN …:jobtemplate/{name}", answer)


for _member in WHOLE:
    chapter.expects(f"keeps-{_member}", f"DescribeJobTemplate returns {_member} as it was given", "control 3.1", MODEL)(
        partial(_kept, member=_member)
    )


@expects(
    "document-verbatim", "A template's document comes back byte for byte, white space included", "control 5.1", CHOICE
)
def _(at: Endpoint) -> None:
    document = '{ "b" : 1,\n  "a" : [ 1.50, "ü" ] }'
    name, _ = at.template(document=document)
    same(at.ask("iot", "DescribeJobTemplate", jobTemplateId=name).get("document"), document, "document")


@expects("created-at", "A template has the time of its creation and no time of a last update", "control 3.1", MODEL)
def _(at: Endpoint) -> None:
    name, _ = at.template()
    found = at.ask("iot", "DescribeJobTemplate", jobTemplateId=name)
    holds("createdAt" in found, "createdAt", found)
    absent(found, ["lastUpdatedAt", "version"])


@expects(
    "conflict",
    "A second template of an id is refused with ConflictException, not ResourceAlreadyExists",
    "control 3.4",
    MODEL,
)
def _(at: Endpoint) -> None:
    name, _ = at.template()
    more = {"jobTemplateId": name, "description": "other", "document": "{}"}
    found = at.refused("iot", "CreateJobTemplate", "ConflictException", 409, **more)
    same(found.body.get("resourceId"), name, "resourceId in the error")


@expects(
    "conflict-text", "The refusal of a second template says `Job Template x already exists.`", "control 3.4", THIRD_HAND
)
def _(at: Endpoint) -> None:
    name, _ = at.template()
    found = at.refused(
        "iot", "CreateJobTemplate", "ConflictException", 409, jobTemplateId=name, description="d", document="{}"
    )
    same(found.message, f"Job Template {name} already exists.", "message")


@expects("repeat-conflicts", "An identical repeat of CreateJobTemplate is refused, too", "control 3.4", CHOICE)
def _(at: Endpoint) -> None:
    name, _ = at.template()
    at.refused("iot", "CreateJobTemplate", "ConflictException", 409, jobTemplateId=name, description="d", document="{}")


@expects("unknown", "DescribeJobTemplate of an unknown id is a 404", "control 3.4", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "DescribeJobTemplate", "ResourceNotFoundException", 404, jobTemplateId=at.name())


@expects("unknown-text", "The 404 says `Job Template x cannot be found.`", "control 3.4", THIRD_HAND)
def _(at: Endpoint) -> None:
    name = at.name()
    found = at.refused("iot", "DescribeJobTemplate", "ResourceNotFoundException", 404, jobTemplateId=name)
    same(found.message, f"Job Template {name} cannot be found.", "message")


@expects("delete-unknown", "DeleteJobTemplate of an unknown id is a 404", "control 3.4", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "DeleteJobTemplate", "ResourceNotFoundException", 404, jobTemplateId=at.name())


@expects("delete", "A deleted template is gone at once", "control 3.4", MODEL)
def _(at: Endpoint) -> None:
    name, _ = at.template()
    at.ask("iot", "DeleteJobTemplate", jobTemplateId=name)
    at.refused("iot", "DescribeJobTemplate", "ResourceNotFoundException", 404, jobTemplateId=name)


@expects("no-document", "A template without document, source and job is refused", "control 3.2", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "CreateJobTemplate", "InvalidRequestException", 400, jobTemplateId=at.name(), description="d")


@expects(
    "no-document-text", "… with `Neither job document nor job document source is specified.`", "control 3.2", THIRD_HAND
)
def _(at: Endpoint) -> None:
    found = at.refused(
        "iot", "CreateJobTemplate", "InvalidRequestException", 400, jobTemplateId=at.name(), description="d"
    )
    same(found.message, "Neither job document nor job document source is specified.", "message")


@expects("two-documents", "Document and source together are refused", "control 3.2", THIRD_HAND)
def _(at: Endpoint) -> None:
    both = {"document": "{}", "documentSource": "https://s3.amazonaws.com/bucket/key"}
    found = at.refused(
        "iot", "CreateJobTemplate", "InvalidRequestException", 400, jobTemplateId=at.name(), description="d", **both
    )
    expected = "Job document and job document source cannot be specified at the same time."
    same(found.message, expected, "message")


@expects("not-json", "A document that is not JSON is refused", "control 3.2", DOCUMENT)
def _(at: Endpoint) -> None:
    at.refused(
        "iot",
        "CreateJobTemplate",
        "InvalidRequestException",
        400,
        jobTemplateId=at.name(),
        description="d",
        document="{no json",
    )


@expects("too-large", "A document of more than 32,768 characters is refused", "control 3.2", MODEL)
def _(at: Endpoint) -> None:
    large = json.dumps({"x": "a" * 32768})
    at.refused(
        "iot",
        "CreateJobTemplate",
        "InvalidRequestException",
        400,
        jobTemplateId=at.name(),
        description="d",
        document=large,
    )


@expects("largest", "A document of exactly 32,768 characters is taken", "control 3.2", MODEL)
def _(at: Endpoint) -> None:
    at.template(document='{"x":"' + "a" * (32768 - 8) + '"}')


@expects("from-job", "A template made from a job has the job's document and configurations", "control 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    rollout = {"maximumPerMinute": 7}
    job = at.job(document='{"from":"job"}', jobExecutionsRolloutConfig=rollout)
    arn = at.described(job)["jobArn"]
    name, _ = at.template(jobArn=arn)
    found = at.ask("iot", "DescribeJobTemplate", jobTemplateId=name)
    same(found.get("document"), '{"from":"job"}', "document")
    same(found.get("jobExecutionsRolloutConfig"), rollout, "jobExecutionsRolloutConfig")


@expects("from-job-override", "What is passed beside the job's ARN replaces what the job has", "control 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    job = at.job(jobExecutionsRolloutConfig={"maximumPerMinute": 7})
    other = {"maximumPerMinute": 9}
    name, _ = at.template(jobArn=at.described(job)["jobArn"], jobExecutionsRolloutConfig=other)
    found = at.ask("iot", "DescribeJobTemplate", jobTemplateId=name)
    same(found.get("jobExecutionsRolloutConfig"), other, "jobExecutionsRolloutConfig")


@expects("from-unknown-job", "A template from an unknown job is a 404", "control 3.3", REPORT)
def _(at: Endpoint) -> None:
    job = at.job()
    arn = at.described(job)["jobArn"].rpartition("/")[0] + "/" + at.name()
    at.refused(
        "iot",
        "CreateJobTemplate",
        "ResourceNotFoundException",
        404,
        jobTemplateId=at.name(),
        description="d",
        jobArn=arn,
    )


@expects(
    "list", "ListJobTemplates has the template's ARN, id, description and time, and no document", "control 3.2", MODEL
)
def _(at: Endpoint) -> None:
    name, arn = at.template(description="told")
    found = [each for each in _listed(at) if each["jobTemplateId"] == name]
    holds(len(found) == 1, f"one entry for {name}", found)
    same((found[0].get("jobTemplateArn"), found[0].get("description")), (arn, "told"), "ARN and description")
    absent(found[0], ["document"])


def _listed(at: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = at.ask("iot", "ListJobTemplates", **more)
        found += answer.get("jobTemplates", [])
        if not answer.get("nextToken"):
            return found
        more = {"nextToken": answer["nextToken"]}


@expects(
    "pages", "ListJobTemplates comes in pages of the size that is asked for, each entry once", "control 1.7", MODEL
)
def _(at: Endpoint) -> None:
    names = {at.template()[0] for _ in range(3)}
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = at.ask("iot", "ListJobTemplates", maxResults=1, **more)
        page = [each["jobTemplateId"] for each in answer.get("jobTemplates", [])]
        holds(len(page) <= 1, "at most one entry a page", page)
        seen += page
        if not answer.get("nextToken"):
            break
        more = {"nextToken": answer["nextToken"]}
    holds(names <= set(seen), f"all of {sorted(names)}", seen)
    same(len(seen), len(set(seen)), "number of entries")


@expects("foreign-token", "A page token that nobody was given is refused", "control 1.7", CHOICE)
def _(at: Endpoint) -> None:
    at.refused("iot", "ListJobTemplates", "InvalidRequestException", 400, nextToken="bm9uZSBvZiBvdXJz")


# -- jobs from templates ----------------------------------------------------------------------------------------------


@expects(
    "job-inherits", "A job from a template has the template's configurations and document", "control 6.2", DOCUMENT
)
def _(at: Endpoint) -> None:
    members = ("jobExecutionsRolloutConfig", "abortConfig", "timeoutConfig", "jobExecutionsRetryConfig")
    _, arn = at.template(document='{"t":1}', **{name: WHOLE[name] for name in members})
    job = at.job(jobTemplateArn=arn)
    found = at.described(job)
    for member in members:
        same(found.get(member), WHOLE[member], member)
    same(found.get("jobTemplateArn"), arn, "jobTemplateArn")
    same(at.ask("iot", "GetJobDocument", jobId=job).get("document"), '{"t":1}', "document")


@expects("job-overrides", "What CreateJob passes replaces the template's as a whole", "control 6.2", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn = at.template(
        jobExecutionsRolloutConfig=WHOLE["jobExecutionsRolloutConfig"], timeoutConfig={"inProgressTimeoutInMinutes": 5}
    )
    job = at.job(jobTemplateArn=arn, jobExecutionsRolloutConfig={"maximumPerMinute": 3})
    found = at.described(job)
    same(found.get("jobExecutionsRolloutConfig"), {"maximumPerMinute": 3}, "jobExecutionsRolloutConfig")
    same(found.get("timeoutConfig"), {"inProgressTimeoutInMinutes": 5}, "timeoutConfig")


@expects("job-document", "A document beside a template replaces the template's", "control 6.2", CHOICE)
def _(at: Endpoint) -> None:
    _, arn = at.template(document='{"t":1}')
    job = at.job(jobTemplateArn=arn, document='{"own":1}')
    same(at.ask("iot", "GetJobDocument", jobId=job).get("document"), '{"own":1}', "document")


@expects("job-outlives", "A job is not changed by the deletion of its template", "control 3.4", CHOICE)
def _(at: Endpoint) -> None:
    name, arn = at.template(document='{"t":1}', timeoutConfig={"inProgressTimeoutInMinutes": 5})
    job = at.job(jobTemplateArn=arn)
    at.ask("iot", "DeleteJobTemplate", jobTemplateId=name)
    same(at.described(job).get("jobTemplateArn"), arn, "jobTemplateArn")
    same(at.ask("iot", "GetJobDocument", jobId=job).get("document"), '{"t":1}', "document")


@expects("job-of-unknown", "A job from an unknown template is a 404", "control 6.1", THIRD_HAND)
def _(at: Endpoint) -> None:
    _, arn = at.template()
    thing = at.thing_arn(at.thing())
    gone = arn.rpartition("/")[0] + "/" + at.name()
    at.refused(
        "iot", "CreateJob", "ResourceNotFoundException", 404, jobId=at.name(), targets=[thing], jobTemplateArn=gone
    )


# -- AWS's own --------------------------------------------------------------------------------------------------------

MANAGED = (
    *("AWS-Reboot", "AWS-Download-File", "AWS-Install-Application", "AWS-Remove-Application"),
    *("AWS-Start-Application", "AWS-Stop-Application", "AWS-Restart-Application", "AWS-Run-Command"),
)
REQUIRED = {
    "AWS-Reboot": [],
    "AWS-Download-File": ["downloadUrl", "filePath"],
    "AWS-Run-Command": ["command"],
    **{f"AWS-{each}-Application": ["packages"] for each in ("Install", "Remove")},
    **{f"AWS-{each}-Application": ["services"] for each in ("Start", "Stop", "Restart")},
}


def _managed(at: Endpoint, name: str) -> None:
    found = at.ask("iot", "DescribeManagedJobTemplate", templateName=name)
    same(found.get("templateVersion"), "1.0", "templateVersion")
    holds(str(found.get("templateArn")).endswith(f"::jobtemplate/{name}:1.0"), "an ARN without an account", found)
    json.loads(found["document"])


def _required(at: Endpoint, name: str) -> None:
    found = at.ask("iot", "DescribeManagedJobTemplate", templateName=name)
    required = sorted(each["key"] for each in found.get("documentParameters", []) if not each.get("optional"))
    same(required, sorted(REQUIRED[name]), "required documentParameters")


for _name in MANAGED:
    chapter.expects(
        f"managed-{_name}", f"{_name} is there, version 1.0, with a JSON document", "control 4.2", DOCUMENT
    )(partial(_managed, name=_name))
    chapter.expects(
        f"managed-{_name}-parameters",
        f"{_name} needs {', '.join(REQUIRED[_name]) or 'nothing'}",
        "control 4.2",
        DOCUMENT,
    )(partial(_required, name=_name))


@expects("managed-list", "ListManagedJobTemplates has all eight", "control 4.1", DOCUMENT)
def _(at: Endpoint) -> None:
    found = {each["templateName"] for each in at.ask("iot", "ListManagedJobTemplates").get("managedJobTemplates", [])}
    holds(set(MANAGED) <= found, f"all of {', '.join(MANAGED)}", sorted(found))


@expects("managed-unknown", "DescribeManagedJobTemplate of an unknown name is a 404", "control 4.1", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "DescribeManagedJobTemplate", "ResourceNotFoundException", 404, templateName="AWS-Nothing")


def _from_managed(at: Endpoint, name: str, **parameters: str) -> str:
    arn = at.ask("iot", "DescribeManagedJobTemplate", templateName=name)["templateArn"]
    return at.job(jobTemplateArn=arn, documentParameters=parameters)


@expects("managed-job", "A job from a managed template has its parameters replaced", "control 4.3", DOCUMENT)
def _(at: Endpoint) -> None:
    job = _from_managed(at, "AWS-Run-Command", command="ls,-l", runAsUser="user1")
    document = at.ask("iot", "GetJobDocument", jobId=job)["document"]
    action = json.loads(document)["steps"][0]["action"]
    same((action["input"]["command"], action["runAsUser"]), ("ls,-l", "user1"), "command and runAsUser")


@expects("managed-before", "GetJobDocument with beforeSubstitution shows the placeholders", "control 5.1", DOCUMENT)
def _(at: Endpoint) -> None:
    job = _from_managed(at, "AWS-Run-Command", command="ls")
    found = at.ask("iot", "GetJobDocument", jobId=job, beforeSubstitution=True).get("document", "")
    holds("${aws:iot:parameter:command}" in found, "${aws:iot:parameter:command}", found)


@expects("managed-optional", "An optional parameter that is left out becomes an empty string", "control 4.3", DOCUMENT)
def _(at: Endpoint) -> None:
    job = _from_managed(at, "AWS-Run-Command", command="ls")
    document = json.loads(at.ask("iot", "GetJobDocument", jobId=job)["document"])
    same(document["steps"][0]["action"].get("runAsUser"), "", "runAsUser")


@expects("managed-missing", "A required parameter that is left out is refused", "control 4.3", CHOICE)
def _(at: Endpoint) -> None:
    arn = at.ask("iot", "DescribeManagedJobTemplate", templateName="AWS-Run-Command")["templateArn"]
    thing = at.thing_arn(at.thing())
    at.refused("iot", "CreateJob", "InvalidRequestException", 400, jobId=at.name(), targets=[thing], jobTemplateArn=arn)


@expects("parameters-elsewhere", "documentParameters without a managed template are refused", "control 4.3", REPORT)
def _(at: Endpoint) -> None:
    thing = at.thing_arn(at.thing())
    found = at.refused(
        "iot",
        "CreateJob",
        "InvalidRequestException",
        400,
        jobId=at.name(),
        targets=[thing],
        document="{}",
        documentParameters={"a": "b"},
    )
    same(found.message, "Document parameters are only supported for managed job templates.", "message")
