"""Devices get temporary credentials for their certificate (reach reference 4), on both stores, from real clients.

botocore's refreshable credentials fetch them over TLS as an agent does, curl as AWS's guide does; boto3 signs with
them, for the services and for the object storage.
"""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError

from tests.e2e.fleet import REGION, Account, Credentials, Maker, client
from tests.e2e.test_audit import entries
from tests.operators import admitted, vault_of
from tests.servers import Started, options, started
from tidegate.clock import RandomIds, wall_now
from tidegate.ops import iam
from tidegate.pki import vault as vaults
from tidegate.store import device_sessions
from tidegate.store.database import Tx
from tools.ordeal._served import Served

SECRET = "a-secret-of-forty-characters-0123456789"
_accounts = itertools.count(940_000)
NO_RETRY = Config(retries={"total_max_attempts": 1})


def statement(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


class World:
    """An account with an owner, a role that devices may be, an alias of it, and a device that may assume it."""

    def __init__(
        self, server: Started, maker: Maker, folder: Path, *role: dict[str, Any], verified: bool = True
    ) -> None:
        self.server = server
        self.account = Account(server, maker, folder)
        self.id = self.account.id = f"{next(_accounts):012d}"
        key_id = f"AKIA{self.id}0000" if verified else self.id
        admitted(server, key_id, SECRET, f"arn:aws:iam::{self.id}:user/owner")
        self.iot = self.account.__dict__["iot"] = client(server, "iot", key_id, SECRET)
        self.principal = iam.arn(self.id, "uploader")
        policies = {"Role": json.dumps(document(*role))}
        self.do(lambda tx: iam.create_principal(tx, self.principal, 1, policies=policies, tags={}))
        self.do(lambda tx: iam.allow_devices(tx, self.principal, 3600))
        self.iot.create_role_alias(roleAlias="up", roleArn=f"arn:aws:iam::{self.id}:role/uploader")
        alias = self.account.arn("rolealias/up")
        self.account.policy("assume", document(statement("iot:AssumeRoleWithCertificate", alias)))
        self.device = self.account.register("d")
        self.account.thing("t")
        self.account.grant(self.device, "t", "assume")

    def do(self, work: Callable[[Tx], Any]) -> Any:
        return self.server.on_loop(lambda: self.server.running.service.unit.transact(work))

    def fetch(
        self,
        alias: str = "up",
        *,
        device: Credentials | None = None,
        thing: str | None = None,
        address: str | None = None,
        host: str | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """What the credential provider answers: status, headers, decoded body."""
        device = device or self.device
        context = ssl.create_default_context(cafile=self.server.addresses.ca)
        context.load_cert_chain(device.certificate, device.key)
        port = urlsplit(address or self.server.addresses.https).port
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
        headers = {"x-amzn-iot-thingname": thing} if thing else {}
        # Who has the same certificate in several accounts says by the host's name which it means.
        headers["host"] = host or f"x.credentials.iot.{REGION}.{self.id}.localhost"
        try:
            connection.request("GET", f"/role-aliases/{alias}/credentials", headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())
        finally:
            connection.close()

    def refused(self, **how: Any) -> tuple[int, str]:
        status, _, body = self.fetch(**how)
        assert set(body) == {"message"}
        return status, body["message"]

    def signing(self, service: str, found: dict[str, str], **changes: Any) -> Any:
        """A boto3 client with a device's credentials."""
        return self.server.client(
            service,
            region_name=REGION,
            aws_access_key_id=found["accessKeyId"],
            aws_secret_access_key=found["secretAccessKey"],
            aws_session_token=found["sessionToken"],
            **changes,
        )

    def credentials(self, **how: Any) -> dict[str, str]:
        status, _, body = self.fetch(**how)
        assert status == 200, body
        found: dict[str, str] = body["credentials"]
        return found


EVERYTHING = statement("*")


def code(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        found: str = error.response["Error"]["Code"]
        return found
    return ""


def test_the_answer_is_what_agents_read(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    before = wall_now()
    status, headers, body = world.fetch(thing="t")
    assert status == 200
    assert set(body) == {"credentials"}
    assert set(body["credentials"]) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    ends = datetime.strptime(body["credentials"]["expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before - 1000 <= ends.timestamp() * 1000 - 3_600_000 <= wall_now()
    assert body["credentials"]["accessKeyId"].startswith("ASIA")
    assert headers["Cache-Control"] == "no-store"
    (entry,) = entries(guarded, operation="iot:AssumeRoleWithCertificate", account=world.id)
    assert entry["principal"] == world.device.arn
    assert entry["resources"] == [world.account.arn("rolealias/up"), world.principal]
    assert entry["requestId"] == headers["x-amzn-RequestId"]
    assert entry["parameters"]["accessKeyId"] == body["credentials"]["accessKeyId"]
    assert entry["parameters"]["thingName"] == "t"
    assert body["credentials"]["secretAccessKey"] not in str(entry)
    world.refused(thing="another")
    assert len(entries(guarded, operation="iot:AssumeRoleWithCertificate", account=world.id)) == 1


@pytest.mark.parametrize("way", ["https", "shared"])
def test_botocore_refreshes_them_and_the_services_take_them(
    guarded: Started, maker: Maker, tmp_path: Path, way: str
) -> None:
    world = World(guarded, maker, tmp_path, statement("iot:DescribeThing"))
    address = getattr(guarded.addresses, way)

    def refresh() -> dict[str, str]:
        found = world.credentials(thing="t", address=address)
        return {
            "access_key": found["accessKeyId"],
            "secret_key": found["secretAccessKey"],
            "token": found["sessionToken"],
            "expiry_time": found["expiration"],
        }

    held = RefreshableCredentials.create_from_metadata(refresh(), refresh, "custom-iot")
    first = held.access_key
    session = botocore.session.get_session()
    session._credentials = held
    iot = session.create_client("iot", region_name=REGION, endpoint_url=guarded.addresses.http, config=NO_RETRY)
    assert iot.describe_thing(thingName="t")["thingName"] == "t"
    assert code(lambda: iot.list_things()) == "AccessDeniedException", "the role's policy, not more"
    held._expiry_time = datetime.now(UTC)  # an hour later
    assert iot.describe_thing(thingName="t")["thingName"] == "t"
    assert held.access_key != first


def test_curl_as_in_the_guide(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    endpoint = world.iot.describe_endpoint(endpointType="iot:CredentialProvider")["endpointAddress"]
    done = subprocess.run(
        [
            *("curl", "-sS", "--cert", world.device.certificate, "--key", world.device.key),
            *("--cacert", guarded.addresses.ca, "-H", "x-amzn-iot-thingname: t"),
            f"https://{endpoint}/role-aliases/up/credentials",
        ],
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert "credentials" in json.loads(done.stdout), done.stdout


def test_refusals_in_their_order(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    stranger_pem, stranger_key = maker.issue("nobody")
    stranger = world.account.keep("", stranger_pem, stranger_key)
    with pytest.raises((ssl.SSLError, http.client.RemoteDisconnected)):  # registered nowhere: no handshake, as on AWS
        world.fetch(device=stranger)
    poor = world.account.register("poor")
    assert world.refused(device=poor, thing="t") == (403, "Invalid thing name passed")
    assert world.refused(thing="another") == (403, "Invalid thing name passed")
    assert world.refused(device=poor) == (403, "Access Denied")
    assert world.refused(alias="none") == (403, "Access Denied"), "nobody learns which aliases exist"
    world.account.policy("any", document(statement("iot:AssumeRoleWithCertificate")))
    world.iot.attach_policy(policyName="any", target=world.device.arn)
    assert world.refused(alias="none") == (404, "Role alias does not exist")
    assert world.refused(alias="%00") == (404, "Role alias does not exist")
    unusable = (400, "Unable to assume the role, or the role to assume does not exist")
    for name, role in (("gone", f"{world.id}:role/gone"), ("foreign", "999999999999:role/uploader")):
        world.iot.create_role_alias(roleAlias=name, roleArn=f"arn:aws:iam::{role}")
        assert world.refused(alias=name) == unusable
    world.iot.update_role_alias(roleAlias="up", credentialDurationSeconds=3601)
    assert world.refused() == (
        400,
        "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role",
    )
    world.iot.update_role_alias(roleAlias="up", credentialDurationSeconds=900)
    assert world.fetch()[0] == 200
    world.do(lambda tx: iam.allow_devices(tx, world.principal, 0))
    assert world.refused() == unusable


def test_without_a_certificate_or_elsewhere_there_is_nothing(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=guarded.addresses.ca)
    port = urlsplit(guarded.addresses.https).port
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    connection.request("GET", "/role-aliases/up/credentials")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-amzn-ErrorType")) == (403, "AccessDeniedException")
    assert json.loads(answer.read()) == {"message": "Certificate is invalid on this endpoint"}
    connection.close()
    assert guarded.fetch("/role-aliases/up/credentials")[0] == 403  # the operators' HTTP: an unsigned request


def test_with_authentication_off_the_policy_is_asked_all_the_same(
    server: Started, maker: Maker, tmp_path: Path
) -> None:
    world = World(server, maker, tmp_path, EVERYTHING, verified=False)
    assert world.fetch()[0] == 200
    world.iot.detach_policy(policyName="assume", target=world.device.arn)
    assert world.refused() == (403, "Access Denied")


def test_thing_variables_count_with_the_header_only(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    own = world.account.arn("rolealias/${iot:Connection.Thing.ThingName}")
    world.account.policy("own", document(statement("iot:AssumeRoleWithCertificate", own)))
    world.iot.attach_policy(policyName="own", target=world.device.arn)
    world.iot.create_role_alias(roleAlias="t", roleArn=f"arn:aws:iam::{world.id}:role/uploader")
    assert world.fetch("t", thing="t")[0] == 200
    assert world.refused(alias="t") == (403, "Access Denied")


def test_session_variables_in_the_roles_policy(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    mine = "arn:aws:iot:*:*:thing/${credentials-iot:ThingName}"
    by_id = {"StringEquals": {"credentials-iot:AwsCertificateId": "${credentials-iot:AwsCertificateId}"}}
    typed = {"StringEquals": {"credentials-iot:ThingTypeName": "pump"}}
    world = World(
        guarded,
        maker,
        tmp_path,
        statement("iot:DescribeThing", mine, Condition=by_id),
        statement("iot:ListThings", Condition=typed),
    )
    world.account.thing("u")
    named, unnamed = world.credentials(thing="t"), world.credentials()
    iot = world.signing("iot", named)
    assert iot.describe_thing(thingName="t")["thingName"] == "t"
    assert code(lambda: iot.describe_thing(thingName="u")) == "AccessDeniedException"
    assert code(lambda: iot.list_things()) == "AccessDeniedException"
    assert code(lambda: world.signing("iot", unnamed).describe_thing(thingName="t")) == "AccessDeniedException"
    world.iot.create_thing_type(thingTypeName="pump")
    world.iot.update_thing(thingName="t", thingTypeName="pump")
    assert code(lambda: world.signing("iot", world.credentials(thing="t")).list_things()) == ""


def test_they_sign_for_the_object_storage_and_the_devices_plane(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, statement(["s3:*", "iotjobsdata:*"]))
    found = world.credentials(thing="t")
    bucket = f"logs-{world.id}"
    s3 = world.signing("s3", found, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="t/log", Body=b"all is well")
    assert s3.get_object(Bucket=bucket, Key="t/log")["Body"].read() == b"all is well"
    assert world.signing("iot-jobs-data", found).get_pending_job_executions(thingName="t")["queuedJobs"] == []
    assert code(lambda: world.signing("iot", found).list_things()) == "AccessDeniedException"
    stolen = {**found, "sessionToken": "another"}
    assert code(lambda: world.signing("iot", stolen).list_things()) == "UnrecognizedClientException"


@pytest.mark.parametrize("end", ["revoked", "deleted", "role", "principal"])
def test_they_end_with_what_they_stand_on(guarded: Started, maker: Maker, tmp_path: Path, end: str) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    found = world.credentials(thing="t")
    iot = world.signing("iot", found)
    assert code(lambda: iot.list_things()) == ""
    number = world.device.certificate_id
    if end in ("revoked", "deleted"):
        world.iot.update_certificate(certificateId=number, newStatus="REVOKED")
    if end == "deleted":
        world.iot.detach_thing_principal(thingName="t", principal=world.device.arn)
        world.iot.detach_policy(policyName="assume", target=world.device.arn)
        world.iot.delete_certificate(certificateId=number)
    if end == "role":
        world.do(lambda tx: iam.allow_devices(tx, world.principal, 0))
    if end == "principal":
        world.do(lambda tx: iam.delete_principal(tx, world.principal))
    assert code(lambda: iot.list_things()) == "UnrecognizedClientException"
    if end == "revoked":
        world.iot.update_certificate(certificateId=number, newStatus="ACTIVE")
        assert code(lambda: iot.list_things()) == "", "it was not the credentials that were revoked"


def test_they_expire_and_leave(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    found = world.credentials()
    key_id = found["accessKeyId"]
    kept = world.do(lambda tx: device_sessions.good(tx, [key_id]))[key_id]
    world.do(lambda tx: device_sessions.delete_ended(tx, kept.expires_at + 1))
    world.do(lambda tx: device_sessions.insert(tx, kept._replace(expires_at=wall_now() - 1000), 1))
    guarded.on_loop(_forget(guarded))
    assert code(lambda: world.signing("iot", found).list_things()) == "ExpiredTokenException"
    another = world.credentials()  # who asks an hour later takes the old ones away
    world.do(lambda tx: device_sessions.delete_ended(tx, wall_now() + 1))
    guarded.on_loop(_forget(guarded))
    assert code(lambda: world.signing("iot", found).list_things()) == "UnrecognizedClientException"
    assert code(lambda: world.signing("iot", another).list_things()) == ""


def test_a_certificate_has_a_number_of_them_at_most(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    """Those it was given first go, of this certificate only."""
    world, service = World(guarded, maker, tmp_path, EVERYTHING), guarded.running.service
    other = World(guarded, maker, tmp_path, EVERYTHING)
    theirs, settings = other.credentials(), service.settings
    service.settings = settings._replace(limits=settings.limits._replace(credentials_per_certificate=2))
    try:
        first, second, third = (world.credentials() for _ in range(3))
    finally:
        service.settings = settings
    guarded.on_loop(_forget(guarded))
    assert code(lambda: world.signing("iot", first).list_things()) == "UnrecognizedClientException"
    for each, found in ((world, second), (world, third), (other, theirs)):
        assert each.signing("iot", found).list_things()["things"] is not None


def _forget(server: Started) -> Callable[[], Any]:
    async def forget() -> None:
        server.running.service.access_keys.forget()

    return forget


def test_another_master_key_seals_them_anew(guarded: Started, maker: Maker, tmp_path: Path) -> None:
    world = World(guarded, maker, tmp_path, EVERYTHING)
    key_id = world.credentials()["accessKeyId"]
    other = vaults.load_or_create(tmp_path, RandomIds())
    secret = vault_of(guarded).open(key_id, world.do(device_sessions.secrets)[key_id])

    def rotated(tx: Tx) -> str:
        device_sessions.set_secret(tx, key_id, other.seal(key_id, secret))
        return device_sessions.secrets(tx)[key_id]

    sealed = world.do(rotated)
    assert not vault_of(guarded).current(sealed)
    assert other.open(key_id, sealed) == secret


def test_they_outlive_a_restart_of_the_server(maker: Maker, tmp_path: Path) -> None:
    wanted = options(tmp_path / "data", auth=True)
    with started(wanted) as first:
        world = World(first, maker, tmp_path, EVERYTHING)
        found = world.credentials(thing="t")
    with started(wanted) as second:
        world.server = second
        assert world.signing("iot", found).describe_thing(thingName="t")["thingName"] == "t"


class Killed:
    """A server in a process of its own, as ``World`` asks one; it is killed whenever the next is started."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store = folder, store
        self._served: Served | None = None
        self.next()

    def next(self) -> None:
        """Kill the server, and start another on what it left."""
        self.end()
        self._served = Served(self._folder, self._store, {"TIDEGATE_AUTH": "on"})
        self.addresses = SimpleNamespace(**self._served.addresses)

    def end(self) -> None:
        if self._served is not None:
            self._served.kill()

    client = Started.client


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_they_outlive_a_server_that_is_killed(
    engine: str, maker: Maker, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whoever holds them goes on with the next server; a revocation that was acknowledged counts with it, too."""
    store = "sqlite" if engine == "sqlite" else request.getfixturevalue("new_postgres")("tidegate-credentials-kill")
    with started(options(tmp_path / "data", auth=True, store=store)) as first:
        world = World(first, maker, tmp_path, EVERYTHING)
    server = Killed(tmp_path / "data", store)
    try:
        world.server = server  # type: ignore[assignment]
        found = world.credentials(thing="t")
        server.next()
        assert world.signing("iot", found).describe_thing(thingName="t")["thingName"] == "t"
        newer = world.credentials(thing="t")
        number = world.device.certificate_id
        client(world.server, "iot", f"AKIA{world.id}0000", SECRET).update_certificate(
            certificateId=number, newStatus="REVOKED"
        )
        server.next()
        for each in (found, newer):
            assert code(world.signing("iot", each).list_things) == "UnrecognizedClientException"
        status, _ = world.refused(thing="t")
        assert status == 403
    finally:
        server.end()
