"""What every operation is told about the call it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from tidegate.clock import Ids
from tidegate.core.leniency import Leniency
from tidegate.core.location import Content, Fault, Location, Stat
from tidegate.net.hooks import Hook
from tidegate.ops.quotas import Limits
from tidegate.pki.certificates import KeyPair
from tidegate.wire.errors import AccessDeniedException


class Endpoints(NamedTuple):
    """What DescribeEndpoint answers: ``host[:port]`` by endpoint type."""

    data: str = "localhost:8883"
    jobs: str = "localhost:8443"
    credential_provider: str = "localhost:8443"
    objects: tuple[str, ...] = ()
    """Where the server's own object storage is reached, as ``host`` or ``host:port``: such URLs name objects too."""


class Authority(Protocol):
    """The certificate authority that signs device certificates."""

    def new_keys(self) -> KeyPair:
        """A new RSA key of 2048 bits, made ahead if there is one. May take a tenth of a second."""
        ...

    def issue(self, public_key_pem: str, *, lasts_ms: int | None = None) -> str:
        """A certificate (PEM) for a device's public key (PEM); for so long from now, or as long as AWS's last."""
        ...

    def issue_for_request(self, csr_pem: str) -> str:
        """A certificate (PEM) for a signing request (PEM).

        Raises:
            InvalidCertificateError: it is none, or not one to be signed.
        """
        ...


class Pages(Protocol):
    """What was read of an object storage last. For any thread."""

    def held(self, file: Content, start: int, size: int) -> bytes | None:
        """A piece that is in memory; None if any of it is not."""
        ...

    def read(self, file: Content, start: int, size: int) -> bytes:
        """A piece, wherever it is. Blocks.

        Raises:
            ObjectFaultError: it cannot be read, or is another object's by now.
        """
        ...


class Objects(Protocol):
    """The object storage that job documents and artifacts come from."""

    @property
    def pages(self) -> Pages:
        """What was read of it last, by ``read``."""
        ...

    def fetch(self, location: Location, *, limit: int) -> bytes:
        """An object of at most ``limit`` bytes. Blocks: for a handler's ``prepare``, never inside a transaction.

        Raises:
            ObjectFaultError: it cannot be had, or not by this server.
        """
        ...

    def stat(self, location: Location) -> Stat:
        """Size and ETag of an object. Blocks, as ``fetch`` does.

        Raises:
            ObjectFaultError: it cannot be had, or not by this server.
        """
        ...

    def read(self, location: Location, etag: str, start: int, size: int) -> bytes:
        """A range of an object, which lies within it. Blocks, as ``fetch`` does.

        Raises:
            ObjectFaultError: it cannot be had; CHANGED: it has another ETag by now.
        """
        ...

    def changed(self, location: Location, etag: str) -> bool:
        """Whether an object has another ETag by now, as far as can be told at once: asks nobody over a network.

        Raises:
            ObjectFaultError: it is known to be gone.
        """
        ...

    def put(self, location: Location, body: bytes, *, now: int) -> None:
        """Keep an object of the server's own making; ``location`` names no version, ``now`` is epoch ms. Blocks.

        Raises:
            ObjectFaultError: it cannot be kept; MISSING: there is no such bucket.
            OSError: the disk does not take it.
        """
        ...

    def presign(self, method: Literal["GET", "PUT"], location: Location, *, signed_at: int, expires_s: int) -> str:
        """A URL that allows one thing for ``expires_s`` seconds from ``signed_at`` (epoch ms of the service's clock).

        Pure: the same arguments give the same text.
        """
        ...

    def open_to(self, account: str, bucket: str) -> bool:
        """Whether jobs of an account may have to do with a bucket, which need not be there: not with another account's.

        Asks nobody over a network.
        """
        ...

    def ailment(self) -> str | None:
        """What keeps the storage from being used, as far as can be told at once; None if nothing does."""
        ...

    def reset(self) -> None:
        """Forget all objects, if they are this server's own. Blocks."""
        ...

    def fault(self, method: Literal["GET", "PUT"], location: Location) -> Fault | None:
        """Why a URL would be of no use, as far as can be told here and now: asks nobody over a network.

        DENIED: its bucket is none that this server may use, or for GET is not there. MISSING: for PUT, its bucket is
        not there; for GET, its version. A key without a version may come later.
        """
        ...


class Where(Protocol):
    """Where and when something happens: what a ``Call`` knows, and the engine as well."""

    @property
    def scope(self) -> int:
        """The stored id of (account, region)."""
        ...

    @property
    def account(self) -> str:
        """The account's number."""
        ...

    @property
    def now(self) -> int:
        """The only present there is, epoch ms."""
        ...

    @property
    def limits(self) -> Limits:
        """What a server sets."""
        ...

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this scope, ``resource`` being ``type/name``."""
        ...


class Origin(NamedTuple):
    """What a request asks for and the way it came: for the audit log. Empty where nobody said."""

    plane: str = ""
    operation: str = ""
    resources: tuple[str, ...] = ()
    """Templates of what a request names, if its operation stands in no service model (``devices.route.Route``)."""
    edge: str = ""
    """``http``, ``https``, ``mqtt``, ``s3``, ``command``, ``server`` or ``engine``."""
    source: str = ""
    """The address it came from."""
    request_id: str = ""
    access_key_id: str = ""
    """Of the key that signed it, if the signature was verified."""
    device: bool = False
    """It came with a certificate: what devices report is no change by an operator."""
    client_id: str = ""
    """The MQTT client that asks, where its family of topics wants to know (``devices.route.Family.asks_who``)."""
    max_packet: int = 0
    """Bytes of the largest packet that the MQTT client takes; 0: of any size."""


Refused = Callable[[str, str], str | None]
"""Why the caller may not do an action (``s3:GetObject``) on a resource (an ARN), as a sentence; None if it may."""


def unlimited(_action: str, _resource: str) -> None:
    """For callers whose permissions are not limited, or not IAM's."""


class Call(NamedTuple):
    """Who calls, where, and when.

    ``scope`` is the stored id of (account, region); ``now`` is epoch ms and the only present a handler knows.
    """

    scope: int
    account: str
    region: str
    now: int
    ids: Ids
    principal: str = "anonymous"
    partition: str = "aws"
    limits: Limits = Limits()
    endpoints: Endpoints = Endpoints()
    authority: Authority | None = None
    objects: Objects | None = None
    leniency: Leniency = Leniency()
    refused: Refused = unlimited
    hooks: Mapping[str, Hook] = MappingProxyType({})
    """Where the functions that resources name by ARN are reached (``--hook``)."""
    origin: Origin = Origin()
    on_abort: str = "cancel"
    """What an abort criterion that is met does to a job whose tags do not say: ``cancel`` or ``pause``."""

    def require(self, action: str, bucket: str, key: str) -> None:
        """Pass if the caller may do something to an object by itself: what it has the service do is no other.

        Raises:
            AccessDeniedException: it may not.
        """
        told = self.refused(action, f"arn:{self.partition}:s3:::{bucket}/{key}")
        if told is not None:
            raise AccessDeniedException(told)

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this scope, ``resource`` being ``type/name`` (control reference 1.8)."""
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"


class Sweep(NamedTuple):
    """Where and when the engine does something."""

    scope: int
    account: str
    region: str
    now: int
    limits: Limits
    partition: str

    def arn(self, resource: str) -> str:
        """As a call's."""
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"
