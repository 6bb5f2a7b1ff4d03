"""Fifty clients of one account work without a pause; another account's operator and device notice little of it.

On SQLite and on PostgreSQL, with signatures verified. The other account is watched without the fifty, too.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from tools.ordeal import Row
from tools.ordeal._crowd import Crowd
from tools.ordeal._fleet import Device, Server, Watched, server
from tools.ordeal._served import P99_S, postgres

_SECONDS = 10

_CROWDS = {"25 ask by HTTP and 25 publish by MQTT": (25, 25), "50 ask by HTTP": (50, 0), "50 publish by MQTT": (0, 50)}
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


class Holder(NamedTuple):
    """An account's key, and the certificate of its device."""

    key_id: str
    secret: str
    pem: Path


def run() -> list[Row]:
    """On each store."""
    rows = []
    with server("--auth=on") as running:
        rows += _watched(running, "sqlite", "SQLite")
    with tempfile.TemporaryDirectory(), postgres() as store, server("--auth=on", f"--store={store.url}") as running:
        rows += _watched(running, store.url, "PostgreSQL")
    return rows


def _watched(running: Server, store: str, engine: str) -> list[Row]:
    busy, other = (_holder(running, store, account) for account in ("111111111111", "222222222222"))
    operator = _client(running, other)
    context = ssl.create_default_context(cafile=running.addresses["ca"])
    context.load_cert_chain(other.pem)
    canary = Device(running.port("mqtts"), context, "canary")

    def write() -> None:
        operator.update_thing(thingName="canary", attributePayload={"attributes": {"a": "b"}})

    operator.create_thing(thingName="canary")
    rows = _seen(f"nobody else works, {engine}", canary.work, write, _sleeps)
    for said, (http, mqtt) in _CROWDS.items():
        crowd = Crowd(
            running.port("http"),
            running.port("mqtts"),
            running.addresses["ca"],
            str(busy.pem),
            busy.key_id,
            busy.secret,
            _SECONDS,
            http,
            mqtt,
        )
        rows += _seen(f"{said}, {engine}", canary.work, write, lambda crowd=crowd: _crowded(crowd))  # type: ignore[misc]
    canary.close()
    return rows


def _seen(
    scenario: str, device: Callable[[], None], operator: Callable[[], None], beside: Callable[[], str]
) -> list[Row]:
    with Watched(device) as by_device, Watched(operator) as by_operator:
        note = beside()
    return [
        Row(scenario, f"p99 of {len(each.seconds)}, {who} of another account{note}", P99_S, each.share(), ok)
        for who, each in (("device", by_device), ("operator", by_operator))
        for ok in (each.share() <= P99_S and not each.failures,)
    ]


def _sleeps() -> str:
    subprocess.run(["sleep", str(_SECONDS / 2)], check=True)
    return ""


def _crowded(crowd: Crowd) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tools.ordeal._crowd", json.dumps(crowd._asdict())],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    asked, published = json.loads(done.stdout)
    return f"; {asked / crowd.seconds:,.0f} requests/s, {published / crowd.seconds:,.0f} publishes/s of the fifty"


def _holder(running: Server, store: str, account: str) -> Holder:
    where = [f"--account={account}", f"--data={running.data}", f"--store={store}"]
    made = _command("keys", "create", *where)
    key_id, secret = (line.partition("=")[2] for line in made.splitlines()[:2])
    client = _client(running, Holder(key_id, secret, Path()))
    certificate = client.create_keys_and_certificate(setAsActive=True)
    client.create_policy(policyName="all", policyDocument=json.dumps(_ALL))
    client.attach_policy(policyName="all", target=certificate["certificateArn"])
    pem = running.data / f"{account}.pem"
    pem.touch(0o600)
    pem.write_text(certificate["certificatePem"] + certificate["keyPair"]["PrivateKey"])
    return Holder(key_id, secret, pem)


def _command(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "tidegate.cli", *arguments], check=True, capture_output=True, text=True
    ).stdout


def _client(running: Server, holder: Holder) -> Any:
    return boto3.client(
        "iot",
        endpoint_url=running.addresses["http"],
        region_name="us-east-1",
        aws_access_key_id=holder.key_id,
        aws_secret_access_key=holder.secret,
    )
