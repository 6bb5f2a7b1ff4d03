"""The pages of the fleet: what they show, and that nothing that others wrote is more than a text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.console.browser import Browser
from tests.console.test_jobs import XSS, dangers
from tests.console.test_sign_in import SECRET, admit
from tests.servers import Started


@pytest.fixture
def iot(server: Started) -> Any:
    server.fetch("/_tidegate/reset", "POST")
    return server.client("iot")


def test_a_thing_has_its_jobs_shadows_groups_and_connection(server: Started, iot: Any) -> None:
    arn = iot.create_thing(thingName="a:b", attributePayload={"attributes": {"model": "m1"}})["thingArn"]
    iot.create_thing_group(thingGroupName="all", thingGroupProperties={"thingGroupDescription": XSS[:100]})
    iot.add_thing_to_thing_group(thingGroupName="all", thingName="a:b")
    iot.create_job(jobId="j", targets=[arn], document="{}")
    server.client("iot-data").update_thing_shadow(
        thingName="a:b", payload=json.dumps({"state": {"desired": {"x": XSS}}})
    )
    server.client("iot-data").update_thing_shadow(
        thingName="a:b", shadowName="named", payload=b'{"state":{"desired":{"y":1}}}'
    )
    server.fetch("/_tidegate/clock", "POST", {"advance": 1})
    browser = Browser(server)
    assert "a:b" in browser.get("/things").words
    assert browser.request("GET", "/things?name=a%3Ab").headers["location"] == "/things/a%3Ab"
    seen = browser.get("/things/a%3Ab")
    assert dangers(seen.text) == []
    for told in ("It has never connected over MQTT", "j QUEUED", "all", "classic", "named", '"model": "m1"', XSS[:20]):
        assert told in seen.words, told
    group = browser.get("/groups/all")
    assert ("a:b" in group.words, dangers(group.text)) == (True, [])
    assert "all" in browser.get("/groups").words
    assert browser.get("/things/nothing").status == 404


def test_a_template_is_told_in_words(server: Started, iot: Any) -> None:
    iot.create_job_template(
        jobTemplateId="careful",
        description=XSS,
        document=json.dumps({"do": XSS}),
        timeoutConfig={"inProgressTimeoutInMinutes": 30},
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]},
        jobExecutionsRolloutConfig={
            "exponentialRate": {
                "baseRatePerMinute": 5,
                "incrementFactor": 1.5,
                "rateIncreaseCriteria": {"numberOfSucceededThings": 10},
            },
            "maximumPerMinute": 50,
        },
    )
    browser = Browser(server)
    assert "careful" in browser.get("/templates").words
    seen = browser.get("/templates/careful")
    for told in (
        "5 a minute at first, times 1.5 at every 10 succeeded, 50 a minute at most",
        "30 min after a device begins",
        "FAILED at most 2 times",
        "never: it has no criterion",
        "(no-abort",
    ):
        assert told in seen.words, told
    assert dangers(seen.text) == []


def test_packages_are_counted_over_the_fleet(server: Started, iot: Any) -> None:
    iot.create_package(packageName="app", description=XSS[:60])
    iot.create_package_version(packageName="app", versionName="1.0")
    browser = Browser(server)
    assert "app" in browser.get("/packages").words
    seen = browser.get("/packages/app")
    assert ("1.0" in seen.words, "The fleet index does not tell" in seen.words) == (True, True)
    assert dangers(seen.text) == []


def test_provisioning_templates_are_shown(server: Started, iot: Any) -> None:
    certificate = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
    }
    body = json.dumps(
        {"Parameters": {"AWS::IoT::Certificate::Id": {"Type": "String"}}, "Resources": {"certificate": certificate}}
    )
    role = "arn:aws:iam::000000000000:role/r"
    iot.create_provisioning_template(
        templateName="claim", description="<b>claims", templateBody=body, provisioningRoleArn=role
    )
    browser = Browser(server)
    assert "<b>claims" in browser.get("/provisioning").words
    assert "templateBody" in browser.get("/provisioning/claim").words


def test_a_part_that_may_not_be_seen_says_so(guarded: Started) -> None:
    admin = admit(guarded)
    guarded.client("iot", aws_access_key_id=admin, aws_secret_access_key=SECRET).create_thing(thingName="t")
    seen = Browser(guarded).sign_in(admit(guarded, "iot:DescribeThing"), SECRET, "/things/t")
    assert (seen.status, "not authorized to perform: iot:ListJobExecutionsForThing" in seen.words) == (200, True)
