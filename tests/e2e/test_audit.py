"""The audit log as an auditor meets it: real clients, both stores, two servers, a server that is killed."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3
import paho.mqtt.client as paho
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.fleet import PATIENCE, Account, Maker
from tests.e2e.mqtt import RefusedError, connected
from tests.operators import admitted, vault_of
from tests.servers import Started, options, started
from tidegate.clock import RandomIds
from tidegate.core import audit as rules
from tidegate.ops import audit
from tidegate.pki import vault
from tools.ordeal._acknowledged import WRITERS, Change, Journal, Server, Trigger, prepare, write

SECRET = "a-secret-of-forty-characters-0123456789"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_numbers = iter(range(5000, 9000))


def entries(server: Started, **wanted: str) -> list[dict[str, Any]]:
    """What the log holds, once it is sealed; the chain is whole."""
    server.on_loop(server.running.auditor.settle)
    unit, proves = server.running.service.unit, vault_of(server).proves

    async def read() -> list[dict[str, Any]]:
        verdict = await unit.read(lambda tx: rules.verify(audit.following(tx, 0), proves=proves))
        assert verdict.fault is None
        found = await unit.read(lambda tx: list(audit.find(tx, audit.Wanted(**wanted))))
        return [json.loads(bytes(one.entry)) for one, _ in found]

    return server.on_loop(read)


class Operator:
    """Somebody with an access key on a server that verifies signatures."""

    def __init__(self, server: Started, *statements: dict[str, Any]) -> None:
        number = next(_numbers)
        self.server, self.key_id = server, f"AKIA{number:016d}"
        self.arn = f"arn:aws:iam::{number:012d}:user/ann"
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        admitted(server, self.key_id, SECRET, self.arn, {"Only": policy})

    def client(self, service: str = "iot", secret: str = SECRET) -> Any:
        return self.server.client(service, aws_access_key_id=self.key_id, aws_secret_access_key=secret)

    def entries(self) -> list[dict[str, Any]]:
        return entries(self.server, principal=self.arn)


def test_a_change_is_told_with_who_from_where_and_what(guarded: Started) -> None:
    ann = Operator(guarded, ALL)
    iot = ann.client()
    answer = iot.create_thing(thingName="lamp", attributePayload={"attributes": {"a": "1"}})
    iot.describe_thing(thingName="lamp")
    with pytest.raises(ClientError):
        iot.create_thing(thingName="lamp", attributePayload={"attributes": {"a": "2"}})
    made = iot.create_keys_and_certificate(setAsActive=True)
    ann.client("iot-data").update_thing_shadow(thingName="lamp", payload=b'{"state":{"desired":{"token":"x"}}}')
    thing, certificate, shadow = ann.entries()
    assert thing | {"time": 0} == {
        "time": 0,
        "account": ann.arn.split(":")[4],
        "region": "eu-west-1",
        "principal": ann.arn,
        "accessKeyId": ann.key_id,
        "source": "127.0.0.1",
        "edge": "http",
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "operation": "iot:CreateThing",
        "resources": [answer["thingArn"]],
        "parameters": {"thingName": "lamp", "attributePayload": {"attributes": {"a": "1"}}},
    }
    assert certificate["resources"] == [made["certificateArn"]]
    assert shadow["operation"] == "iot:UpdateThingShadow"
    assert set(shadow["parameters"]["payload"]) == {"sha256", "size"}
    text = json.dumps(ann.entries())
    assert SECRET not in text
    assert "PRIVATE KEY" not in text


def test_a_device_leaves_no_entry_and_its_abort_the_engine_s(either_account: Account) -> None:
    account = either_account
    account.thing("lamp")
    account.policy("all", {"Version": "2012-10-17", "Statement": [{**ALL, "Action": "iot:*"}]})
    credentials = account.register("lamp")
    account.grant(credentials, "lamp", "all")
    criteria = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 1}
    account.iot.create_job(
        jobId="j",
        targets=[f"arn:aws:iot:eu-west-1:{account.id}:thing/lamp"],
        document="{}",
        abortConfig={"criteriaList": [criteria]},
    )
    before = len(entries(account.server, resource=f":{account.id}:"))
    device = account.tls(credentials)
    connection = http.client.HTTPSConnection(
        account.server.addresses.https.removeprefix("https://").replace("127.0.0.1", "localhost"), context=device
    )
    for method, path, body in (
        ("PUT", "/things/lamp/jobs/$next", {}),
        ("POST", "/things/lamp/jobs/j", {"status": "FAILED"}),
    ):
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) != (403, b"")
        assert answer.status == 200
    connection.close()
    [entry] = entries(account.server, resource=f":{account.id}:")[before:]
    assert (entry["principal"], entry["operation"]) == ("engine", "tidegate:AbortJob")


def test_what_an_operator_does_over_mqtt_is_told(server: Started, account: Account) -> None:
    account.thing("ws-lamp")
    host, _, port = server.addresses.http.removeprefix("http://").rpartition(":")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="operator", transport="websockets")
    scope = f"{account.id}/20260101/eu-west-1/iotdevicegateway/aws4_request".replace("/", "%2F")
    client.ws_set_options(path=f"/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}")
    answered = threading.Event()
    client.on_message = lambda *_: answered.set()
    client.on_connect = lambda *_: client.subscribe("$aws/things/ws-lamp/shadow/update/accepted")

    def act(*_: Any) -> None:
        client.publish("plain", "not told", qos=1)
        client.publish("kept", "told", qos=1, retain=True)
        client.publish("$aws/things/ws-lamp/shadow/update", '{"state":{}}', qos=1)

    client.on_subscribe = act
    client.connect(host, int(port))
    client.loop_start()
    assert answered.wait(PATIENCE)
    client.disconnect()
    client.loop_stop()
    server.on_loop(server.running.devices.journal.settled)
    told = entries(server, resource=f":{account.id}:")
    [retained] = [one for one in told if one["operation"] == "iot:Publish"]
    [entry] = [one for one in told if one["operation"] == "iot:UpdateThingShadow"]
    assert (retained["edge"], retained["resources"]) == ("mqtt", [f"arn:aws:iot:eu-west-1:{account.id}:topic/kept"])
    assert (retained["parameters"]["retain"], retained["parameters"]["payload"]["size"]) == (True, 4)
    assert (entry["edge"], entry["operation"]) == ("mqtt", "iot:UpdateThingShadow")
    assert entry["resources"] == [f"arn:aws:iot:eu-west-1:{account.id}:thing/ws-lamp"]


def test_refused_clients_are_added_up(tmp_path: Path, maker: Maker) -> None:
    with started(options(tmp_path)) as server:
        account = Account(server, maker, tmp_path)
        credentials = account.device("lamp")
        for _ in range(2):
            with pytest.raises(RefusedError), connected(account, credentials, "stranger", thing="lamp"):
                pass
        with connected(account, credentials, "lamp"):
            pass
        entry = server.on_loop(_refusals(server))
    assert entry.after == {"AUTHORIZATION_FAILED 127.0.0.1 MQTT client 'stranger'": "2"}


def test_refusals_are_added_up(guarded: Started) -> None:
    ann = Operator(guarded, {**ALL, "Effect": "Deny"})
    for _ in range(3):
        with pytest.raises(ClientError):
            ann.client().list_things()
    with pytest.raises(ClientError):
        ann.client(secret="x" * 40).list_things()
    assert ann.entries() == []
    entry = guarded.on_loop(_refusals(guarded))
    assert entry.outcome == "refused"
    counts = {name: count for name, count in entry.after.items() if ann.key_id in name}
    assert {name.split(" ")[0]: count for name, count in counts.items()} == {
        "AccessDeniedException": "3",
        "InvalidSignatureException": "1",
    }


def _refusals(server: Started) -> Callable[[], Any]:
    async def take() -> Any:
        return server.running.service.refusals.taken()

    return take


def test_any_number_of_refused_callers_is_one_short_entry(guarded: Started) -> None:
    count = guarded.running.service.refusals.count
    for number in range(1000):
        count(f"192.0.2.{number}", "access key 'x'" * 100, "AccessDeniedException")
    entry = guarded.on_loop(_refusals(guarded))
    assert len(entry.after) <= 17
    assert sum(map(int, entry.after.values())) == 1000


def test_the_page_takes_a_permission_and_shows_one_account(guarded: Started) -> None:
    ann, bob = Operator(guarded, ALL), Operator(guarded, {**ALL, "Action": "iot:*"})
    ann.client().create_thing(thingName="a")
    bob.client().create_thing(thingName="b")
    guarded.on_loop(guarded.running.auditor.settle)

    def page(who: Operator, query: str = "") -> tuple[int, Any]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        path = "/_tidegate/audit" + query
        request = AWSRequest("GET", guarded.addresses.http + path)
        SigV4Auth(Credentials(who.key_id, SECRET), "iot", "eu-west-1").add_auth(request)
        status, _, body = guarded.fetch(path, headers=dict(request.headers))
        return status, json.loads(body)

    assert guarded.fetch("/_tidegate/audit")[0] == 403
    assert page(bob)[0] == 403
    assert page(ann, "?after=x")[0] == 400
    after, found = 0, []
    while after is not None:
        status, body = page(ann, f"?after={after}")
        assert status == 200
        found += body["entries"]
        after = body["next"]
    assert [one["entry"]["resources"][0].rpartition("/")[2] for one in found] == ["a"]


def test_the_clock_and_a_reset_are_told(tmp_path: Path) -> None:
    with started(options(tmp_path, clock="movable")) as server:
        assert server.fetch("/_tidegate/clock", "POST", {"advance": 60})[0] == 200
        assert server.fetch("/_tidegate/clock", "POST", {"jump": 60})[0] == 400
        server.client("iot").create_thing(thingName="t")
        start, clock, thing = entries(server)
        assert start["operation"] == "tidegate:StartServer"
        assert start["parameters"]["clock"] == "movable"
        assert (clock["operation"], clock["outcome"]) == ("tidegate:MoveClock", "asked")
        assert clock["parameters"] == {"advance": 60}
        assert thing["serviceTime"] - thing["time"] > 50_000
        assert server.fetch("/_tidegate/reset", "POST")[0] == 200
        [reset] = entries(server)
        assert reset["operation"] == "tidegate:Reset"
    with started(options(tmp_path)) as server:
        assert [entry["operation"] for entry in entries(server)] == [
            "tidegate:Reset",
            "tidegate:StopServer",
            "tidegate:StartServer",
        ]


def test_two_servers_keep_one_log(tmp_path: Path, new_postgres: Callable[[str], str]) -> None:
    url = new_postgres("tidegate-audit")
    key = tmp_path / "master.key"
    vault.load_or_create(tmp_path, RandomIds())
    first, second = (options(tmp_path / name, store=url, master_key=key) for name in ("first", "second"))
    with started(first) as one, started(second) as two:

        def make(server: Started, prefix: str) -> None:
            iot = server.client("iot")
            for number in range(20):
                iot.create_thing(thingName=f"{prefix}-{number}")
                server.on_loop(server.running.auditor.settle)

        threads = [threading.Thread(target=make, args=(server, name)) for server, name in ((one, "a"), (two, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        found = [entry["parameters"]["thingName"] for entry in entries(one, operation="CreateThing")]
        assert sorted(found) == sorted(f"{prefix}-{number}" for prefix in "ab" for number in range(20))
        assert len(entries(two)) == len(found) + 2


# --- killed ---------------------------------------------------------------------------------------------------------

KILLS = 2


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_entries_are_the_acknowledged_changes_after_a_kill(
    store: str, tmp_path: Path, new_postgres: Callable[[str], str]
) -> None:
    where = store if store == "sqlite" else new_postgres("tidegate-audit-killed")
    choose = random.Random(20260101)
    server = Server(tmp_path / "data", where).wait()
    prepare(server, tmp_path)
    changes: list[Change] = []
    for number in range(KILLS):
        journals = [Journal() for _ in range(WRITERS)]
        trigger = Trigger(choose.randrange(20, 80))
        threads = [
            threading.Thread(
                target=write, args=(server, f"r{number}-w{index}", choose.getrandbits(32), journals[index], trigger)
            )
            for index in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        assert trigger.fired.wait(PATIENCE)
        server.kill()
        for thread in threads:
            thread.join(PATIENCE)
        changes += [change for journal in journals for change in journal.changes]
        server = Server(tmp_path / "data", where).wait()
    told = Counter(_told(entry) for entry in _all(server))
    server.kill()
    made = Counter(_made(change) for change in changes if change.acknowledged)
    perhaps = Counter(_made(change) for change in changes if not change.acknowledged)
    told = Counter({name: count for name, count in told.items() if name[1].startswith("r")})
    assert made
    assert max(told.values()) == 1
    assert not made - told, "acknowledged, and not told"
    assert not told - made - perhaps, "told, and never asked for"


def _made(change: Change) -> tuple[str, str]:
    path = change.path.partition("?")[0].split("/")
    if path[1] == "tags":
        return "TagResource", change.body["tags"][0]["Key"].removesuffix("-0")
    if path[1] == "jobs":
        name = "CancelJob" if path[-1] == "cancel" else "DeleteJob" if change.method == "DELETE" else "CreateJob"
        return name, path[2]
    return ("CreateThing" if path[1] == "things" else "CreateJobTemplate"), path[2]


def _told(entry: dict[str, Any]) -> tuple[str, str]:
    operation, given = entry["operation"].removeprefix("iot:"), entry.get("parameters", {})
    if operation == "TagResource":
        return operation, given["tags"][0]["Key"].removesuffix("-0")
    found: Iterable[str] = (given[name] for name in ("jobId", "thingName", "jobTemplateId") if name in given)
    return operation, next(iter(found), "")


def _all(server: Server) -> list[dict[str, Any]]:
    """Every entry, once the server has sealed what it found: it does so at its start."""
    connection = http.client.HTTPConnection(server.http, timeout=PATIENCE)
    found: list[dict[str, Any]] = []
    started, deadline = 0, time.monotonic() + PATIENCE
    while started < KILLS + 1:  # the start of this server is the last entry
        assert time.monotonic() < deadline, "the start of the server is not sealed"
        found, after = [], 0
        while after is not None:
            connection.request("GET", f"/_tidegate/audit?after={after}")
            body = json.loads(connection.getresponse().read())
            found += [one["entry"] for one in body["entries"]]
            after = body["next"]
        started = sum(entry["operation"] == "tidegate:StartServer" for entry in found)
    connection.close()
    return found


def test_boto3_is_answered_as_before(either: Started) -> None:
    """A session with retries, as most have it."""
    session = boto3.session.Session("test", "test", region_name="eu-west-1")
    iot = session.client("iot", endpoint_url=either.addresses.http, config=Config(retries={"mode": "standard"}))
    name = f"retry-{next(_numbers)}"
    iot.create_thing(thingName=name)
    iot.create_thing(thingName=name)
    found = [entry for entry in entries(either, operation="CreateThing") if entry["parameters"]["thingName"] == name]
    assert len(found) == 2


@pytest.mark.parametrize("apart", [False, True])
def test_what_a_key_does_to_objects_is_told_before(tmp_path: Path, apart: bool) -> None:
    with started(options(tmp_path, auth=True, objects_apart=apart)) as server:
        ann = Operator(server, {**ALL, "Action": "s3:*"})
        s3 = ann.client("s3")
        s3.create_bucket(Bucket="shelf")
        answer = s3.put_object(Bucket="shelf", Key="a b", Body=b"1")
        s3.copy_object(Bucket="shelf", Key="copy", CopySource={"Bucket": "shelf", "Key": "a b"})
        upload = s3.create_multipart_upload(Bucket="shelf", Key="large")["UploadId"]
        part = s3.upload_part(Bucket="shelf", Key="large", UploadId=upload, PartNumber=1, Body=b"1")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket="shelf", Key="large", UploadId=upload, MultipartUpload=parts)
        s3.get_object(Bucket="shelf", Key="copy")
        s3.list_objects_v2(Bucket="shelf")
        s3.delete_object(Bucket="shelf", Key="copy")
        gone = s3.delete_objects(Bucket="shelf", Delete={"Objects": [{"Key": "a b"}, {"Key": "large"}]})
        assert "Errors" not in gone
        s3.put_bucket_versioning(Bucket="shelf", VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket="empty")
        s3.delete_bucket(Bucket="empty")  # the other one holds versions
        found = ann.entries()
        arn = "arn:aws:s3:::shelf"
        assert [(one["operation"], *one["resources"]) for one in found] == [
            ("s3:CreateBucket", arn),
            ("s3:PutObject", f"{arn}/a b"),
            ("s3:CopyObject", f"{arn}/copy"),
            ("s3:CompleteMultipartUpload", f"{arn}/large"),
            ("s3:DeleteObject", f"{arn}/copy"),
            ("s3:DeleteObjects", arn),
            ("s3:PutBucketVersioning", arn),
            ("s3:CreateBucket", "arn:aws:s3:::empty"),
            ("s3:DeleteBucket", "arn:aws:s3:::empty"),
        ]
        assert {(one["outcome"], one["edge"], one["accessKeyId"]) for one in found} == {("asked", "s3", ann.key_id)}
        assert (found[1]["source"], found[1]["region"]) == ("127.0.0.1", "eu-west-1")
        assert found[1]["requestId"] == answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("apart", [False, True])
def test_who_is_refused_at_objects_is_counted(tmp_path: Path, apart: bool) -> None:
    with started(options(tmp_path, auth=True, objects_apart=apart)) as server:
        ann = Operator(server, {**ALL, "Action": "s3:ListBucket"})
        for _ in range(3):
            with pytest.raises(ClientError, match="AccessDenied"):
                ann.client("s3").create_bucket(Bucket="shelf")
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            ann.client("s3", "wrong").create_bucket(Bucket="shelf")
        counted = {f"AccessDenied 127.0.0.1 access key '{ann.key_id}'": 3}
        counted["SignatureDoesNotMatch 127.0.0.1 an S3 client"] = 1
        ended = time.monotonic() + PATIENCE
        while (found := dict(server.running.service.refusals._counts)) != counted:
            assert time.monotonic() < ended, found
            time.sleep(0.01)
        assert ann.entries() == []
