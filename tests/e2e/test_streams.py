"""File streams and OTA updates through real clients: boto3, and agents over real TLS that do what AWS's do."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import cbor2
import pytest
from botocore.exceptions import ClientError

from bench.mqtt_client import packet, text
from tests.e2e import agents
from tests.e2e.agents import RejectedError
from tests.e2e.fleet import PATIENCE, REGION, Account, client
from tests.e2e.mqtt import Device, connected
from tests.servers import Started
from tools.ordeal._served import Served

ROLE = "arn:aws:iam::123456789012:role/ota"
IMAGE = random.Random(7).randbytes(150_001)
THING = "${iot:Connection.Thing.ThingName}"
HEAD = f"arn:aws:iot:{REGION}:*:"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{HEAD}client/{THING}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [f"{HEAD}topic/$aws/things/{THING}/{word}/*" for word in ("jobs", "streams")],
        },
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": [f"{HEAD}topicfilter/$aws/things/{THING}/{word}/*" for word in ("jobs", "streams")],
        },
    ],
}


class Depot:
    """An account with a firmware in a bucket of its own and a device that may read streams."""

    def __init__(self, account: Account) -> None:
        self.account, self.iot = account, account.iot
        self.bucket = f"firmware-{account.id}"
        self.s3 = client_of_objects(account)
        self.s3.create_bucket(Bucket=self.bucket)
        self.put()
        account.thing("lamp")
        self.credentials = account.register("lamp")
        account.grant(self.credentials, "lamp", account.policy("streams", POLICY))

    def put(self, body: bytes = IMAGE, key: str = "v1") -> str:
        version: str = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
        return version

    def at(self, key: str = "v1", **members: str) -> dict[str, Any]:
        return {"s3Location": {"bucket": self.bucket, "key": key, **members}}

    def stream(self, name: str = "s", *keys: str) -> None:
        files = [{"fileId": number, **self.at(key)} for number, key in enumerate(keys or ("v1",))]
        self.iot.create_stream(streamId=name, files=files, roleArn=ROLE)

    def update(self, name: str = "u", **members: Any) -> Any:
        given = {
            "targets": [self.account.arn("thing/lamp")],
            "files": [{"fileName": "/app", "fileLocation": self.at()}],
            "roleArn": ROLE,
            **members,
        }
        return self.iot.create_ota_update(otaUpdateId=name, **given)


def client_of_objects(account: Account) -> Any:
    found = client(account.server, "s3", account.id)
    return boto3.session.Session(account.id, "any", region_name=REGION).client(
        "s3", endpoint_url=account.server.addresses.objects, config=found.meta.config
    )


@pytest.fixture
def depot(account: Account) -> Depot:
    return Depot(account)


@pytest.fixture
def either_depot(either_account: Account) -> Depot:
    return Depot(either_account)


@pytest.fixture
def lamp(depot: Depot) -> Iterator[Device]:
    with connected(depot.account, depot.credentials, "lamp") as device:
        yield device


def test_an_ota_update_as_freertos_carries_it_out(either_depot: Depot) -> None:
    """From ``$next/get`` over blocks, of which some are lost, a self-test after a reboot, to its end (6.3)."""
    depot = either_depot
    signature = {"signature": {"inlineDocument": b"der"}, "certificateChain": {"certificateName": "/cert.pem"}}
    signing = {"customCodeSigning": {**signature, "hashAlgorithm": "SHA256", "signatureAlgorithm": "ECDSA"}}
    depot.update(files=[{"fileName": "/app", "fileType": 0, "fileLocation": depot.at(), "codeSigning": signing}])
    with connected(depot.account, depot.credentials, "lamp") as device:
        found = device.accepted("$next/get")["execution"]
        document = found["jobDocument"]["afr_ota"]
        (file,) = document["files"]
        assert (file["filesize"], file["sig-sha256-ecdsa"], file["certfile"]) == (len(IMAGE), "ZGVy", "/cert.pem")
        name = document["streamname"]
        device.subscribe(f"{agents.stream(device, name)}/data/cbor", qos=0)
        assert agents.like_freertos(device, name, file, at_once=4, losing=9) == IMAGE
        update = f"{found['jobId']}/update"
        details = {"receive": "37/37"}
        device.accepted(update, status="IN_PROGRESS", statusDetails=details)
        details = {"self_test": "ready", "updatedBy": "0x1000000"}
        device.accepted(update, status="IN_PROGRESS", statusDetails=details)
    depot.account.job("later", "lamp")
    with connected(depot.account, depot.credentials, "lamp") as device:
        again = device.accepted("$next/get")["execution"]
        assert (again["jobId"], again["status"], again["statusDetails"]) == (found["jobId"], "IN_PROGRESS", details)
        reason = {"reason": "accepted  v1.2.3", "updatedBy": "  v1.2.2"}
        device.accepted(update, status="SUCCEEDED", statusDetails=reason)
    assert depot.account.status("AFR_OTA-u") == "COMPLETED"
    _, _, metrics = depot.account.server.fetch("/metrics")
    assert b'tidegate_streams_total{operation="GetStream",outcome="accepted"}' in metrics
    (sent,) = re.findall(rb"^tidegate_streams_sent_bytes_total (\S+)", metrics, re.MULTILINE)
    assert float(sent) >= len(IMAGE)
    depot.iot.delete_ota_update(otaUpdateId="u", deleteStream=True)
    assert depot.iot.list_streams()["streams"] == []


@pytest.mark.parametrize("form", ["cbor", "json"])
def test_the_sequence_of_the_c_library(depot: Depot, lamp: Device, form: str) -> None:
    depot.stream()
    file = {"filesize": len(IMAGE), "fileid": 0}
    assert agents.like_the_c_library(lamp, "s", file, form, 8192) == IMAGE


def test_the_sequence_of_a_sketch(depot: Depot, lamp: Device) -> None:
    depot.put(b"small", key="v2")
    depot.stream("s", "v1", "v2")
    assert agents.like_a_sketch(lamp, "s", 0, 16_384) == IMAGE
    assert agents.like_a_sketch(lamp, "s", 1) == b"small"


def test_the_largest_blocks(depot: Depot, lamp: Device) -> None:
    """Of 131,072 bytes, which is more than a client may publish, in both encodings (5.4)."""
    depot.stream()
    for form in ("cbor", "json"):
        blocks = [
            agents.asked(lamp, "s", "get", form, {"f": 0, "l": 131_072, "o": number, "n": 1}, qos=1)["p"]
            for number in (0, 1)
        ]
        assert b"".join(blocks) == IMAGE


def test_one_request_brings_at_most_128_kib(depot: Depot, lamp: Device) -> None:
    depot.stream()
    got = agents.asked(lamp, "s", "get", "cbor", {"f": 0, "l": 32_768, "n": 98_304})["p"]
    got += b"".join(agents.answer(lamp, "s", "cbor")["p"] for _ in range(3))
    assert got == IMAGE[:131_072]
    assert lamp.silent()


def test_an_object_that_is_replaced_midway(depot: Depot, lamp: Device, caplog: pytest.LogCaptureFixture) -> None:
    depot.stream()
    assert agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1})["p"] == IMAGE[:256]
    depot.put(IMAGE[::-1])
    with pytest.raises(RejectedError, match="ETagMismatch") as caught:
        agents.asked(lamp, "s", "get", "json", {"c": "t", "f": 0, "l": 256, "n": 1})
    assert caught.value.members["c"] == "t"
    for _ in range(3):
        with pytest.raises(RejectedError, match="ETagMismatch"):
            agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1})
    (line,) = [each.getMessage() for each in caplog.records if "cannot be read" in each.getMessage()]
    assert line.startswith("stream s of lamp cannot be read: changed: ")
    assert line.endswith("put the object back, or update the stream")
    updated = depot.iot.update_stream(streamId="s", files=[{"fileId": 0, **depot.at()}])
    assert updated["streamVersion"] == 2
    with pytest.raises(RejectedError, match="VersionMismatch"):
        agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1, "s": 1})
    assert agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1, "s": 2})["p"] == IMAGE[::-1][:256]


def test_a_version_that_was_named_stays_readable(depot: Depot, lamp: Device) -> None:
    version = depot.s3.list_object_versions(Bucket=depot.bucket)["Versions"][0]["VersionId"]
    files = [{"fileId": 0, **depot.at(version=version)}]
    depot.iot.create_stream(streamId="s", files=files, roleArn=ROLE)
    depot.put(b"another")
    assert agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1})["p"] == IMAGE[:256]
    depot.s3.delete_object(Bucket=depot.bucket, Key="v1", VersionId=version)
    with pytest.raises(RejectedError, match="ResourceNotFound"):
        agents.asked(lamp, "s", "get", "json", {"f": 0, "l": 256, "n": 1})


@pytest.mark.parametrize(
    ("form", "members", "code"),
    [
        ("cbor", cbor2.dumps({"f": 0, "l": 256})[:-2], "InvalidCbor"),
        ("cbor", b"\xbf" * 20_000, "InvalidCbor"),
        ("json", b'{"f": 0', "InvalidJson"),
        ("json", {"f": 0, "l": 100}, "BlockSizeOutOfBounds"),
        ("json", {"f": 0, "l": 256, "o": 10_000}, "OffsetOutOfBounds"),
        ("cbor", {"f": 0, "l": 256, "o": 10_000, "b": b"\xff"}, "ResourceNotFound"),
        ("cbor", {"f": 0, "l": 256, "b": bytes(12_288)}, "BlockBitmapLimitExceeded"),
        ("cbor", {"f": 0, "l": 256, "n": 98_305}, "BlockCountLimitExceeded"),
        ("json", {"f": 9, "l": 256}, "ResourceNotFound"),
    ],
)
def test_what_is_rejected(depot: Depot, lamp: Device, form: str, members: Any, code: str) -> None:
    depot.stream()
    with pytest.raises(RejectedError, match=code):
        agents.asked(lamp, "s", "get", form, members, qos=1)


def test_a_client_that_takes_small_packets_only(depot: Depot) -> None:
    depot.stream()
    with connected(depot.account, depot.credentials, "lamp", level=5, max_packet=1000) as device:
        with pytest.raises(RejectedError, match="BlockSizeOutOfBounds"):
            agents.asked(device, "s", "get", "json", {"f": 0, "l": 1024, "n": 1}, qos=1)
        assert agents.asked(device, "s", "get", "json", {"f": 0, "l": 512, "n": 1}, qos=1)["p"] == IMAGE[:512]


def test_a_device_reads_what_its_policy_allows_and_its_account_has(
    depot: Depot, lamp: Device, server: Any, maker: Any, tmp_path: Path
) -> None:
    depot.stream()
    other = Depot(Account(server, maker, tmp_path))
    theirs = connected(other.account, other.credentials, "lamp")
    with theirs as device, pytest.raises(RejectedError, match="ResourceNotFound"):
        agents.asked(device, "s", "get", "json", {"f": 0, "l": 256}, qos=1)
    # Another thing's topics are not this one's: the policy ends the connection.
    assert lamp.publish("$aws/things/other/streams/s/get/json", b"{}") == -1


def test_a_request_over_https_is_carried_out_and_answered_to_nobody(depot: Depot, lamp: Device) -> None:
    depot.stream()
    data = client(depot.account.server, "iot-data", depot.account.id)
    data.publish(topic=f"{agents.stream(lamp, 's')}/get/cbor", payload=cbor2.dumps({"f": 0, "l": 256, "n": 1}))
    assert lamp.silent()


def test_blocks_by_url_in_the_place_of_a_stream(depot: Depot, lamp: Device) -> None:
    depot.update(protocols=["HTTP"], awsJobPresignedUrlConfig={"expiresInSec": 300})
    (file,) = lamp.accepted("$next/get")["execution"]["jobDocument"]["afr_ota"]["files"]
    assert len(file["update_data_url"]) <= 1500  # the buffer of FreeRTOS
    with urllib.request.urlopen(file["update_data_url"], timeout=30) as answer:
        assert answer.read() == IMAGE
    assert depot.iot.list_streams()["streams"] == []


def test_who_does_not_read_is_not_read_for(depot: Depot, server: Started) -> None:
    """A client asks for six megabytes and takes nothing: the server waits with a block or two, and loses none."""
    depot.stream()
    asked, got = 50, bytearray()
    topic, members = b"$aws/things/lamp/streams/s/get/cbor", cbor2.dumps({"f": 0, "l": 131_072, "o": 0, "n": 1})
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    plain.connect(("localhost", depot.account.mqtt_port))
    plain.settimeout(PATIENCE)
    with depot.account.tls(depot.credentials).wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(packet(0x10, text(b"MQTT") + b"\x04\x02\x04\xb0" + text(b"lamp")))
        assert client.recv(4) == b"\x20\x02\x00\x00"
        client.sendall(packet(0x30, text(topic) + members) * asked)
        most = server.on_loop(lambda: most_unsent(server, depot.account.id))
        assert 65_536 < most < 65_536 + 2 * 131_400
        while len(got) < asked * 131_072:
            got += client.recv(1 << 20)
    assert got.count(IMAGE[1000:2000]) == asked


async def most_unsent(server: Started, account: str) -> int:
    """What waits for the account's client at most, until nothing has been added to it for many turns of the loop."""
    (edge,) = [
        each
        for each in server.running.devices.server._edges
        if each.connection.identity is not None and each.connection.identity.scope[0] == account
    ]
    most, quiet = 0, 0
    while quiet < 2000:
        await asyncio.sleep(0)
        assert edge.transport is not None
        now = edge.transport.get_write_buffer_size()
        quiet = quiet + 1 if 0 < now <= most else 0
        most = max(most, now)
    return most


def test_a_fleet_reads_one_file_at_once(depot: Depot, server: Started) -> None:
    """Two levels of MQTT and both encodings side by side; the storage is read once for all of them (5.7, 6.4)."""
    depot.stream()
    file, names = {"filesize": len(IMAGE), "fileid": 0}, [f"lamp{number}" for number in range(12)]
    held = {name: depot.account.register(name) for name in names}
    for name in names:
        depot.account.thing(name)
        depot.account.grant(held[name], name, "streams")
    pages = server.running.service.objects.pages  # type: ignore[union-attr]
    before = pages.reads  # type: ignore[attr-defined]

    def read(number: int) -> bytes:
        name, form = names[number], ("cbor", "json")[number % 2]
        with connected(depot.account, held[name], name, level=4 + number % 3 // 2) as device:
            return agents.like_the_c_library(device, "s", file, form, 4096)

    with ThreadPoolExecutor(len(names)) as threads:
        assert all(image == IMAGE for image in threads.map(read, range(len(names))))
    assert pages.reads - before == 2  # type: ignore[attr-defined]


def test_boto3_for_every_operation(either_depot: Depot) -> None:
    depot, iot = either_depot, either_depot.iot
    for number in range(5):
        iot.create_stream(streamId=f"s{number}", files=[{"fileId": 0, **depot.at()}], roleArn=ROLE, description="d")
        depot.update(f"u{number}", files=[{"fileLocation": {"stream": {"streamId": f"s{number}", "fileId": 0}}}])
    pages = iot.get_paginator("list_streams").paginate(ascendingOrder=True, PaginationConfig={"PageSize": 2})
    assert [[one["streamId"] for one in page["streams"]] for page in pages] == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    pages = iot.get_paginator("list_ota_updates").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["otaUpdateId"] for one in page["otaUpdates"]] for page in pages]
    assert found == [["u4", "u3"], ["u2", "u1"], ["u0"]]
    info = iot.describe_stream(streamId="s0")["streamInfo"]
    assert (info["streamVersion"], info["description"], info["files"][0]["fileId"]) == (1, "d", 0)
    assert iot.get_ota_update(otaUpdateId="u0")["otaUpdateInfo"]["otaUpdateStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError) as refused:
        iot.delete_stream(streamId="s0")
    assert refused.value.response["Error"]["Code"] == "DeleteConflictException"
    with pytest.raises(ClientError) as refused:
        iot.delete_ota_update(otaUpdateId="u0")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    iot.delete_ota_update(otaUpdateId="u0", forceDeleteAWSJob=True)
    iot.delete_stream(streamId="s0")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_stream(streamId="s0")
    with pytest.raises(ClientError) as refused:
        depot.update("w", files=[{"fileLocation": depot.at(), "codeSigning": {"awsSignerJobId": "x"}}])
    assert "AWS Signer" in refused.value.response["Error"]["Message"]


class Killable:
    """A server in a process of its own that is killed and started again; what ``Account`` and ``Device`` ask of one."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store = folder, store
        self.start()

    def start(self) -> None:
        self._served = Served(self._folder, self._store)
        self.addresses = SimpleNamespace(**self._served.addresses)

    def kill(self) -> None:
        self._served.kill()


@pytest.fixture(params=["sqlite", "postgres"])
def killable(request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> Iterator[Killable]:
    store = "sqlite" if request.param == "sqlite" else new_postgres("tidegate-streams")
    found = Killable(tmp_path / "data", store)
    yield found
    found.kill()


def test_a_server_that_is_killed_midway(killable: Killable, maker: Any, tmp_path: Path) -> None:
    """The server keeps nothing of a download: the device goes on where it was, with the job it had begun."""
    account = Account(killable, maker, tmp_path)  # type: ignore[arg-type]
    depot = Depot(account)
    depot.update()
    request = {"f": 0, "l": 50_000, "n": 1}
    with connected(account, depot.credentials, "lamp") as device:
        begun = device.accepted("start-next", statusDetails={"receive": "0/4"})["execution"]
        name = begun["jobDocument"]["afr_ota"]["streamname"]
        whole = agents.asked(device, name, "get", "cbor", request)["p"]
        killable.kill()
        assert device.ended.get(timeout=PATIENCE) != 0
    killable.start()
    again = Account(killable, maker, tmp_path)  # type: ignore[arg-type]
    again.id = account.id
    with connected(again, depot.credentials, "lamp") as device:
        found = device.accepted("start-next")["execution"]
        assert (found["jobId"], found["statusDetails"]) == (begun["jobId"], {"receive": "0/4"})
        for number in range(1, 4):
            whole += agents.asked(device, name, "get", "cbor", {**request, "o": number})["p"]
    assert whole == IMAGE
