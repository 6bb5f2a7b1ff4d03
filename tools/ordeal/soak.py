"""A fleet of two hundred at a steady pace, and whether the server's processes grow: only by name, an hour by default.

Devices work over MQTT, WebSocket and HTTPS, download what their documents name, come and go and keep shadows; an
operator whose requests are signed makes, ends and deletes jobs, things, certificates and objects. The same things are
there at the end as at the beginning, so whatever grows for ever is a leak.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import random
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import boto3
from botocore.exceptions import ClientError
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tidegate.clock import RandomIds
from tidegate.fleet import registration
from tidegate.fleet.behaviour import Behaviour
from tidegate.fleet.device import tls_context
from tidegate.fleet.fleet import Endpoint, Fleet
from tidegate.fleet.registration import Credentials
from tools.ordeal import Row
from tools.ordeal._fleet import Server, server
from tools.ordeal._served import postgres

MQTT, WEBSOCKET, HTTPS = 150, 20, 30
"""Devices by how they connect."""
_GROWTH_MIB = 5.0
"""In an hour, at most."""
_WARM_UP = 1 / 6
"""This part of the time does not count, ten minutes at most."""
_SAMPLE_S = 10.0
_JOB_EVERY_S = 20.0
_KEPT_JOBS = 6
_PATIENCE_S = 60.0
_BUCKET = "soak"
_SIZE = 200_000
_MAY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iot:*", "iotjobsdata:*"], "Resource": "*"}],
}
_GONE_MEANWHILE = {404, 409}
"""What a device is told whose job the operator deleted or canceled."""


class Sample(NamedTuple):
    """Resident MiB by process, at a time since the beginning."""

    at_s: float
    resident: dict[str, float]


class Tally:
    """What was done and what went wrong, by name."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def attempt(self, name: str, act: Callable[[], object]) -> bool:
        """Do it and count it; whether it went well."""
        try:
            act()
            self.done[name] += 1
            return True
        except (OSError, http.client.HTTPException, ClientError) as error:
            self.wrong[f"{name}: {type(error).__name__} {error}"[:160]] += 1
            return False


def run(minutes: float = 60, store: str = "sqlite") -> list[Row]:
    """Work for so long, and fit a line through what was resident after the first ten minutes."""
    with contextlib.ExitStack() as stack:
        where = "sqlite" if store == "sqlite" else stack.enter_context(postgres()).url
        running = stack.enter_context(server(f"--store={where}", "--auth=on", "--log-level=warning"))
        samples, tally = asyncio.run(_soak(running, where, minutes * 60))
    scenario = f"{minutes:g} minutes of steady work on {store}"
    print(f"done: {dict(tally.done.most_common())}\nwrong: {dict(tally.wrong)}")
    return [*_growth(scenario, samples, minutes), _errors(scenario, tally)]


def _errors(scenario: str, tally: Tally) -> Row:
    wrong = sum(tally.wrong.values())
    return Row(scenario, f"of {sum(tally.done.values()):,} things done, failed", 0, wrong, wrong == 0)


def _growth(scenario: str, samples: list[Sample], minutes: float) -> list[Row]:
    """MiB an hour of each process, and of all together."""
    since = min(600.0, minutes * 60 * _WARM_UP)
    counted = [sample for sample in samples if sample.at_s >= since]
    hours = [sample.at_s / 3600 for sample in counted]
    rows = []
    for name in [*counted[0].resident, "all"]:
        sizes = [sum(each.resident.values()) if name == "all" else each.resident[name] for each in counted]
        slope = statistics.linear_regression(hours, sizes).slope
        seen = f"MiB that {name} grows in an hour, from {sizes[0]:.1f} to {sizes[-1]:.1f} in {len(sizes)} samples"
        rows.append(Row(scenario, seen, _GROWTH_MIB, slope, slope <= _GROWTH_MIB))
    return rows


# The work.


class _Place(NamedTuple):
    """Where, with what, and until when."""

    running: Server
    keys: dict[str, str]
    credentials: dict[str, Credentials]
    tally: Tally
    over: threading.Event

    def client(self, service: str, listener: str = "http") -> Any:
        """A boto3 client that signs."""
        return boto3.client(
            service,
            endpoint_url=self.running.addresses[listener],
            region_name="us-east-1",
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
        )

    def context(self, name: str) -> ssl.SSLContext:
        """How a device connects."""
        return tls_context(Path(self.running.addresses["ca"]), *self.credentials[name])


async def _soak(running: Server, store: str, seconds: float) -> tuple[list[Sample], Tally]:
    place = _prepare(running, store)
    workers = [
        threading.Thread(target=_operate, args=(place,)),
        threading.Thread(target=_load_objects, args=(place,)),
        *(threading.Thread(target=_over_https, args=(place, part)) for part in range(3)),
        *(threading.Thread(target=_over_websocket, args=(place, f"ws-{number}")) for number in range(WEBSOCKET)),
    ]
    endpoint = Endpoint("localhost", running.port("mqtts"))
    try:
        async with Fleet(endpoint, Behaviour(quickest=0.2, slowest=4, failure=0.05, steps=1)) as fleet:
            await fleet.connect(
                {f"mqtt-{number}": place.context(f"mqtt-{number}") for number in range(MQTT)}, at_once=4
            )
            for worker in workers:
                worker.start()
            coming = asyncio.create_task(_come_and_go(place, fleet, endpoint))
            samples = await _sample(place, seconds)
            coming.cancel()
            place.tally.done["executions over MQTT"] = sum(fleet.endings.values())
            place.tally.wrong["a device could not connect"] = fleet.refusals["connection"]
    finally:
        place.over.set()
        for worker in workers:
            if worker.ident:
                await asyncio.to_thread(worker.join)
    return samples, place.tally


def _prepare(running: Server, store: str) -> _Place:
    command = [sys.executable, "-m", "tidegate.cli", "keys", "create", f"--data={running.data}", f"--store={store}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("export ", "")
    keys = dict(line.partition("=")[::2] for line in told.splitlines() if line.startswith("AWS_"))
    place = _Place(running, keys, {}, Tally(), threading.Event())
    iot, s3 = place.client("iot"), place.client("s3", "objects")
    iot.create_policy(policyName="soak", policyDocument=json.dumps(_MAY))
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    group = iot.create_thing_group(thingGroupName="soak")["thingGroupArn"]
    iot.attach_policy(policyName="soak", target=group)
    s3.create_bucket(Bucket=_BUCKET)
    s3.put_object(Bucket=_BUCKET, Key="image", Body=random.Random(1).randbytes(_SIZE))
    folder = running.data / "factory"
    folder.mkdir()
    names = [
        f"{kind}-{n}" for kind, count in (("mqtt", MQTT), ("ws", WEBSOCKET), ("https", HTTPS)) for n in range(count)
    ]
    place.credentials.update(
        registration.register(iot, dict.fromkeys(names, "soak"), folder, RandomIds(), lambda: None)
    )
    for name in names[-HTTPS:]:  # a request over HTTPS does not say which thing it is, so the group's policy is not its
        certificate = iot.list_thing_principals(thingName=name)["principals"][0]
        iot.attach_policy(policyName="soak", target=certificate)
    return place


async def _sample(place: _Place, seconds: float) -> list[Sample]:
    began, found = time.monotonic(), list[Sample]()
    while (at := time.monotonic() - began) <= seconds:
        found.append(Sample(at, place.running.memory()))
        if len(found) % 6 == 1:
            sizes = " ".join(f"{name} {size:.1f}" for name, size in found[-1].resident.items())
            store = place.running.data / "tidegate.db"  # its pages are cached, 64 MiB at most
            sizes += f" store {store.stat().st_size / 2**20:.1f}" if store.exists() else ""
            done, wrong = sum(place.tally.done.values()), sum(place.tally.wrong.values())
            print(f"{at / 60:5.1f} min  {sizes}  done {done} wrong {wrong}", flush=True)
        await asyncio.sleep(_SAMPLE_S)
    return found


async def _come_and_go(place: _Place, fleet: Fleet, endpoint: Endpoint) -> None:
    """A device a second takes leave and comes back; now and then somebody comes whom nobody knows."""
    choose = random.Random(2)
    contexts = {device.thing_name: place.context(device.thing_name) for device in fleet.devices}
    for turn in itertools.count():
        device = choose.choice(fleet.devices)
        if device.online:
            await device.close()
            try:
                await device.connect(*endpoint, contexts[device.thing_name])
                place.tally.done["came back"] += 1
            except OSError as error:
                place.tally.wrong[f"coming back: {error}"] += 1
        if turn % 10 == 0:
            _, stranger = await asyncio.open_connection("127.0.0.1", place.running.port("mqtts"))
            stranger.write(b"\x16\x03\x01\x02")
            await stranger.drain()
            stranger.close()
        await asyncio.sleep(1)


def _over_websocket(place: _Place, name: str) -> None:
    """MQTT over WebSocket: job requests, shadows and plain messages; a new connection every five minutes."""
    choose = random.Random(name)
    while not place.over.is_set():
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, transport="websockets")
        client.ws_set_options(path="/mqtt")
        client.tls_set_context(place.context(name))
        client.connect_timeout = _PATIENCE_S
        answered = threading.Event()
        client.on_connect = lambda *_, event=answered: event.set()
        client.on_message = lambda *_, event=answered: event.set()

        def connect(client: paho.Client = client, event: threading.Event = answered) -> None:
            client.connect("localhost", place.running.port("https"))
            client.loop_start()
            _await(event)

        place.tally.attempt("WebSocket connection", connect)
        if client.is_connected():
            client.subscribe([(f"$aws/things/{name}/shadow/#", 0), (f"chat/{name}", 1)])
            _talk(place, name, client, answered, choose)
        client.disconnect()
        client.loop_stop()
        place.over.wait(1)


def _talk(place: _Place, name: str, client: paho.Client, answered: threading.Event, choose: random.Random) -> None:
    """What a WebSocket client has to say until it leaves."""
    leave = time.monotonic() + choose.uniform(200, 400)
    number = 0
    while client.is_connected() and time.monotonic() < leave and not place.over.wait(choose.uniform(1, 3)):
        number += 1
        answered.clear()
        shadow = f"$aws/things/{name}/shadow/name/n{number % 5}"
        turn = number % 10
        if turn < 3:
            client.publish(f"$aws/things/{name}/jobs/get", b"{}", 1)
        elif turn < 6:
            client.publish(f"{shadow}/update", json.dumps({"state": {"reported": {"n": number}}}), 1)
        elif turn == 6:
            client.publish(f"{shadow}/delete", b"", 1)
        else:
            client.publish(f"chat/{name}", bytes(choose.randrange(2000)), 1, retain=turn == 9)
        place.tally.attempt("WebSocket request", partial(_await, answered))


def _await(event: threading.Event) -> None:
    if not event.wait(_PATIENCE_S):
        raise TimeoutError("no answer")


def _over_https(place: _Place, part: int) -> None:
    """Ten devices by turns over HTTPS, each with a connection that it uses twenty times."""
    names = [f"https-{number}" for number in range(HTTPS) if number % 3 == part]
    contexts = {name: place.context(name) for name in names}
    connections: dict[str, http.client.HTTPSConnection] = {}
    for turn in itertools.count():
        for index, name in enumerate(names):
            if place.over.wait(0.2):
                return
            if name not in connections:
                port = place.running.port("https")
                connections[name] = http.client.HTTPSConnection(
                    "localhost", port, timeout=_PATIENCE_S, context=contexts[name]
                )
            well = place.tally.attempt("HTTPS turn", partial(_serve_once, place, connections[name], name, turn))
            if not well or (turn + index) % 20 == 0:
                connections.pop(name).close()


def _serve_once(place: _Place, connection: http.client.HTTPSConnection, name: str, turn: int) -> None:
    """Take a job, download what it names, report; a shadow is set or deleted."""
    ask = _Asker(connection)
    started = ask("PUT", f"/things/{name}/jobs/$next", {"statusDetails": {"turn": str(turn)}}).get("execution")
    if started:
        url = json.loads(started["jobDocument"])["url"]
        place.tally.attempt("download", lambda: _download(url))
        ask("POST", f"/things/{name}/jobs/{started['jobId']}", {"status": "SUCCEEDED"})
    if turn % 7:
        ask("POST", f"/things/{name}/shadow?name=s{turn % 3}", {"state": {"reported": {"turn": turn}}})
    else:
        ask("DELETE", f"/things/{name}/shadow?name=s{turn % 3}")
    ask("POST", f"/topics/chat/{name}?qos=1", {"turn": turn})


class _Asker(NamedTuple):
    connection: http.client.HTTPSConnection

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        self.connection.request(method, path, None if body is None else json.dumps(body))
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200 and answer.status not in _GONE_MEANWHILE:
            raise OSError(f"{method} {path}: {answer.status} {text[:80]!r}")
        return json.loads(text) if answer.status == 200 and text else {}


def _download(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
            size = len(answer.read())
    except HTTPError as error:
        error.close()
        raise
    if size != _SIZE:
        raise OSError(f"{size} bytes instead of {_SIZE}")


def _operate(place: _Place) -> None:
    """Every few seconds something is made and something older is ended and deleted."""
    iot, data = place.client("iot"), place.client("iot-data")
    account = iot.describe_thing_group(thingGroupName="soak")["thingGroupArn"].split(":")[4]
    group = f"arn:aws:iot:us-east-1:{account}:thinggroup/soak"
    url = f"${{aws:iot:s3-presigned-url:https://{_BUCKET}.s3.us-east-1.amazonaws.com/image}}"
    jobs: list[str] = []
    for number in itertools.count():
        name = f"made-{number}"
        _make_job(place, iot, name, group, url)
        jobs.append(name)
        if len(jobs) > _KEPT_JOBS:
            _end_job(place, iot, jobs.pop(0), cancel=number % 2 == 0)
        until = time.monotonic() + _JOB_EVERY_S
        for step in itertools.count():
            place.tally.attempt("operator's round", partial(_round, iot, data, f"extra-{number}-{step}"))
            if place.over.wait(2):
                return
            if time.monotonic() > until:
                break


def _make_job(place: _Place, iot: Any, name: str, group: str, url: str) -> None:
    options: dict[str, Any] = (
        {} if place.tally.done["job"] % 3 else {"jobExecutionsRolloutConfig": {"maximumPerMinute": 900}}
    )
    place.tally.attempt(
        "job",
        lambda: iot.create_job(
            jobId=name,
            targets=[group],
            document=json.dumps({"url": url, "padding": "x" * 500}),
            presignedUrlConfig={"roleArn": "arn:aws:iam::000000000000:role/presign", "expiresInSec": 600},
            targetSelection="SNAPSHOT",
            timeoutConfig={"inProgressTimeoutInMinutes": 5},
            **options,
        ),
    )


def _end_job(place: _Place, iot: Any, name: str, *, cancel: bool) -> None:
    if cancel:
        with contextlib.suppress(iot.exceptions.InvalidRequestException):
            iot.cancel_job(jobId=name, force=True)
    place.tally.attempt("deleted job", lambda: iot.delete_job(jobId=name, force=True))


def _round(iot: Any, data: Any, name: str) -> None:
    """Things, certificates, shadows and lists, each gone again at the end."""
    iot.create_thing(thingName=name, attributePayload={"attributes": {"made": "1"}})
    data.update_thing_shadow(thingName=name, payload=json.dumps({"state": {"desired": {"a": name}}}))
    data.get_thing_shadow(thingName=name)
    data.delete_thing_shadow(thingName=name)
    if name.endswith("-0"):
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
        iot.detach_thing_principal(thingName=name, principal=made["certificateArn"])
        iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
        iot.delete_certificate(certificateId=made["certificateId"])
    iot.search_index(queryString="thingName:mqtt-1*", maxResults=50)
    iot.list_jobs(maxResults=20)
    iot.list_things(maxResults=50)
    data.publish(topic="chat/all", qos=1, payload=b"hello")
    iot.delete_thing(thingName=name)


def _load_objects(place: _Place) -> None:
    """An object comes, is read and goes, every five seconds."""
    s3 = place.client("s3", "objects")
    body = random.Random(3).randbytes(_SIZE)

    def once(name: str) -> None:
        version = s3.put_object(Bucket=_BUCKET, Key=name, Body=body)["VersionId"]
        s3.get_object(Bucket=_BUCKET, Key=name)["Body"].read()
        s3.list_objects_v2(Bucket=_BUCKET)
        s3.delete_object(Bucket=_BUCKET, Key=name, VersionId=version)

    for number in itertools.count():
        place.tally.attempt("object", partial(once, f"object-{number}"))
        if place.over.wait(5):
            return
