"""A package brought to a device by a job, through unmodified clients; the device learns of it from its shadow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from awscrt import mqtt_request_response
from awsiot import iotjobs, iotshadow

from tests.e2e.fleet import PATIENCE, Account, client
from tests.e2e.sdk import mqtt_3, mqtt_5
from tests.e2e.test_shadows import device

ROLE = "arn:aws:iam::123456789012:role/jobs"


def catalog(account: Account) -> str:
    """A package with a published default version; the ARN that stands for it in jobs."""
    iot = account.iot
    iot.create_package(packageName="app")
    iot.create_package_version(packageName="app", versionName="1.2.0", attributes={"flavour": "mint"})
    iot.update_package_version(packageName="app", versionName="1.2.0", action="PUBLISH")
    iot.update_package(packageName="app", defaultVersionName="1.2.0")
    iot.update_package_configuration(versionUpdateByJobsConfig={"enabled": True, "roleArn": ROLE})
    return account.arn("package/app/version/$default")


@pytest.mark.parametrize("transport", [mqtt_3, mqtt_5], ids=["mqtt-3.1.1", "mqtt-5"])
def test_a_device_reads_what_is_installed(account: Account, transport: Any) -> None:
    version = catalog(account)
    with transport(account, device(account), "lamp") as connection:
        options = mqtt_request_response.ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=int(PATIENCE),
        )
        jobs = iotjobs.IotJobsClientV2(connection, options)
        shadows = iotshadow.IotShadowClientV2(connection, options)
        account.job("install", "lamp", destinationPackageVersions=[version])
        begun = jobs.start_next_pending_job_execution(
            iotjobs.StartNextPendingJobExecutionRequest(thing_name="lamp")
        ).result(PATIENCE)
        assert begun.execution.job_id == "install"
        jobs.update_job_execution(
            iotjobs.UpdateJobExecutionRequest(thing_name="lamp", job_id="install", status="SUCCEEDED")
        ).result(PATIENCE)
        found = shadows.get_named_shadow(
            iotshadow.GetNamedShadowRequest(thing_name="lamp", shadow_name="$package")
        ).result(PATIENCE)
        assert found.state.reported == {"app": {"version": "1.2.0", "attributes": {"flavour": "mint"}}}
        assert found.version == 1
    assert account.status("install") == "COMPLETED"


def test_boto3_and_the_catalog(either_account: Account) -> None:
    account, iot = either_account, either_account.iot
    version = catalog(account)
    account.thing("t")
    account.job("install", "t", destinationPackageVersions=[version])
    resolved = account.arn("package/app/version/1.2.0")
    assert iot.describe_job(jobId="install")["job"]["destinationPackageVersions"] == [resolved]
    raw = iot.describe_job(jobId="install", beforeSubstitution=True)["job"]
    assert raw["destinationPackageVersions"] == [version]
    account.data.start_next_pending_job_execution(thingName="t")
    account.data.update_job_execution(jobId="install", thingName="t", status="SUCCEEDED")
    data = client(account.server, "iot-data", account.id)
    assert data.list_named_shadows_for_thing(thingName="t")["results"] == ["$package"]
    payload = data.get_thing_shadow(thingName="t", shadowName="$package")["payload"].read()
    assert json.loads(payload)["state"] == {
        "reported": {"app": {"version": "1.2.0", "attributes": {"flavour": "mint"}}}
    }
    described = iot.get_package_version(packageName="app", versionName="1.2.0")
    assert (described["status"], described["attributes"]) == ("PUBLISHED", {"flavour": "mint"})
    assert described["creationDate"] <= described["lastModifiedDate"]
    token = "0123456789abcdef0123456789abcdef0123"
    first = iot.create_package(packageName="lib", clientToken=token)
    assert iot.create_package(packageName="lib", clientToken=token)["packageArn"] == first["packageArn"]
    with pytest.raises(iot.exceptions.ConflictException):
        iot.create_package(packageName="lib")
    sbom = {"s3Location": {"bucket": "b", "key": "k", "version": "v"}}
    with pytest.raises(iot.exceptions.ValidationException, match="SBOM not accessible by the service"):
        iot.associate_sbom_with_package_version(packageName="app", versionName="1.2.0", sbom=sbom)
