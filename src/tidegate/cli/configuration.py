"""What an operator may choose for a server: one option each, of the command line, the environment or a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from tidegate import server
from tidegate.cli import options
from tidegate.server import Options


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The options of ``tidegate serve`` as they were given, each valid by itself."""

    data: options.Data = options.DATA
    http: Annotated[str, options.listen("operators and SDKs (HTTP)")] = str(server.HTTP)
    https: Annotated[str, options.listen("devices (HTTPS, client certificates)")] = str(server.HTTPS)
    mqtts: Annotated[str, options.listen("devices (MQTT, client certificates)")] = str(server.MQTTS)
    shared: Annotated[
        str | None, options.listen("devices, all protocols on one port by ALPN (MQTT, WebSocket, HTTPS), as AWS's 443")
    ] = None
    console: Annotated[str | None, options.CONSOLE] = None
    account: options.Account = options.ACCOUNT
    region: Annotated[str, Parameter(help="The region of callers that name none.")] = "us-east-1"
    auth: Annotated[Literal["on", "off"], Parameter(help="Verify signatures; off takes any credentials.")] = "off"
    clock: Annotated[Literal["system", "movable"], Parameter(help="movable starts frozen at the present.")] = "system"
    store: options.Store = "sqlite"
    master_key: options.MasterKey = None
    quotas: options.Quotas = "aws"
    throttles: options.Throttles = "off"
    faults: options.Faults = ""
    rollout_ceiling: Annotated[
        int | None, Parameter(help="Highest rollout rate per minute, whatever the quotas say.", validator=Number(gte=1))
    ] = None
    on_abort: Annotated[
        Literal["cancel", "pause"],
        Parameter(
            help="What an abort criterion does to a job unless its tag tidegate:on-abort says it (docs/hold.md)."
        ),
    ] = "cancel"
    strict_aws: Annotated[
        bool, Parameter(help="Take no more than AWS takes (docs/strict-aws.md), and hold MQTT clients to its rates.")
    ] = False
    take: options.Leniencies = ()
    mqtt_settings: options.MqttSettings = ""
    objects: Annotated[tuple[str, ...], options.OBJECTS] = ()
    objects_listen: Annotated[str, options.listen("objects (S3)")] = str(server.OBJECTS)
    objects_tls: Annotated[
        bool, Parameter(help="Serve objects over TLS; --tls-certificate objects=FILE does, too.")
    ] = False
    objects_url: Annotated[
        str, options.base_url("Scheme, host and port in presigned URLs, if not where it listens.")
    ] = ""
    s3_endpoint: Annotated[str, options.base_url("Base URL of the S3 that holds s3:// buckets, if not AWS's.")] = ""
    http_tls: Annotated[
        bool, Parameter(help="Serve operators (HTTP) over TLS; --tls-certificate http=FILE does, too.")
    ] = False
    tls_certificate: options.TlsCertificate = ()
    tls_key: options.TlsKey = ()
    tls_suites: Annotated[
        Literal["modern", "aws"],
        Parameter(help="aws: those that AWS lists for TLS 1.2, some without forward secrecy or with CBC and SHA-1."),
    ] = "modern"
    name: Annotated[
        tuple[str, ...],
        Parameter(help="Further host name or address of this server (and its pages); the first is told to devices."),
    ] = ()
    proxy_protocol: Annotated[
        tuple[str, ...],
        Parameter(
            name="--proxy-protocol",
            help="Address or network of a balancer whose connections begin with a PROXY header (v1 or v2), on every "
            "listener. Once or more.",
            validator=options.check_networks,
        ),
    ] = ()
    hook: options.HookTexts = ()
    hook_host: options.HookHosts = ()
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Parameter(help="What to write to standard error.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], Parameter(help="How: lines for people, or a JSON object a line.")
    ] = "text"


def of(given: Configuration) -> Options:
    """The options of a server.

    Raises:
        InvalidCertificateError: certificates and keys do not go together.
        SettingsError: a file of quotas, rates or limits says what it cannot say (any more).
    """
    chains = options.certificates(given.tls_certificate, given.tls_key)
    return Options(
        data=given.data,
        http=options.address(given.http),
        https=options.address(given.https),
        mqtts=options.address(given.mqtts),
        shared=options.address(given.shared) if given.shared else None,
        **console(given, tls=given.http_tls or "console" in chains),
        account=given.account,
        region=given.region,
        auth=given.auth == "on",
        clock=given.clock,
        store=given.store,
        limits=options.limits(given.quotas),
        rollout_ceiling=given.rollout_ceiling,
        throttles=options.rates(given.throttles),
        faults=options.faults(given.faults),
        master_key=given.master_key,
        on_abort=given.on_abort,
        strict_aws=given.strict_aws,
        take=given.take,
        mqtt_settings=options.mqtt_settings(given.mqtt_settings),
        objects=given.objects,
        objects_listen=options.address(given.objects_listen),
        objects_tls=given.objects_tls or "objects" in chains,
        objects_url=given.objects_url.rstrip("/"),
        s3_endpoint=given.s3_endpoint.rstrip("/"),
        names=given.name,
        http_tls=given.http_tls or "http" in chains,
        certificates=chains,
        tls_suites=given.tls_suites,
        balancers=given.proxy_protocol,
        hooks=options.hooks(given.hook),
        hook_hosts=given.hook_host,
    )


def console(given: Configuration, *, tls: bool) -> dict[str, Any]:
    """Where the console is: on loopback unless somebody chose otherwise, and with authentication only if chosen."""
    if given.console is None:
        return {} if given.auth == "on" else {"console": server.CONSOLE, "console_anywhere": True, "console_tls": tls}
    return {} if given.console == "off" else {"console": options.address(given.console), "console_tls": tls}


def unguarded(chosen: Options) -> str | None:
    """Why a server must not start so: strangers could reach it, and it would ask nobody who they are."""
    places = (chosen.http, chosen.https, chosen.mqtts, chosen.shared, chosen.console, chosen.objects_listen)
    open_to_others = [str(address) for address in places if address and not address.loopback]
    if not open_to_others or chosen.auth:
        return None
    return (
        f"{', '.join(open_to_others)} can be reached from other machines, and without authentication anybody there "
        "could command the fleet.\nEither listen on 127.0.0.1, or start with --auth on and make an access key with "
        "`tidegate keys create`."
    )
