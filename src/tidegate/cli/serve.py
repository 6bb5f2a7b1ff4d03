"""``tidegate serve``: run a server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Annotated, Literal

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from tidegate import server
from tidegate.cli import options
from tidegate.net import room
from tidegate.ops.call import Limits
from tidegate.server import Options, Running
from tidegate.store import keys

log = logging.getLogger("tidegate")

_REFUSED = 2


def serve(
    *,
    data: options.Data = options.DATA,
    http: Annotated[str, options.listen("operators and SDKs (HTTP)")] = str(server.HTTP),
    https: Annotated[str, options.listen("devices (HTTPS, client certificates)")] = str(server.HTTPS),
    mqtts: Annotated[str, options.listen("devices (MQTT, client certificates)")] = str(server.MQTTS),
    shared: Annotated[
        str | None, options.listen("devices, all protocols on one port by ALPN (MQTT, WebSocket, HTTPS), as AWS's 443")
    ] = None,
    account: options.Account = options.ACCOUNT,
    region: Annotated[str, Parameter(help="The region of callers that name none.")] = "us-east-1",
    auth: Annotated[Literal["on", "off"], Parameter(help="Verify signatures; off takes any credentials.")] = "off",
    clock: Annotated[Literal["system", "movable"], Parameter(help="movable starts frozen at the present.")] = "system",
    store: options.Store = "sqlite",
    master_key: options.MasterKey = None,
    quotas: options.Quotas = "aws",
    throttles: options.Throttles = "off",
    rollout_ceiling: Annotated[
        int | None, Parameter(help="Highest rollout rate per minute, whatever the quotas say.", validator=Number(gte=1))
    ] = None,
    strict_aws: Annotated[
        bool, Parameter(help="Take no more than AWS takes (docs/strict-aws.md), and hold MQTT clients to its rates.")
    ] = False,
    take: options.Leniencies = (),
    mqtt_settings: options.MqttSettings = "",
    objects: Annotated[tuple[str, ...], options.OBJECTS] = (),
    objects_listen: Annotated[str, options.listen("objects (S3)")] = str(server.OBJECTS),
    objects_tls: Annotated[
        bool, Parameter(help="Serve objects over TLS; --tls-certificate objects=FILE does, too.")
    ] = False,
    objects_url: Annotated[
        str, options.base_url("Scheme, host and port in presigned URLs, if not where it listens.")
    ] = "",
    s3_endpoint: Annotated[str, options.base_url("Base URL of the S3 that holds s3:// buckets, if not AWS's.")] = "",
    http_tls: Annotated[
        bool, Parameter(help="Serve operators (HTTP) over TLS; --tls-certificate http=FILE does, too.")
    ] = False,
    tls_certificate: options.TlsCertificate = (),
    tls_key: options.TlsKey = (),
    tls_suites: Annotated[
        Literal["modern", "aws"],
        Parameter(help="aws: those that AWS lists for TLS 1.2, some without forward secrecy or with CBC and SHA-1."),
    ] = "modern",
    name: Annotated[
        tuple[str, ...],
        Parameter(help="Further host name or address of this server (and its pages); the first is told to devices."),
    ] = (),
    proxy_protocol: Annotated[
        tuple[str, ...],
        Parameter(
            name="--proxy-protocol",
            help="Address or network of a balancer whose connections begin with a PROXY header (v1 or v2), on every "
            "listener. Once or more.",
            validator=options.check_networks,
        ),
    ] = (),
    hook: options.HookTexts = (),
    hook_host: options.HookHosts = (),
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Parameter(help="What to write to standard error.")
    ] = "info",
) -> int:
    """Run the service until SIGTERM or SIGINT, then finish what is under way and exit 0."""
    given = options.certificates(tls_certificate, tls_key)
    chosen = Options(
        data=data,
        http=options.address(http),
        https=options.address(https),
        mqtts=options.address(mqtts),
        shared=options.address(shared) if shared else None,
        account=account,
        region=region,
        auth=auth == "on",
        clock=clock,
        store=store,
        limits=options.limits(quotas),
        rollout_ceiling=rollout_ceiling,
        throttles=options.rates(throttles),
        master_key=master_key,
        strict_aws=strict_aws,
        take=take,
        mqtt_settings=options.mqtt_settings(mqtt_settings),
        objects=objects,
        objects_listen=options.address(objects_listen),
        objects_tls=objects_tls or "objects" in given,
        objects_url=objects_url.rstrip("/"),
        s3_endpoint=s3_endpoint.rstrip("/"),
        names=name,
        http_tls=http_tls or "http" in given,
        certificates=given,
        tls_suites=tls_suites,
        balancers=proxy_protocol,
        hooks=options.hooks(hook),
        hook_hosts=hook_host,
    )
    places = (chosen.http, chosen.https, chosen.mqtts, chosen.shared, chosen.objects_listen)
    open_to_others = [str(address) for address in places if address and not address.loopback]
    if open_to_others and not chosen.auth:
        print(
            f"tidegate: {', '.join(open_to_others)} can be reached from other machines, and without authentication "
            "anybody there could command the fleet.\nEither listen on 127.0.0.1, or start with --auth on and make an "
            "access key with `tidegate keys create`.",
            file=sys.stderr,
        )
        return _REFUSED
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    if in_clear(chosen):
        log.warning("HTTP at %s can be reached from other machines without TLS: --http-tls, or a proxy", chosen.http)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(chosen))
    return 0


async def _serve(chosen: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with server.running(chosen) as running:
        loop.add_signal_handler(signal.SIGHUP, running.trust.look)
        server.settle_heap()
        has_keys = await running.service.unit.read(keys.exist) if chosen.auth else True
        print(banner(running, chosen, has_keys=has_keys), flush=True)
        await stop.wait()
        log.info("stopping: requests under way are finished first")


def in_clear(chosen: Options) -> bool:
    """Whether what operators send, secrets in answers included, can be read on its way."""
    return not chosen.http_tls and not chosen.http.loopback


def banner(running: Running, chosen: Options, *, has_keys: bool) -> str:
    """What a person who starts the server wants to know."""
    addresses = running.addresses
    auth = "on" if chosen.auth else "OFF: any credentials are taken; everything listens on loopback only"
    clock = "movable, frozen at the present: POST /_tidegate/clock" if chosen.clock == "movable" else "system"
    lines = [
        "tidegate is running.",
        f"  HTTP     {addresses.http}  (iot, iot-jobs-data, iot-data)",
        f"  HTTPS    {addresses.https}  (devices)",
        f"  MQTT     {addresses.mqtts}  (devices)",
        *([f"  shared   {addresses.shared.removeprefix('https://')}  (devices, by ALPN)"] if addresses.shared else []),
        f"  S3       {addresses.objects}  (objects)",
        f"  account  {addresses.account}, region {addresses.region}",
        f"  auth     {auth}",
        f"  clock    {clock}",
        f"  files    {room.limit():,} may be open: room for {running.admission.room.sockets:,} connections",
        f"  CA       {addresses.ca}",
        "",
        f'Point boto3, the AWS CLI and the SDKs here:  eval "$(tidegate env --data {chosen.data})"',
    ]
    if in_clear(chosen):
        lines.insert(-2, "  WARNING  requests of operators cross the network in clear: --http-tls")
    if running.service.settings.limits != Limits():
        lines.insert(-2, "  quotas   not AWS's: --quotas or --rollout-ceiling")
    if chosen.throttles is not None:
        lines.insert(-2, "  rates    limited: --throttles")
    if not has_keys:
        lines.append(f"No access key exists yet. Make one:  tidegate keys create --data {chosen.data}")
    return "\n".join(lines)
