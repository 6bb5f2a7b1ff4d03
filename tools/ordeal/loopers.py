"""Four devices publish without a pause; a canary device, an operator and the health page notice little of it."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import boto3

from tools.ordeal import Row
from tools.ordeal._fleet import Device, Watched, device, health, server

_LOOPERS = 4
_SECONDS = 10
_BOUND_S = 0.1
_HEALTH_S = 0.25
"""Each time over a connection of its own, and with a write to the disk."""


def run() -> list[Row]:
    """Watch while they loop."""
    with server() as running:
        context = device(running)
        canary = Device(running.port("mqtts"), context, "canary")
        operator = boto3.client(
            "iot",
            endpoint_url=running.addresses["http"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        where = (str(running.port("mqtts")), running.addresses["ca"], str(running.data / "device.pem"))
        loopers = [
            subprocess.Popen(
                [sys.executable, "-m", "tools.ordeal._looper", *where, f"looper-{number}", str(_SECONDS)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(_LOOPERS)
        ]
        with (
            Watched(canary.work) as device_seen,
            Watched(operator.list_things) as operator_seen,
            Watched(partial(health, running)) as health_seen,
        ):
            bytes_a_second = sum(int(each.communicate(timeout=120)[0]) for each in loopers)
        canary.close()
    throughput = f"{bytes_a_second / 1e6:.1f} MB/s of publishes taken in"
    seen = (
        ("device", device_seen, _BOUND_S),
        ("operator", operator_seen, _BOUND_S),
        ("health page", health_seen, _HEALTH_S),
    )
    return [
        Row(f"{_LOOPERS} devices loop", f"{who}, p99 of {len(each.seconds)}; {throughput}", bound, each.share(), ok)
        for who, each, bound in seen
        for ok in (each.share() <= bound and not each.failures,)
    ]
