"""The fleet index and dynamic groups as operators' clients see them, and a device that a continuous job comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e import cli
from tests.e2e.fleet import REGION, Account, client
from tests.e2e.mqtt import connected
from tests.e2e.test_control_plane import refused
from tests.e2e.test_packages import catalog


@pytest.fixture
def account(either_account: Account) -> Account:
    return either_account


def switch_on(account: Account, **members: Any) -> None:
    account.iot.update_indexing_configuration(
        thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", **members},
    )


def set_attributes(account: Account, name: str, **attributes: str) -> None:
    account.iot.update_thing(thingName=name, attributePayload={"attributes": attributes})


def found(account: Account, text: str, size: int = 500) -> list[str]:
    """Names on all pages: SearchIndex has no paginator."""
    names: list[str] = []
    members: dict[str, Any] = {"queryString": text, "maxResults": size}
    while True:
        page = account.iot.search_index(**members)
        names += [thing["thingName"] for thing in page["things"]]
        if "nextToken" not in page:
            return names
        members["nextToken"] = page["nextToken"]


def test_search(account: Account) -> None:
    iot = account.iot
    answer = refused(iot.search_index, queryString="*")
    assert (answer.status, answer.code) == (404, "ResourceNotFoundException")
    assert iot.get_indexing_configuration()["thingIndexingConfiguration"]["thingIndexingMode"] == "OFF"
    switch_on(account, customFields=[{"name": "attributes.floor", "type": "Number"}])
    assert iot.list_indices()["indexNames"] == ["AWS_Things"]
    described = iot.describe_index(indexName="AWS_Things")
    assert (described["indexStatus"], described["schema"]) == ("ACTIVE", "REGISTRY")
    for number in range(7):
        iot.create_thing(thingName=f"lamp:{number}", attributePayload={"attributes": {"floor": str(number)}})
    assert found(account, "thingName:lamp*", 3) == [f"lamp:{number}" for number in range(7)]
    assert found(account, "attributes.floor:[2 TO 3] OR thingName:lamp\\:6") == ["lamp:2", "lamp:3", "lamp:6"]
    (thing,) = iot.search_index(indexName="AWS_Things", queryString="attributes.floor>5")["things"]
    assert thing == {
        "thingName": "lamp:6",
        "thingId": iot.describe_thing(thingName="lamp:6")["thingId"],
        "attributes": {"floor": "6"},
    }
    answer = refused(iot.search_index, queryString="a AND")
    assert (answer.status, answer.code) == (400, "InvalidQueryException")
    assert answer.message == "Invalid query string: a term is expected but the query ends (at character 6)."
    assert refused(iot.search_index, queryString="*", maxResults=501).code == "InvalidRequestException"
    statistics = iot.get_statistics(queryString="*", aggregationField="attributes.floor")["statistics"]
    assert (statistics["count"], statistics["average"], statistics["maximum"]) == (7, 3.0, 6.0)
    assert iot.get_cardinality(queryString="*", aggregationField="attributes.floor")["cardinality"] == 7
    answer = refused(iot.get_statistics, queryString="*", aggregationField="attributes.other")
    assert (answer.status, answer.code) == (400, "InvalidAggregationException")


def test_a_continuous_job_follows_an_attribute_to_the_device(account: Account) -> None:
    iot = account.iot
    switch_on(account)
    credentials = account.device("lamp")
    account.thing("other")
    set_attributes(account, "lamp", firmware="2")
    set_attributes(account, "other", firmware="1")
    group = iot.create_dynamic_thing_group(thingGroupName="old", queryString="attributes.firmware<2")
    assert (group["indexName"], group["queryVersion"]) == ("AWS_Things", "2017-09-30")
    iot.create_job(
        jobId="upgrade", targets=[group["thingGroupArn"]], document='{"to": 2}', targetSelection="CONTINUOUS"
    )
    account.settle()
    assert account.counts("upgrade") == {"Queued": 1}
    with connected(account, credentials, "lamp") as device:
        assert device.subscribe(f"{device.prefix}/notify-next") == [1]
        set_attributes(account, "lamp", firmware="1")
        told = device.next()
        assert told.topic == f"{device.prefix}/notify-next"
        assert told.body["execution"]["jobDocument"] == {"to": 2}
        device.accepted("start-next")
        device.accepted("upgrade/update", status="SUCCEEDED")
    set_attributes(account, "other", firmware="2")
    account.settle()
    assert account.counts("upgrade") == {"Succeeded": 1, "Removed": 1}
    assert account.status("upgrade") == "IN_PROGRESS"
    assert iot.list_things_in_thing_group(thingGroupName="old")["things"] == ["lamp"]
    described = iot.describe_thing_group(thingGroupName="old")
    assert (described["status"], described["queryString"]) == ("ACTIVE", "attributes.firmware<2")
    answer = refused(iot.add_thing_to_thing_group, thingGroupName="old", thingName="other")
    assert (answer.status, answer.code) == (400, "InvalidRequestException")
    answer = refused(iot.delete_thing_group, thingGroupName="old")
    assert answer.message == (
        f"This operation does not support dynamic thing groups. Thing group arn: {group['thingGroupArn']}"
    )
    iot.delete_dynamic_thing_group(thingGroupName="old")
    assert iot.list_thing_groups()["thingGroups"] == []


def test_who_lacks_a_version_gets_it_and_leaves_the_group(account: Account) -> None:
    """What AWS's guide recommends for upgrades: a continuous job on those whose $package shadow has another version."""
    iot, data = account.iot, client(account.server, "iot-data", account.id)
    names = {"namedShadowIndexingMode": "ON", "filter": {"namedShadowNames": ["$package"]}}
    switch_on(account, **{**names, "thingIndexingMode": "REGISTRY_AND_SHADOW"})
    version = catalog(account)
    for name in ("old", "new", "flat"):
        account.thing(name)
    for name, installed in (("new", "1.2.0"), ("old", "1.1.0"), ("flat", "1.1.0")):
        reported = {"app": {"version": installed}}
        payload = json.dumps({"state": {"reported": reported}})
        data.update_thing_shadow(thingName=name, shadowName="$package", payload=payload)
    for name, battery in (("new", 90), ("old", 90), ("flat", 10)):
        data.update_thing_shadow(thingName=name, payload=json.dumps({"state": {"reported": {"battery": battery}}}))
    text = "NOT shadow.name.$package.reported.app.version:1.2.0 AND shadow.reported.battery>80"
    assert found(account, text) == ["old"]
    group = iot.create_dynamic_thing_group(thingGroupName="upgrade", queryString=text)["thingGroupArn"]
    iot.create_job(
        jobId="j",
        targets=[group],
        document="{}",
        targetSelection="CONTINUOUS",
        destinationPackageVersions=[version],
    )
    account.settle()
    assert account.counts("j") == {"Queued": 1}
    assert account.data.start_next_pending_job_execution(thingName="old")["execution"]["jobId"] == "j"
    account.data.update_job_execution(jobId="j", thingName="old", status="SUCCEEDED")
    assert iot.list_things_in_thing_group(thingGroupName="upgrade")["things"] == []
    data.update_thing_shadow(thingName="flat", payload=json.dumps({"state": {"reported": {"battery": 95}}}))
    assert iot.list_things_in_thing_group(thingGroupName="upgrade")["things"] == ["flat"]
    pending = account.data.get_pending_job_executions(thingName="flat")["queuedJobs"]
    assert [one["jobId"] for one in pending] == ["j"]
    account.settle()
    assert account.counts("j") == {"Queued": 1, "Succeeded": 1}


def test_the_aws_cli(account: Account, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    aws = cli.aws(account.server, monkeypatch, capfd)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.id)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)

    def run(*arguments: str) -> Any:
        code, output, errors = aws("iot", *arguments)
        assert code == 0, errors
        return json.loads(output) if output.strip() else None

    configuration = (
        "thingIndexingMode=REGISTRY_AND_SHADOW,thingConnectivityIndexingMode=STATUS,namedShadowIndexingMode=ON,"
        "filter={namedShadowNames=[thing1shadow]},customFields=[{name=attributes.version,type=Number}]"
    )
    run("update-indexing-configuration", "--thing-indexing-configuration", configuration)
    shown = run("get-indexing-configuration")["thingIndexingConfiguration"]
    assert shown["customFields"] == [{"name": "attributes.version", "type": "Number"}]
    assert {"name": "shadow.name.*.hasDelta", "type": "Boolean"} in shown["managedFields"]
    assert run("describe-index", "--index-name", "AWS_Things")["schema"] == "MULTI_INDEXING_MODE"
    run("create-thing", "--thing-name", "t", "--attribute-payload", "attributes={version=3}")
    query = ("--query-string", "attributes.version:[2 TO 4]")
    assert [thing["thingName"] for thing in run("search-index", *query)["things"]] == ["t"]
    run("create-dynamic-thing-group", "--thing-group-name", "g", *query)
    assert run("list-things-in-thing-group", "--thing-group-name", "g")["things"] == ["t"]
    run(
        "update-dynamic-thing-group",
        *("--thing-group-name", "g", "--thing-group-properties", "thingGroupDescription=none"),
        *("--query-string", "attributes.version>4"),
    )
    account.settle()
    assert run("describe-thing-group", "--thing-group-name", "g")["status"] == "ACTIVE"
    assert run("list-things-in-thing-group", "--thing-group-name", "g")["things"] == []
    run("delete-dynamic-thing-group", "--thing-group-name", "g")
