"""Things, types, groups, tags, packages, the index, and how all of it is told on the wire."""

from __future__ import annotations

from typing import Any

from tidegate.conformance.assertions import absent, holds, same
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import CHOICE, DOCUMENT, MODEL, REPORT, Chapter

chapter = Chapter("registry")
expects = chapter.expects


# -- things -----------------------------------------------------------------------------------------------------------


@expects(
    "thing", "A thing has a name, an id, an ARN, version 1 and its name as default client id", "control 17.1", MODEL
)
def _(at: Endpoint) -> None:
    name = at.thing()
    found = at.ask("iot", "DescribeThing", thingName=name)
    same((found["thingName"], found["version"], found["defaultClientId"]), (name, 1, name), "name, version, client id")
    holds(found["thingArn"].endswith(f":thing/{name}") and found["thingId"], "ARN and id", found)


@expects("thing-again", "Creating a thing again, the same, is a 200 with the same id", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    name = at.name("thing")
    first = at.ask("iot", "CreateThing", thingName=name)
    at.later(lambda: at.iot.delete_thing(thingName=name))
    same(at.ask("iot", "CreateThing", thingName=name).get("thingId"), first.get("thingId"), "thingId")


@expects("thing-other", "Creating it with other attributes is a 409", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    name = at.thing()
    more = {"thingName": name, "attributePayload": {"attributes": {"a": "b"}}}
    at.refused("iot", "CreateThing", "ResourceAlreadyExistsException", 409, **more)


@expects("thing-delete-unknown", "Deleting a thing that is not there is a 200", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    at.ask("iot", "DeleteThing", thingName=at.name())


@expects("thing-unknown", "Describing a thing that is not there is a 404", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "DescribeThing", "ResourceNotFoundException", 404, thingName=at.name())


def _attributes(at: Endpoint, name: str) -> Any:
    return at.ask("iot", "DescribeThing", thingName=name).get("attributes", {})


@expects("attributes-replaced", "attributePayload without merge replaces all attributes", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    name = at.thing(attributePayload={"attributes": {"a": "1", "b": "2"}})
    at.ask("iot", "UpdateThing", thingName=name, attributePayload={"attributes": {"c": "3"}})
    same(_attributes(at, name), {"c": "3"}, "attributes")


@expects("attributes-merged", "… and with merge adds; an empty value takes one away", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    name = at.thing(attributePayload={"attributes": {"a": "1", "b": "2"}})
    at.ask("iot", "UpdateThing", thingName=name, attributePayload={"attributes": {"c": "3", "a": ""}, "merge": True})
    same(_attributes(at, name), {"b": "2", "c": "3"}, "attributes")


@expects("attributes-three", "A thing without a type has three attributes at most", "control 17.1", DOCUMENT)
def _(at: Endpoint) -> None:
    attributes = {f"a{number}": "v" for number in range(4)}
    more = {"thingName": at.name(), "attributePayload": {"attributes": attributes}}
    at.refused("iot", "CreateThing", "InvalidRequestException", 400, **more)


@expects("attributes-spaces", "An attribute's value has no spaces", "control 17.1", MODEL)
def _(at: Endpoint) -> None:
    more = {"thingName": at.name(), "attributePayload": {"attributes": {"a": "b c"}}}
    at.refused("iot", "CreateThing", "InvalidRequestException", 400, **more)


@expects("thing-version", "An update counts the version up", "control 17", REPORT)
def _(at: Endpoint) -> None:
    name = at.thing()
    at.ask("iot", "UpdateThing", thingName=name, attributePayload={"attributes": {"a": "1"}})
    same(at.ask("iot", "DescribeThing", thingName=name)["version"], 2, "version")


@expects("thing-expected-version", "Another expectedVersion is a VersionConflictException", "control 17", MODEL)
def _(at: Endpoint) -> None:
    name = at.thing()
    more = {"thingName": name, "expectedVersion": 9, "attributePayload": {"attributes": {"a": "1"}}}
    found = at.refused("iot", "UpdateThing", "VersionConflictException", 409, **more)
    same(found.message, f"The version for thing {name} does not match the expected version.", "message")


# -- types ------------------------------------------------------------------------------------------------------------


@expects("type-delete", "A thing type that is not deprecated cannot be deleted", "control 17.2", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.name("type")
    at.ask("iot", "CreateThingType", thingTypeName=name)
    at.refused("iot", "DeleteThingType", "InvalidRequestException", 400, thingTypeName=name)
    at.ask("iot", "DeprecateThingType", thingTypeName=name)
    found = at.refused("iot", "DeleteThingType", "InvalidRequestException", 400, thingTypeName=name)
    holds("Please wait for 5 minutes after deprecation and then retry" in found.message, "the wait of 5 minutes", found)


@expects("type-deprecated", "New things of a deprecated type are refused", "control 17.2", REPORT)
def _(at: Endpoint) -> None:
    name = at.name("type")
    at.ask("iot", "CreateThingType", thingTypeName=name)
    at.ask("iot", "DeprecateThingType", thingTypeName=name)
    at.refused("iot", "CreateThing", "InvalidRequestException", 400, thingName=at.name(), thingTypeName=name)


# -- groups -----------------------------------------------------------------------------------------------------------


@expects("group-again", "Creating a group again, the same, is a 200", "control 17.3", REPORT)
def _(at: Endpoint) -> None:
    name, arn, _ = at.group()
    same(at.ask("iot", "CreateThingGroup", thingGroupName=name).get("thingGroupArn"), arn, "thingGroupArn")


@expects("group-other", "… and with other properties a 409 with AWS's sentence", "control 17.3", REPORT)
def _(at: Endpoint) -> None:
    name, _, _ = at.group()
    more = {"thingGroupName": name, "thingGroupProperties": {"thingGroupDescription": "other"}}
    found = at.refused("iot", "CreateThingGroup", "ResourceAlreadyExistsException", 409, **more)
    expected = f"Thing Group {name} already exists in current account with different properties"
    same(found.message, expected, "message")


@expects("group-parents", "rootToParentThingGroups has the way from the root", "control 17.3", MODEL)
def _(at: Endpoint) -> None:
    root, _, _ = at.group()
    middle, _, _ = at.group(parentGroupName=root)
    leaf, _, _ = at.group(parentGroupName=middle)
    found = at.ask("iot", "DescribeThingGroup", thingGroupName=leaf)["thingGroupMetadata"]
    names = [each["groupName"] for each in found["rootToParentThingGroups"]]
    same((names, found["parentGroupName"]), ([root, middle], middle), "way and parent")


@expects("group-with-children", "A group with children cannot be deleted", "control 17.3", REPORT)
def _(at: Endpoint) -> None:
    root, _, _ = at.group()
    at.group(parentGroupName=root)
    found = at.refused("iot", "DeleteThingGroup", "InvalidRequestException", 400, thingGroupName=root)
    expected = f"Cannot delete thing group : {root} when there are still child groups attached to it"
    same(found.message, expected, "message")


@expects("group-add-twice", "Adding a thing twice is a 200", "control 17.3", DOCUMENT)
def _(at: Endpoint) -> None:
    name, _, [thing] = at.group(1)
    at.join(name, thing)
    found = at.ask("iot", "ListThingsInThingGroup", thingGroupName=name)["things"]
    same(found, [thing], "things")


@expects("group-recursive", "ListThingsInThingGroup goes down when it is told to", "control 17.3", MODEL)
def _(at: Endpoint) -> None:
    root, _, [above] = at.group(1)
    _, _, [below] = at.group(1, parentGroupName=root)
    found = [
        at.ask("iot", "ListThingsInThingGroup", thingGroupName=root, recursive=recursive)["things"]
        for recursive in (False, True)
    ]
    same((found[0], sorted(found[1])), ([above], sorted([above, below])), "things")


@expects("group-same-hierarchy", "A thing is not in two groups of one hierarchy", "control 17.3", DOCUMENT)
def _(at: Endpoint) -> None:
    root, _, [thing] = at.group(1)
    child, _, _ = at.group(parentGroupName=root)
    more = {"thingGroupName": child, "thingName": thing}
    at.refused("iot", "AddThingToThingGroup", "InvalidRequestException", 400, **more)


@expects(
    "group-neither",
    "Neither name nor ARN is refused with AWS's sentence, its leading space included",
    "control 17.3",
    REPORT,
)
def _(at: Endpoint) -> None:
    found = at.refused("iot", "AddThingToThingGroup", "InvalidRequestException", 400, thingName=at.thing())
    expected = " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them"
    same(found.message, expected, "message")


@expects("group-depth", "Groups go seven deep", "control 17.3", DOCUMENT)
def _(at: Endpoint) -> None:
    name, _, _ = at.group()
    for _ in range(6):
        name, _, _ = at.group(parentGroupName=name)
    more = {"thingGroupName": at.name(), "parentGroupName": name}
    answer = at._call("iot", "CreateThingGroup", more)
    holds(not isinstance(answer, dict), "a refusal of the eighth", answer)


@expects("billing-group-missing", "Neither name nor ARN of a billing group is refused", "control 17.5", REPORT)
def _(at: Endpoint) -> None:
    at.refused("iot", "AddThingToBillingGroup", "InvalidRequestException", 400, thingName=at.thing())


# -- tags -------------------------------------------------------------------------------------------------------------


@expects("tags", "Tags given on create are listed, changed and taken away", "control 19", MODEL)
def _(at: Endpoint) -> None:
    job = at.job(tags=[{"Key": "a", "Value": "1"}])
    arn = at.described(job)["jobArn"]
    at.ask("iot", "TagResource", resourceArn=arn, tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    found = {each["Key"]: each["Value"] for each in at.ask("iot", "ListTagsForResource", resourceArn=arn)["tags"]}
    same(found, {"a": "3", "b": "2"}, "tags")
    at.ask("iot", "UntagResource", resourceArn=arn, tagKeys=["a"])
    found = {each["Key"]: each["Value"] for each in at.ask("iot", "ListTagsForResource", resourceArn=arn)["tags"]}
    same(found, {"b": "2"}, "tags")


@expects("tags-unknown", "Tags of an unknown job are a 404", "control 19", MODEL)
def _(at: Endpoint) -> None:
    arn = at.described(at.job())["jobArn"].rpartition("/")[0] + "/" + at.name()
    at.refused("iot", "ListTagsForResource", "ResourceNotFoundException", 404, resourceArn=arn)


# -- packages ---------------------------------------------------------------------------------------------------------


@expects("package-conflict", "A second package of a name is a ConflictException", "control 16.1", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "CreatePackage", "ConflictException", 409, packageName=at.package())


@expects("package-unknown", "An unknown package is a 404", "control 16.1", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "GetPackage", "ResourceNotFoundException", 404, packageName=at.name())


@expects("package-delete-unknown", "Deleting an unknown package is a 200", "control 16.2", CHOICE)
def _(at: Endpoint) -> None:
    at.ask("iot", "DeletePackage", packageName=at.name())


@expects("package-draft", "A new version is DRAFT", "control 16.2", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.package("1", published=False)
    same(at.ask("iot", "GetPackageVersion", packageName=name, versionName="1")["status"], "DRAFT", "status")


@expects("package-life", "PUBLISH, DEPRECATE and PUBLISH again are taken", "control 16.2", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.package("1", published=False)
    found = []
    for action in ("PUBLISH", "DEPRECATE", "PUBLISH"):
        at.ask("iot", "UpdatePackageVersion", packageName=name, versionName="1", action=action)
        found.append(at.ask("iot", "GetPackageVersion", packageName=name, versionName="1")["status"])
    same(found, ["PUBLISHED", "DEPRECATED", "PUBLISHED"], "statuses")


@expects("package-deprecate-draft", "DEPRECATE of a draft is a ConflictException", "control 16.2", CHOICE)
def _(at: Endpoint) -> None:
    more = {"packageName": at.package("1", published=False), "versionName": "1", "action": "DEPRECATE"}
    at.refused("iot", "UpdatePackageVersion", "ConflictException", 409, **more)


@expects("package-default", "The default version cannot be deleted", "control 16.2", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.package("1")
    at.ask("iot", "UpdatePackage", packageName=name, defaultVersionName="1")
    same(at.ask("iot", "GetPackage", packageName=name)["defaultVersionName"], "1", "defaultVersionName")
    answer = at._call("iot", "DeletePackageVersion", {"packageName": name, "versionName": "1"})
    holds(not isinstance(answer, dict), "a refusal", answer)
    at.ask("iot", "UpdatePackage", packageName=name, unsetDefaultVersion=True)


@expects(
    "package-placeholder",
    "A package attribute in a document is replaced when the job is created",
    "control 5.5",
    DOCUMENT,
)
def _(at: Endpoint) -> None:
    name = at.package()
    at.ask("iot", "CreatePackageVersion", packageName=name, versionName="1", attributes={"size": "12"})
    at.later(lambda: at.iot.delete_package_version(packageName=name, versionName="1"))
    at.ask("iot", "UpdatePackageVersion", packageName=name, versionName="1", action="PUBLISH")
    arn = at.ask("iot", "GetPackage", packageName=name)["packageArn"] + "/version/1"
    document = f'{{"size":"${{aws:iot:package:{name}:version:1:attributes:size}}"}}'
    job = at.job(document=document, destinationPackageVersions=[arn])
    same(at.ask("iot", "GetJobDocument", jobId=job)["document"], '{"size":"12"}', "document")


@expects("package-draft-in-job", "A job does not take a version that is a draft", "control 16.3", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.package("1", published=False)
    arn = at.ask("iot", "GetPackage", packageName=name)["packageArn"] + "/version/1"
    more = {"jobId": at.name(), "targets": [at.thing_arn(at.thing())], "document": "{}"}
    at.refused("iot", "CreateJob", "InvalidRequestException", 400, **more, destinationPackageVersions=[arn])


# -- on the wire ------------------------------------------------------------------------------------------------------


@expects(
    "error-header", "The error's name stands in x-amzn-ErrorType, and a message in the body", "control 1.4", REPORT
)
def _(at: Endpoint) -> None:
    status, headers, body = at.raw("GET", f"/jobs/{at.name()}")
    same(status, 404, "status")
    holds(headers.get("x-amzn-errortype", "").startswith("ResourceNotFoundException"), "x-amzn-ErrorType", headers)
    holds(isinstance(body, dict) and body.get("message"), "a message", body)


@expects("request-id", "Each answer has an x-amzn-RequestId", "control 1.1", REPORT)
def _(at: Endpoint) -> None:
    _, headers, _ = at.raw("GET", "/jobs")
    holds(headers.get("x-amzn-requestid"), "x-amzn-RequestId", headers)


@expects("timestamps", "Times are numbers: epoch seconds", "control 1.3", REPORT)
def _(at: Endpoint) -> None:
    _, _, body = at.raw("GET", f"/jobs/{at.job()}")
    created = body["job"]["createdAt"]
    holds(isinstance(created, (int, float)) and created < 1e11, "epoch seconds", created)


@expects("nulls", "DescribeJob writes what is not set as null", "control 1.2", REPORT)
def _(at: Endpoint) -> None:
    _, _, body = at.raw("GET", f"/jobs/{at.job()}")
    holds("comment" in body["job"] and body["job"]["comment"] is None, '"comment": null', body["job"])


@expects("unknown-members", "Unknown members of a body are passed over", "control 1.1", CHOICE)
def _(at: Endpoint) -> None:
    name = at.name()
    at.later(lambda: at.iot.delete_thing(thingName=name))
    status, _, body = at.raw("POST", f"/things/{name}", b'{"noSuchMember":1}')
    same(status, 200, f"status ({body!r})")


@expects("wrong-type", "A member of a wrong JSON type is a 400", "control 1.1", CHOICE)
def _(at: Endpoint) -> None:
    status, _, body = at.raw("PUT", f"/jobs/{at.name()}", b'{"targets":"no list"}')
    same(status, 400, f"status ({body!r})")


@expects("no-json", "A body that is no JSON is a 400", "control 1.1", CHOICE)
def _(at: Endpoint) -> None:
    status, _, body = at.raw("PUT", f"/jobs/{at.name()}", b"{no json")
    same(status, 400, f"status ({body!r})")


@expects("no-route", "A route that nobody knows is a 404", "control 1.1", CHOICE)
def _(at: Endpoint) -> None:
    same(at.raw("GET", "/no/such/route")[0], 404, "status")


@expects("violations-at-once", "All violations of a request come in one message", "control 1.5", REPORT)
def _(at: Endpoint) -> None:
    found = at.refused(
        "iot",
        "CreateJobTemplate",
        "InvalidRequestException",
        400,
        jobTemplateId="no id!",
        description="",
        document="{}",
    )
    holds(found.message.startswith("2 validation errors detected: "), "2 validation errors detected: …", found.message)


@expects("violation-text", "… with value, place and constraint", "control 1.5", REPORT)
def _(at: Endpoint) -> None:
    found = at.refused("iot", "DescribeJobTemplate", "InvalidRequestException", 400, jobTemplateId="no.id")
    expected = (
        "1 validation error detected: Value 'no.id' at 'jobTemplateId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
    )
    same(found.message, expected, "message")


@expects("endpoint", "DescribeEndpoint names a host for iot:Data-ATS", "device 1", MODEL)
def _(at: Endpoint) -> None:
    found = at.ask("iot", "DescribeEndpoint", endpointType="iot:Data-ATS").get("endpointAddress", "")
    holds(found and "/" not in found, "a host without a scheme", found)


@expects("tokens-by-operation", "A page token of one operation is not taken by another", "control 1.7", CHOICE)
def _(at: Endpoint) -> None:
    for _ in range(2):
        at.thing()
    token = at.ask("iot", "ListThings", maxResults=1).get("nextToken")
    holds(token, "a nextToken", token)
    at.refused("iot", "ListJobTemplates", "InvalidRequestException", 400, nextToken=token)


@expects("empty-lists", "Lists without an entry are empty lists, not errors", "control 1.7", MODEL)
def _(at: Endpoint) -> None:
    name, _, _ = at.group()
    answer = at.ask("iot", "ListThingsInThingGroup", thingGroupName=name)
    same(answer.get("things"), [], "things")
    absent(answer, ["nextToken"])
