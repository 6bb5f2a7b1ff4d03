"""Signs requests ahead of time, so that a measured second holds no signing (control reference 1.1)."""

from __future__ import annotations

import hashlib
import hmac

KEY_ID = "AKIABENCHMARK0000000"
SECRET = "a-secret-for-benchmarks-on-loopback-only"
REGION = "eu-west-1"


def request(method: str, path: str, host: str, body: bytes, stamp: str) -> bytes:
    """A whole HTTP/1.1 request, signed; ``stamp`` is ``yyyymmddThhmmssZ``."""
    payload = hashlib.sha256(body).hexdigest()
    signed = "content-type;host;x-amz-date"
    headers = f"content-type:application/json\nhost:{host}\nx-amz-date:{stamp}\n"
    canonical = f"{method}\n{path}\n\n{headers}\n{signed}\n{payload}"
    scope = f"{stamp[:8]}/{REGION}/iot/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_key(stamp[:8]), text.encode(), "sha256").hex()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-Amz-Date: {stamp}\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}\r\n"
        f"User-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _key(date: str) -> bytes:
    key = f"AWS4{SECRET}".encode()
    for part in (date, REGION, "iot", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
