"""The credential provider: ``GET /role-aliases/{alias}/credentials`` with a client certificate (reach reference 4.2).

On the devices' HTTPS and the shared port. No operation of a plane: it is not signed, has no body, and answers in a form
of its own, which agents with small buffers read: no member more than they know.
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec

from tidegate.clock import wall_now
from tidegate.core import texts
from tidegate.net.http1.messages import Answer, Request
from tidegate.ops import device_credentials
from tidegate.ops.device_credentials import RefusedError, Wanted
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store.database import Lane, in_lane, locks_rows
from tidegate.wire.protocol import CONTENT_TYPE, NO_STORE

log = logging.getLogger("tidegate.access")

_PATH = re.compile(rb"/role-aliases/([^/]+)/credentials")


def alias(request: Request) -> str | None:
    """The role alias whose credentials a request asks for; None if it is about something else."""
    found = _PATH.fullmatch(request.raw_path) if request.peer.device and request.method == "GET" else None
    return unquote(found[1].decode("latin-1")) if found else None


class Provider:
    """Answers devices."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limited_log = RateLimitedLog(log)

    async def answer(self, request: Request, wanted: str, request_id: str) -> Answer:
        """Credentials, or why there are none.

        Raises:
            StoreError: the store cannot take them.
        """
        try:
            given = await _given(self._service, request, wanted, request_id)
        except RefusedError as refusal:
            return self._refused(request, wanted, refusal)
        request.peer.belongs(given.account)
        made = given.credentials
        end = datetime.fromtimestamp(given.expires_at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = {
            "accessKeyId": made.key_id,
            "secretAccessKey": made.secret,
            "sessionToken": made.token,
            "expiration": end,
        }
        return 200, [CONTENT_TYPE, NO_STORE], msgspec.json.encode({"credentials": shown})

    def _refused(self, request: Request, wanted: str, refusal: RefusedError) -> Answer:
        address, message = request.peer.address, refusal.message
        self._service.refusals.count(address, f"a device that asks for {wanted!a}", "CREDENTIALS_REFUSED")
        self._limited_log.warning(
            "a device at %s gets no credentials of role alias %a: %s",
            address,
            wanted,
            refusal.reason or message,
            kind=message,
        )
        headers = [CONTENT_TYPE]
        if message == texts.credentials.CERTIFICATE_INVALID:
            headers.append((b"x-amzn-ErrorType", b"AccessDeniedException"))
        return refusal.status, headers, msgspec.json.encode({"message": message})


async def _given(service: Service, request: Request, wanted: str, request_id: str) -> device_credentials.Given:
    vault, certificate = service.vault, request.peer.certificate
    if certificate is None or vault is None:
        raise RefusedError(403, texts.credentials.CERTIFICATE_INVALID, "it presents no certificate")
    host, thing = request.header(b"host"), request.header(b"x-amzn-iot-thingname")
    asked = Wanted(
        wanted,
        hashlib.sha256(certificate).hexdigest(),
        thing.decode("utf-8", "replace") if thing else None,
        host.decode("latin-1").partition(":")[0] if host else None,
        request.peer.address,
        request_id,
    )
    settings, now = service.settings, service.clock.now()
    # Relies on nothing that others change meanwhile: what matters is asked again when the credentials are used.
    work = locks_rows(
        lambda tx: device_credentials.assume(
            tx,
            vault,
            service.ids,
            asked,
            now=now,
            wall=wall_now(),
            enforce_expiry=settings.enforce_expiry,
            partition=settings.partition,
            most=settings.limits.credentials_per_certificate,
        )
    )
    return await service.unit.transact(in_lane(Lane.IDENTITY, work))
