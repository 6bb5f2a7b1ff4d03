"""What an operator may choose."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tidegate.core import leniency
from tidegate.core.injected import Faults
from tidegate.core.throttle import Rates
from tidegate.net.admission import Limits as AdmissionLimits
from tidegate.net.hooks import Hook
from tidegate.ops.quotas import Limits
from tidegate.pki.chains import Chain
from tidegate.pki.tls import Suites


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            found = socket.getaddrinfo(self.host, None) if self.host else []
            return bool(found) and all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)


HTTP = Address("127.0.0.1", 8080)
HTTPS = Address("127.0.0.1", 8443)
MQTTS = Address("127.0.0.1", 8883)
OBJECTS = Address("127.0.0.1", 9000)
CONSOLE = Address("127.0.0.1", 8090)
LISTENERS = ("http", "https", "mqtts", "shared", "objects", "console")
"""Their names, as certificates are given to them."""


class Options(NamedTuple):
    """What an operator may choose."""

    data: Path
    http: Address = HTTP
    https: Address = HTTPS
    mqtts: Address = MQTTS
    shared: Address | None = None
    """MQTT, WebSocket and HTTPS for devices on one port, told apart by ALPN: AWS's 443."""
    console: Address | None = None
    """The console, for browsers; None serves none."""
    console_anywhere: bool = False
    """Take a free port for it where that one is taken: nobody chose it."""
    console_tls: bool = False
    account: str = "000000000000"
    region: str = "us-east-1"
    auth: bool = False
    clock: Literal["system", "movable"] = "system"
    store: str = "sqlite"
    """``sqlite`` (a file in the data directory) or a PostgreSQL URL."""
    limits: Limits = Limits()
    """The quotas."""
    rollout_ceiling: int | None = None
    """The highest rollout rate a minute, in place of the one in ``limits``."""
    faults: Faults | None = None
    """What goes wrong on purpose; None: nothing."""
    throttles: Rates | None = None
    """Requests a second by (plane, operation); None throttles nothing."""
    master_key: Path | None = None
    """The file of the key that seals the secrets of access keys; None: ``master.key`` in the data directory."""
    strict_aws: bool = False
    """Take no more than AWS takes, and hold MQTT clients to its rates."""
    on_abort: Literal["cancel", "pause"] = "cancel"
    """What an abort criterion that is met does to a job whose tags do not say."""
    take: tuple[str, ...] = ()
    """Leniencies (``core.leniency``) that stay in spite of it."""
    mqtt_settings: Mapping[str, Any] | None = None
    """Fields of ``mqtt.settings.Settings`` to set otherwise."""
    objects: tuple[str, ...] = ()
    """A directory, or ``s3://bucket[/prefix]`` once or more; nothing: ``objects`` in the data directory."""
    objects_listen: Address = OBJECTS
    """Where the embedded object storage is served (S3)."""
    objects_tls: bool = False
    objects_url: str = ""
    """What presigned URLs begin with; empty: where the object storage listens."""
    objects_apart: bool = True
    """Serve objects from a process of its own, so that downloads and jobs do not wait for each other."""
    s3_endpoint: str = ""
    """The S3 that holds ``s3://`` buckets; empty: AWS's."""
    names: tuple[str, ...] = ()
    """Further host names and addresses of this server: they go into its certificate, the first one to devices."""
    http_tls: bool = False
    """Serve operators over TLS, too."""
    certificates: Mapping[str, tuple[Chain, ...]] | None = None
    """Certificates of the operator's by listener (``LISTENERS``), "" for all that have none of their own."""
    tls_suites: Suites = "modern"
    enforce_expiry: bool = True
    """Refuse client certificates outside their validity."""
    keys_ahead: int = 64
    """Keys for devices that are made before they are asked for."""
    grace_s: float = 10.0
    """How long requests under way may take when the server stops."""
    balancers: tuple[str, ...] = ()
    """Addresses or networks of balancers: what they pass on begins with a PROXY header, on every listener."""
    hooks: Mapping[str, Hook] | None = None
    """Where the Lambda functions that resources name by ARN are reached, as HTTP services."""
    hook_hosts: tuple[str, ...] = ()
    """Hosts beyond this machine that hooks may be at."""
    admission: AdmissionLimits = AdmissionLimits()
    """Who is let in, in what numbers."""


def suites(options: Options) -> Suites:
    """Those that devices and operators are offered; the object storage has those of the option."""
    other = leniency.chosen(strict=options.strict_aws, taken=options.take).other_suites
    return options.tls_suites if other or options.tls_suites == "aws" else "common"
