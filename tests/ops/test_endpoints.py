"""DescribeEndpoint."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tidegate.ops.call import Call, Endpoints
from tidegate.wire import iot

ENDPOINTS = Endpoints("data.example:8883", "jobs.example", "credentials.example")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (None, "data.example:8883"),
        ("iot:Data", "data.example:8883"),
        ("iot:Data-ATS", "data.example:8883"),
        ("iot:Jobs", "jobs.example"),
        ("iot:CredentialProvider", "credentials.example"),
    ],
)
def test_describe_endpoint(run: Run, call: Call, kind: str | None, address: str) -> None:
    found = run("DescribeEndpoint", call=call._replace(endpoints=ENDPOINTS), endpoint_type=kind)
    assert found.endpoint_address == address


def test_describe_endpoint_of_an_unknown_type(run: Run) -> None:
    with pytest.raises(iot.InvalidRequestException) as error:
        run("DescribeEndpoint", endpoint_type="iot:Nothing")
    assert error.value.message == "Endpoint type iot:Nothing is not supported."
