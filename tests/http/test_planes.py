"""Which plane a request is for."""

from __future__ import annotations

import pytest

from tidegate.http import planes


@pytest.mark.parametrize(
    ("host", "expected", "region"),
    [
        (b"iot.eu-west-1.amazonaws.com", planes.CONTROL, "eu-west-1"),
        (b"IOT.us-gov-west-1.amazonaws.com:443", planes.CONTROL, "us-gov-west-1"),
        (b"data.jobs.iot.us-east-1.amazonaws.com", planes.JOBS_DATA, "us-east-1"),
        (b"abc123.jobs.iot.us-east-1.amazonaws.com:8443", planes.JOBS_DATA, "us-east-1"),
        (b"data-ats.iot.us-east-1.amazonaws.com", planes.DATA, "us-east-1"),
        (b"data.iot.cn-north-1.amazonaws.com.cn", planes.DATA, "cn-north-1"),
        (b"a1b2c3-ats.iot.ap-southeast-2.amazonaws.com", planes.DATA, "ap-southeast-2"),
    ],
)
def test_endpoint_names(host: bytes, expected: planes.Planes, region: str) -> None:
    assert planes.hosted(host) == (expected, region)


@pytest.mark.parametrize(
    "host", [b"localhost:8080", b"127.0.0.1", b"iot", b"iot:8080", b"iot.example.com", b"[::1]:80"]
)
def test_other_names_say_nothing(host: bytes) -> None:
    assert planes.hosted(host) is None


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("iot", "iot"),
        ("execute-api", "iot"),
        ("iot-jobs-data", "iot-jobs-data"),
        ("iotdata", "iot-data"),
        ("iotdevicegateway", "iot-data"),
        ("s3", "iot"),
        (None, "iot"),
    ],
)
def test_signing_name(service: str | None, expected: str) -> None:
    assert planes.choose(device=False, host=b"localhost:8080", service=service)[0] == expected


def test_the_host_name_goes_before_the_signing_name() -> None:
    host = b"data.jobs.iot.us-east-1.amazonaws.com"
    assert planes.choose(device=False, host=host, service="iot")[0] == "iot-jobs-data"


@pytest.mark.parametrize("host", [b"localhost", b"iot.us-east-1.amazonaws.com", None])
@pytest.mark.parametrize("service", [None, "iot", "iot-jobs-data"])
def test_devices_reach_data_planes_only(host: bytes | None, service: str | None) -> None:
    chosen = planes.choose(device=True, host=host, service=service)
    assert chosen == ("iot-jobs-data", "iot-data")


def test_a_device_may_name_the_other_data_plane() -> None:
    assert planes.choose(device=True, host=b"data-ats.iot.us-east-1.amazonaws.com", service=None) == planes.DATA
    assert planes.choose(device=True, host=None, service="iotdata") == planes.DATA
