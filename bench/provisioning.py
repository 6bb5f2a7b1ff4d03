"""Devices provisioned by claim, all at once over mutual TLS, beside bare certificate signing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import boto3
import uvloop

from bench import claimants, machine, mqtt_client
from bench.claimants import Claimant
from bench.measure import Figure
from bench.processes import Child
from tidegate.clock import RandomIds, monotonic, wall_now
from tidegate.pki import authority


def run(*, quick: bool) -> list[Figure]:
    """Devices a second from the first connect to the last answer, and certificates a second of the bare authority."""
    rounds, devices = (1, 10) if quick else (3, 5000)
    requests = [claimants.signing_request() for _ in range(devices)]
    values, baseline = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            values.append(_provisioned(Path(folder), requests))
        with tempfile.TemporaryDirectory() as folder:
            baseline.append(_signed(Path(folder), requests))
    notes = (
        f"{devices:,} devices at once, each a full mutual handshake, a CSR and RegisterThing: thing, group, policy and "
        "certificate in one transaction; the claimants run in one process beside the server",
    )
    name = "Devices provisioned by claim with a CSR"
    return [Figure(name, "1/s", tuple(values), "signing their CSRs alone", tuple(baseline), None, notes)]


def _provisioned(folder: Path, requests: list[str]) -> float:
    with Child("bench.serving", machine.cores().server, data=str(folder)) as server:
        iot = boto3.client(
            "iot",
            endpoint_url=f"http://127.0.0.1:{server.ready['http']}",
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="none",
        )
        made = claimants.prepare(iot)
        tls = {"ca": server.ready["ca"], "certificate": made.certificate, "key": made.key}
        fleet, port = [Claimant(serial, csr) for serial, csr in enumerate(requests)], int(server.ready["mqtts"])
        begin = monotonic()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(claimants.storm(fleet, lambda: port, mqtt_client.context(tls)))
        return len(fleet) / (monotonic() - begin)


def _signed(folder: Path, requests: list[str]) -> float:
    ids = RandomIds()
    signer = authority.load_or_create(folder, now=wall_now(), ids=ids)
    begin = monotonic()
    for request in requests:
        signer.issue_for_request(request, now=wall_now(), ids=ids)
    return len(requests) / (monotonic() - begin)
