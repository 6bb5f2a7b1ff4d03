"""The measured server: tidegate as ``tidegate serve`` assembles it, and what a benchmark must be able to ask of it.

For devices without TLS it opens one listener more. Who such a client is, is read off its client id instead of a
certificate; it then has the policies of the fleet's certificate all the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from pathlib import Path

import uvloop

from bench import processes, signing
from tidegate import server
from tidegate.clock import RandomIds, monotonic, wall_now
from tidegate.devices.edge import Edge
from tidegate.devices.endpoint import DeviceIdentity, Devices
from tidegate.devices.plane import Publisher, Reply
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session import Message, Session
from tidegate.ops import (
    certificates,
    groups,
    iam,
    identity,
    jobs,
    policies,
    policy_targets,
    principals,
    streams,
    templates,
    things,
)
from tidegate.ops.call import Call
from tidegate.ops.handler import Prepared
from tidegate.ops.quotas import Limits
from tidegate.runtime import pooled, ticked
from tidegate.server import Address, Options, assembly
from tidegate.server.assembly import Running
from tidegate.store.database import Lane, Tx, transact
from tidegate.wire import iot

_ARN = "arn:aws:iot:us-east-1:000000000000:"
_OWN = "$aws/things/${iot:Connection.Thing.ThingName}"


def _allow(action: str | list[str], resource: str) -> dict[str, str | list[str]]:
    return {"Effect": "Allow", "Action": action, "Resource": _ARN + resource}


def policy(*features: str) -> str:
    """What lets a device do its jobs, or use other features of its own thing."""
    topics = [f"{_OWN}/{each}/*" for each in features]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                _allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}"),
                *(_allow(["iot:Publish", "iot:Receive"], f"topic/{each}") for each in topics),
                *(_allow("iot:Subscribe", f"topicfilter/{each}") for each in topics),
            ],
        }
    )


POLICY = policy("jobs")
"""What AWS's own guide gives a device."""

_CHUNK = 500
_PRINCIPAL = "arn:aws:iam::000000000000:user/bench"


class ByClientId:
    """The service's own plane, which takes a client without a certificate at its word."""

    def __init__(self, running: Running) -> None:
        self._service = running.service
        self._devices = Devices(running.service)
        self.certificate_id = ""

    async def identify(
        self, certificate_der: bytes | None, client_id: str, server_name: str | None, peer: str
    ) -> Identity | None:
        """By certificate, or else the holder of the fleet's certificate under this client id."""
        if certificate_der is not None:
            return await self._devices.identify(certificate_der, client_id, server_name, peer)
        known = self.certificate_id
        device = await self._service.unit.read(lambda tx: identity.load(tx, known, client_id=client_id))
        return None if device is None else DeviceIdentity(device, peer, self._service.clock.now)

    async def turn(self, identity: Identity) -> None:
        """As every device's."""
        await self._devices.turn(identity)

    def request(
        self, identity: Identity, claim: Claim, message: Message, origin: Session | None, publisher: Publisher
    ) -> asyncio.Future[Reply]:
        """As every device's."""
        return self._devices.request(identity, claim, message, origin, publisher)

    def failed(self, claim: Claim, payload: bytes, error: BaseException) -> Reply:
        """As every device's."""
        return self._devices.failed(claim, payload, error)


class Serving:
    """The commands of this process."""

    def __init__(self, running: Running, plain: ByClientId) -> None:
        self._running = running
        self._plain = plain
        self._count = 0
        self._live: list[str] = []

    async def fleet(
        self, devices: int, name: str = "t", *, with_streams: bool = False, free: bool = False
    ) -> dict[str, str]:
        """Things ``name0``…, in a group of that name, with one certificate for all: that, its key and its id.

        ``free``: they may do everything.
        """
        call = await self._call()
        unit = self._running.service.unit
        made = certificates.HANDLERS["iot", "CreateKeysAndCertificate"]
        request = iot.CreateKeysAndCertificateRequest(set_as_active=True)
        assert isinstance(made, Prepared)
        issued = await unit.transact(made.transaction(call, request, made.prepare(call, request, None)))
        document = policy("jobs", "streams") if with_streams else POLICY
        if free:
            document = json.dumps({"Version": "2012-10-17", "Statement": [_allow("iot:*", "*")]})
        allowed = iot.CreatePolicyRequest(policy_name=f"{name}-policy", policy_document=document)
        await unit.transact(lambda tx: policies.create_policy(tx, call, allowed))
        attach = iot.AttachPolicyRequest(policy_name=f"{name}-policy", target=issued.certificate_arn)
        await unit.transact(lambda tx: policy_targets.attach_policy(tx, call, attach))
        group = iot.CreateThingGroupRequest(thing_group_name=name)
        await unit.transact(lambda tx: groups.create_thing_group(tx, call, group))
        for first in range(0, devices, _CHUNK):
            chunk = range(first, min(devices, first + _CHUNK))
            await unit.transact(partial(self._register, call, name, chunk, issued.certificate_arn))
        self._plain.certificate_id = issued.certificate_id
        return {
            "certificate": issued.certificate_pem,
            "key": issued.key_pair.private_key,
            "certificate_id": issued.certificate_id,
        }

    async def recognise(self, certificate_id: str) -> None:
        """Take clients without a certificate for the fleet of another server on the store."""
        self._plain.certificate_id = certificate_id

    @staticmethod
    def _register(call: Call, group: str, chunk: range, certificate: str, tx: Tx) -> None:
        for index in chunk:
            name = f"{group}{index}"
            things.create_thing(tx, call, iot.CreateThingRequest(thing_name=name))
            attach = iot.AttachThingPrincipalRequest(thing_name=name, principal=certificate)
            principals.attach_thing_principal(tx, call, attach)
            member = iot.AddThingToThingGroupRequest(thing_group_name=group, thing_name=name)
            groups.add_thing_to_thing_group(tx, call, member)

    async def stream(self, stream_id: str, bucket: str, key: str) -> None:
        """Make a stream of one object, with the file id 0."""
        files = [iot.StreamFile(file_id=0, s3_location=iot.S3Location(bucket=bucket, key=key))]
        role = "arn:aws:iam::000000000000:role/streams"
        request = iot.CreateStreamRequest(stream_id=stream_id, files=files, role_arn=role)
        call, made = await self._call(), streams.HANDLERS["iot", "CreateStream"]
        assert isinstance(made, Prepared)
        pinned = await asyncio.to_thread(made.prepare, call, request, None)
        await self._running.service.unit.transact(made.transaction(call, request, pinned))

    async def jobs(self, count: int, group: str = "t") -> None:
        """Create so many jobs for a group, and release every execution."""
        for _ in range(count):
            await self._job(group)
        await self._running.engine.settle()

    async def release(self, group: str) -> float:
        """Release one job for a group; seconds until the last execution is queued."""
        begin = monotonic()
        await self._job(group)
        await self._running.engine.settle()
        return monotonic() - begin

    async def _job(self, group: str) -> None:
        call = await self._call()
        self._count += 1
        request = iot.CreateJobRequest(
            job_id=f"job-{self._count}",
            targets=[call.arn(f"thinggroup/{group}")],
            document='{"operation":"install","package":"firmware","version":"1.2.3"}',
            job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=10**8),
        )
        await self._running.service.unit.transact(lambda tx: jobs.create_job(tx, call, request))
        self._live.append(f"job-{self._count}")

    async def clear(self) -> None:
        """Delete every job made here, executions included."""
        call = await self._call()
        for name in self._live:
            request = iot.DeleteJobRequest(job_id=name, force=True)
            await self._running.service.unit.transact(partial(_delete_job, call, request))
            await self._running.engine.settle()
        self._live.clear()

    async def template(self, document: str) -> None:
        """Create the template that is described again and again."""
        call = await self._call(signing.REGION)
        request = iot.CreateJobTemplateRequest(
            job_template_id="described", description="a template for the benchmark", document=document
        )
        await self._running.service.unit.transact(lambda tx: templates.create_job_template(tx, call, request))

    async def _call(self, region: str | None = None) -> Call:
        settings = self._running.service.settings
        return await self._running.service.call(settings.account, region or settings.region, "bench")


def _delete_job(call: Call, request: iot.DeleteJobRequest, tx: Tx) -> None:
    jobs.delete_job(tx, call, request)


def _joined(edge: Edge, transport: asyncio.Transport) -> None:
    """Write what is due as one record."""
    transport.write(edge.connection.take_output())


async def _main() -> None:
    given = processes.options()
    logging.basicConfig(level=logging.WARNING)
    if given.get("commit_each"):
        ticked.BATCH = pooled.BATCH = 1
        pooled._SETS = pooled._THREADS[Lane.DEVICES]
    if given.get("joined"):
        Edge._write = _joined
    data = Path(given["data"])
    store = given.get("store", "sqlite")
    if not given.get("joins"):  # the keys of a store are sealed by one server
        _prepare(data, store)
    anywhere = Address("127.0.0.1", 0)
    bounds = {"stream_file_size": given["stream_file_size"]} if "stream_file_size" in given else {}
    chosen = Options(
        data=data,
        http=anywhere,
        https=anywhere,
        mqtts=anywhere,
        store=store,
        objects_listen=anywhere,
        objects_apart=given.get("objects_apart", True),
        auth=given.get("auth", False),
        # As many templates as a benchmark makes; counting them is not what is measured.
        limits=Limits(job_templates=0)._replace(**bounds),
        rollout_ceiling=10**8,
    )
    async with assembly.running(chosen) as running:
        plain = ByClientId(running)
        running.devices.server.plane = plain
        _, port = await running.devices.server.listen("127.0.0.1", 0, None)
        serving = Serving(running, plain)
        assembly.settle_heap()  # as `tidegate serve` does
        at = running.addresses
        processes.say(
            {"http": _port(at.http), "mqtts": _port(at.mqtts), "mqtt": port, "ca": at.ca, "objects": _port(at.objects)}
        )
        await processes.obey(
            {
                "fleet": serving.fleet,
                "recognise": serving.recognise,
                "stream": serving.stream,
                "jobs": serving.jobs,
                "release": serving.release,
                "clear": serving.clear,
                "template": serving.template,
            }
        )


def _prepare(data: Path, where: str) -> None:
    """A store with the load's access key."""
    store = server.open_store(data, where, wall_now())
    vault = server.open_vault(data, None, RandomIds())

    def admit(tx: Tx) -> None:
        iam.ensure_administrator(tx, _PRINCIPAL, wall_now())
        iam.keep_key(tx, vault, iam.Credentials(signing.KEY_ID, signing.SECRET), _PRINCIPAL, wall_now())

    transact(store, admit)
    store.close()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


if __name__ == "__main__":
    uvloop.run(_main())
