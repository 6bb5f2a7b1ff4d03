"""A fleet claims at once, and the server is killed in the middle: nobody is lost, nobody is provisioned twice.

``TIDEGATE_STORM=5000`` makes it a fleet of so many, all behind one address, with one kill in the middle; ``-s`` shows
what a claim costs the server beside the signature alone.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench import claimants, mqtt_client
from bench.claimants import Claimant
from tidegate.clock import RandomIds, wall_now
from tidegate.net import room
from tidegate.pki import authority
from tools.ordeal._acknowledged import ACCOUNT, REGION, Server

LARGE = int(os.environ.get("TIDEGATE_STORM", "0"))
DEVICES = LARGE or 300
KILLS = (LARGE // 2,) if LARGE else (40, 150)
"""After so many devices were told that they are provisioned."""


def client(server: Server) -> Any:
    return boto3.session.Session().client(
        "iot",
        endpoint_url=f"http://{server.http}",
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="none",
    )


def _cpu(server: Server) -> float:
    """Seconds of CPU that a server's process has taken."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _signing(folder: Path, fleet: list[Claimant]) -> float:
    """Seconds of CPU that it takes to sign the requests of a fleet."""
    signer, ids = authority.load_or_create(folder, now=wall_now(), ids=RandomIds()), RandomIds()
    begin = time.process_time()
    for claimant in fleet:
        signer.issue_for_request(claimant.csr, now=wall_now(), ids=ids)
    return time.process_time() - begin


class Storm:
    """The servers of one data directory, one after the other."""

    def __init__(self, data: Path, store: str) -> None:
        self._data, self._store = data, store
        self.server = Server(data, store).wait()
        self.done = 0
        self.kills = 0
        self.cpu_s = 0.0
        self._begun = time.monotonic()
        self._told = asyncio.Event()

    def provisioned(self) -> None:
        self.done += 1
        if LARGE and self.done % 250 == 0:
            print(f"{self.done} of {DEVICES} after {time.monotonic() - self._begun:.0f} s", flush=True)
        self._told.set()

    async def kill(self) -> None:
        """Kill the server whenever as many are provisioned as ``KILLS`` says, and start the next."""
        for after in KILLS:
            while self.done < after:
                self._told.clear()
                await self._told.wait()
            await asyncio.to_thread(self._replace)
            self.kills += 1

    def _replace(self) -> None:
        self.stop()
        self.server = Server(self._data, self._store).wait()

    def stop(self) -> None:
        """Kill the server, and note what CPU it took."""
        self.cpu_s += _cpu(self.server)
        self.server.kill()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_storm_of_claims_across_kills(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimants, "_LONGEST_S", 1.0)  # of 300 devices none has to hold back for long
    store = "sqlite" if engine == "sqlite" else request.getfixturevalue("new_postgres")("tidegate-storm")
    if LARGE:
        room.raise_limit()
    fleet = [Claimant(serial, claimants.signing_request()) for serial in range(DEVICES)]
    storm = Storm(tmp_path / "data", store)
    try:
        made = claimants.prepare(client(storm.server))
        tls = mqtt_client.context({"ca": storm.server.ca, "certificate": made.certificate, "key": made.key})
        begin = time.monotonic()
        asyncio.run(claimants.storm(fleet, lambda: storm.server.mqtt_port, tls, storm.provisioned, beside=storm.kill()))
        wall, cpu, signing = (
            time.monotonic() - begin,
            storm.cpu_s + _cpu(storm.server),
            _signing(tmp_path / "ca", fleet),
        )
        print(
            f"{engine}: {DEVICES} devices, {storm.kills} kills, {wall:.1f} s; CPU of the servers, starts included: "
            f"{1000 * cpu / DEVICES:.2f} ms a claim, of signing alone {1000 * signing / DEVICES:.2f} ms"
        )
        assert storm.kills == len(KILLS)
        iot = client(storm.server)
        members = iot.get_paginator("list_things_in_thing_group").paginate(thingGroupName="fleet")
        names = [name for page in members for name in page["things"]]
        assert sorted(names) == sorted(f"device-{serial}" for serial in range(DEVICES))
        for claimant in fleet:
            (principal,) = iot.list_thing_principals(thingName=f"device-{claimant.serial}")["principals"]
            assert principal.endswith(f"/{claimant.holds}")
        pages = iot.get_paginator("list_certificates").paginate(pageSize=250)
        statuses = [each["status"] for page in pages for each in page["certificates"]]
        assert statuses.count("ACTIVE") == DEVICES + 1
        # An offer whose answer was cut off waits for its hour to be over.
        assert set(statuses) <= {"ACTIVE", "PENDING_ACTIVATION"}
        (policy,) = iot.list_targets_for_policy(policyName="claim")["targets"]
        assert policy
    finally:
        storm.server.kill()
