"""The job document of an OTA update, as FreeRTOS's and AWS's own parsers read it (reach reference 6.2).

AWS's Jobs library wants ``filesize``, ``fileid``, ``filepath``, ``certfile`` and a signature to be there, so that what
has no value is null and not left out. A file that is not signed has AWS's own odd key ``sig--``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from tidegate.core.location import Location

JOB_PREFIX: Final = "AFR_OTA-"
"""Begins the id of an update's job, and of a stream that is made for it."""
MQTT: Final = "MQTT"
HTTP: Final = "HTTP"


class Signature(NamedTuple):
    """A signature that somebody made; ``value`` is what the device verifies, DER as a rule."""

    value: bytes
    hash_algorithm: str
    signature_algorithm: str
    certificate: str | None


class File(NamedTuple):
    """A file of an update; ``id`` is the one it has in the stream, ``location`` where its URL leads."""

    id: int
    size: int
    location: Location
    name: str | None = None
    type: int | None = None
    signature: Signature | None = None


def document(protocols: Sequence[str], stream: str | None, files: Sequence[File]) -> str:
    """The document as JSON; URLs are placeholders, which are signed when a device is handed them.

    Args:
        protocols: ``MQTT``, ``HTTP`` or both; with both the device chooses.
        stream: the id of the stream that the files are in; None for HTTP alone.
        files: in order.
    """
    whole: dict[str, Any] = {"protocols": list(protocols)}
    if stream is not None:
        whole["streamname"] = stream
    whole["files"] = [_file(file, http=HTTP in protocols) for file in files]
    return msgspec.json.encode({"afr_ota": whole}).decode()


def _file(file: File, *, http: bool) -> dict[str, Any]:
    signature = file.signature
    members: dict[str, Any] = {
        "filepath": file.name,
        "filesize": file.size,
        "fileid": file.id,
        "certfile": None if signature is None else signature.certificate,
    }
    if file.type is not None:
        members["fileType"] = file.type
    members["update_data_url"] = placeholder(file.location) if http else None
    members["auth_scheme"] = "aws.s3.presigned" if http else None
    if signature is None:
        return {**members, "sig--": None}
    kind = f"sig-{signature.hash_algorithm}-{signature.signature_algorithm}".lower()
    return {**members, kind: b64encode(signature.value).decode()}


def placeholder(location: Location) -> str:
    """What becomes a presigned URL of an object (control reference 5.2)."""
    version = f"?versionId={quote(location.version_id, safe='')}" if location.version_id else ""
    url = f"https://s3.amazonaws.com/{location.bucket}/{quote(location.key, safe='/')}{version}"
    return f"${{aws:iot:s3-presigned-url-v2:{url}}}"
