"""Any S3, as operations ask for it: a client that fetches from what was configured and from nowhere else.

No location can name a host: the endpoint is fixed, buckets and prefixes are a list, redirects are faults. Path style.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from tidegate.aws import sigv4
from tidegate.aws.sigv4 import Key, Scope
from tidegate.clock import Millis, monotonic, wall_now
from tidegate.core.location import Fault, Location, ObjectFaultError, Stat
from tidegate.objects import presign
from tidegate.objects.pages import Pages
from tidegate.objects.presign import Method, Site

_STEP: Final = 64 * 1024
_TRUSTED_S: Final = 5.0
"""How long an object is taken to be what it was, of which a piece is wanted that was just read."""
T = TypeVar("T")


class Allowed(NamedTuple):
    """A bucket, and the beginning of the keys in it, that may be read and presigned."""

    bucket: str
    prefix: str = ""


class Patience(NamedTuple):
    """Seconds: for a connection and for each answer of it, and for an object as a whole."""

    step: float = 10.0
    whole: float = 30.0


PATIENCE: Final = Patience()


class RemoteS3:
    """An S3-compatible store elsewhere."""

    def __init__(
        self,
        site: Site,
        key: Key | None,
        allowed: Sequence[Allowed],
        *,
        context: ssl.SSLContext | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        """``key`` None reads without signing; ``context`` verifies the endpoint, by default with the system's CAs."""
        self._site = site
        self._key = key
        self._allowed = tuple(allowed)
        self._context = context
        self._patience = patience
        self.pages = Pages(self.read, trusted_s=_TRUSTED_S)

    def fetch(self, location: Location, *, limit: int) -> bytes:
        """An object of at most ``limit`` bytes. Blocks.

        Raises:
            ObjectFaultError: it cannot be had, or not by this server.
        """
        return self._ask("GET", location, {}, lambda response, deadline: _body(response, limit, deadline))

    def stat(self, location: Location) -> Stat:
        """Size and ETag. Blocks.

        Raises:
            ObjectFaultError: it cannot be had, or not by this server.
        """
        return self._ask("HEAD", location, {}, lambda response, _deadline: _stat(response))

    def read(self, location: Location, etag: str, start: int, size: int) -> bytes:
        """A range. Blocks.

        Raises:
            ObjectFaultError: it cannot be had, or not by this server, or has changed.
        """
        conditions = {"range": f"bytes={start}-{start + size - 1}", "if-match": f'"{etag}"'}

        def ranged(response: http.client.HTTPResponse, deadline: float) -> bytes:
            body = _body(response, size, deadline, wanted=206)
            if len(body) != size:
                raise ObjectFaultError(Fault.UNREACHABLE, f"{len(body)} bytes of {size} from {start} on")
            return body

        return self._ask("GET", location, conditions, ranged)

    def changed(self, _location: Location, _etag: str) -> bool:
        """Nobody is asked over a network for this: the next range that is read tells."""
        return False

    def put(self, location: Location, body: bytes, *, now: Millis) -> None:
        """Keep an object. Blocks.

        Raises:
            ObjectFaultError: it cannot be kept, or not by this server.
        """
        self._ask("PUT", location, {}, lambda response, _deadline: _expect(response, 200), body)

    def _ask(
        self,
        method: str,
        location: Location,
        conditions: dict[str, str],
        take: Callable[[http.client.HTTPResponse, float], T],
        body: bytes | None = None,
    ) -> T:
        """What one request brings; ``take`` is given the response and until when it may be read."""
        self._check(location)
        deadline = monotonic() + self._patience.whole
        connection = self._connection()
        try:
            path = presign.path_of(location.bucket, location.key)
            query = f"versionId={sigv4.escaped(location.version_id)}" if location.version_id is not None else ""
            headers = {**self._headers(method, path, query, body or b""), **conditions}
            connection.request(method, f"{path}?{query}" if query else path, body, headers)
            with connection.getresponse() as response:
                return take(response, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise ObjectFaultError(Fault.UNREACHABLE, f"{self._site.base}: {error!r}") from error
        finally:
            connection.close()

    def presign(self, method: Method, location: Location, *, signed_at: Millis, expires_s: int) -> str:
        """A URL of that S3. Pure. Its server judges it by its own clock.

        Raises:
            ObjectFaultError: the bucket is not one of ours, or there is no key to sign with.
        """
        self._check(location)
        if self._key is None:
            raise ObjectFaultError(Fault.DENIED, "no credentials to presign with")
        return presign.url(self._site, self._key, method, location, signed_at=signed_at, expires_s=expires_s)

    def open_to(self, _account: str, _bucket: str) -> bool:
        """Every account of this server has the buckets that the server was given."""
        return True

    def ailment(self) -> str | None:
        """Nobody is asked over a network for this."""
        return None

    def reset(self) -> None:
        """Nothing: what lies there is not this server's."""

    def fault(self, _method: Method, location: Location) -> Fault | None:
        """DENIED where ``presign`` would refuse; what lies there is not looked at."""
        try:
            self._check(location)
        except ObjectFaultError as error:
            return error.fault
        return Fault.DENIED if self._key is None else None

    def _check(self, location: Location) -> None:
        for bucket, prefix in self._allowed:
            if location.bucket == bucket and location.key.startswith(prefix):
                return
        raise ObjectFaultError(Fault.DENIED, f"{location.bucket}/{location.key} is in no bucket this server may use")

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._site.base)
        assert parts.hostname is not None
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self._patience.step)
        context = self._context or ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self._patience.step, context=context)

    def _headers(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """The headers of a request, signed if there is a key."""
        if self._key is None:
            return {"host": self._site.host}
        at = sigv4.stamp(wall_now())
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self._site.host, "x-amz-content-sha256": digest}
        scope = Scope(at[:8], self._site.region, "s3")
        return sigv4.signed_headers(self._key, scope, at, method, path, query, headers, digest)


def _stat(response: http.client.HTTPResponse) -> Stat:
    _expect(response, 200)
    length, etag = response.getheader("content-length") or "", response.getheader("etag")
    if not (length.isascii() and length.isdigit()) or not etag:
        raise ObjectFaultError(Fault.UNREACHABLE, f"content-length {length!r}, etag {etag!r}")
    return Stat(int(length), etag.strip('"'))


def _expect(response: http.client.HTTPResponse, status: int) -> None:
    if response.status != status:
        raise ObjectFaultError(_fault(response.status), f"status {response.status}: {response.read(500)!r}")


def _body(response: http.client.HTTPResponse, limit: int, deadline: float, *, wanted: int = 200) -> bytes:
    """A body of at most so many bytes, read before a moment (monotonic seconds)."""
    _expect(response, wanted)
    length = response.getheader("content-length")
    expected = int(length) if length is not None and length.isascii() and length.isdigit() else None
    if expected is not None and expected > limit:
        raise ObjectFaultError(Fault.TOO_LARGE, f"{expected} bytes, at most {limit}")
    body = bytearray()
    while data := response.read1(_STEP):
        body += data
        if len(body) > limit:
            raise ObjectFaultError(Fault.TOO_LARGE, f"more than {limit} bytes")
        if monotonic() > deadline:
            raise ObjectFaultError(Fault.UNREACHABLE, "not read in time")
    if expected is not None and len(body) != expected:
        raise ObjectFaultError(Fault.UNREACHABLE, f"{len(body)} bytes of {expected} arrived")
    return bytes(body)


def _fault(status: int) -> Fault:
    if status in (401, 403):
        return Fault.DENIED
    if status == 412:
        return Fault.CHANGED
    return Fault.MISSING if status in (404, 405) else Fault.UNREACHABLE
