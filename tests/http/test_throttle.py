"""Throttled servers: what clients are told, and who is counted with whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.servers import Started, options, started
from tidegate.http.throttle import Throttle
from tidegate.ops import quotas
from tidegate.wire import iot
from tidegate.wire.routes import OPERATIONS

RATES = {("iot", "ListJobs"): 0.001, ("iot-jobs-data", "GetPendingJobExecutions"): 0.001}


@pytest.fixture(scope="module")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(options(tmp_path_factory.mktemp("throttled"), throttles=RATES, limits=quotas.off())) as running:
        yield running


def refused(call: Any, **members: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def test_above_its_rate_an_operation_is_refused_as_aws_does(throttled: Started) -> None:
    control, data = throttled.client("iot"), throttled.client("iot-jobs-data")
    control.list_jobs()
    assert refused(control.list_jobs) == (400, "ThrottlingException", "Rate exceeded")
    data.get_pending_job_executions(thingName="t")
    assert refused(data.get_pending_job_executions, thingName="t") == (429, "ThrottlingException", "Rate exceeded")
    for _ in range(20):
        control.list_things()


def test_a_throttled_caller_is_told_when_to_come_back(throttled: Started) -> None:
    client = throttled.client("iot", region_name="eu-south-1")
    client.list_jobs()
    with pytest.raises(ClientError) as caught:
        client.list_jobs()
    wait = caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-retry-after"]
    assert 900_000 < int(wait) <= 1_000_000  # milliseconds; the rate is one in a thousand seconds


def test_accounts_and_regions_are_counted_apart(throttled: Started) -> None:
    for changes in ({"region_name": "us-west-2"}, {"aws_access_key_id": "111122223333"}):
        client = throttled.client("iot", **changes)
        client.list_jobs()
        assert refused(client.list_jobs)[1] == "ThrottlingException"


def test_throttling_comes_before_constraints(throttled: Started) -> None:
    client = throttled.client("iot", region_name="us-west-1")
    assert refused(client.list_jobs, maxResults=251)[1] == "InvalidRequestException"
    assert refused(client.list_jobs, maxResults=251)[1] == "ThrottlingException", "it was counted all the same"


def test_nobody_is_throttled_by_default(server: Started) -> None:
    client = server.client("iot")
    for _ in range(50):
        client.list_jobs()


def test_the_buckets_of_idle_callers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tidegate.http.throttle.monotonic", lambda: now[0])
    monkeypatch.setattr("tidegate.http.throttle._MOST", 100)
    throttle, operation = Throttle({("iot", "ListJobs"): 1.0}), OPERATIONS["iot"]["ListJobs"]
    throttle.admit(operation, "busy", "r")
    for number in range(99):
        throttle.admit(operation, f"{number}", "r")
    now[0] = 0.5
    throttle.admit(operation, "new", "r")  # everybody is busy: all is forgotten
    assert len(throttle._buckets) == 1
    with pytest.raises(iot.ThrottlingException):
        throttle.admit(operation, "new", "r")
    now[0] = 10.0
    for number in range(99):
        throttle.admit(operation, f"{number}", "r")
    throttle.admit(operation, "another", "r")
    assert len(throttle._buckets) <= 100


def test_a_large_document_travels_the_whole_way(throttled: Started) -> None:
    """Quotas off: through the HTTP limits and the shape constraints into a job and to a device."""
    control, data = throttled.client("iot"), throttled.client("iot-jobs-data")
    document = json.dumps({"text": 'ä"' * 600_000}, ensure_ascii=False)
    target = control.create_thing(thingName="big")["thingArn"]
    rate = {"exponentialRate": {"baseRatePerMinute": 5000, "incrementFactor": 2.0}}
    rate["exponentialRate"]["rateIncreaseCriteria"] = {"numberOfNotifiedThings": 1000}
    control.create_job(
        jobId="big", targets=[target], document=document, jobExecutionsRolloutConfig={"maximumPerMinute": 9000, **rate}
    )
    assert control.get_job_document(jobId="big")["document"] == document
    throttled.on_loop(lambda: throttled.running.engine.settle())
    got = data.start_next_pending_job_execution(thingName="big")["execution"]["jobDocument"]
    assert got == document


def test_the_same_is_refused_under_aws_quotas(server: Started) -> None:
    control = server.client("iot")
    status, code, message = refused(
        control.create_job, jobId="big", targets=["arn:aws:iot:eu-west-1:000000000000:thing/t"], document="x" * 32769
    )
    assert (status, code) == (400, "InvalidRequestException")
    assert message.endswith(
        "'document' failed to satisfy constraint: Member must have length less than or equal to 32768"
    )
