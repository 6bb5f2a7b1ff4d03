"""AWS Signature Version 2 as S3's query strings have it. Pure.

boto3 and the AWS CLI still make it for presigned URLs of some regions, and boto3 for every endpoint that is not AWS's.
It covers what chooses an object and what is done with it, as its inventors list that; not how a listing is paged.
"""

from __future__ import annotations

import base64
import hmac
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_RESOURCES: Final = frozenset(
    {
        "acl",
        "delete",
        "lifecycle",
        "location",
        "logging",
        "notification",
        "partNumber",
        "policy",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


def strings_to_sign(
    method: str, paths: Iterable[str], query: Mapping[str, str], headers: Mapping[str, str], end_s: int
) -> Iterator[bytes]:
    """What may have been signed, the usual form first; clients differ over a parameter without a value.

    ``paths`` are the ways to spell bucket and key, ``query`` is decoded, ``end_s`` is the epoch second of the end.
    """
    chosen = sorted((name, value) for name, value in query.items() if name in _RESOURCES)
    if any(part.partition("=")[0] in _RESOURCES for _, value in chosen for part in value.split("&")[1:]):
        return  # the text does not tell it from another request with that part as a parameter of its own
    amz = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-amz-"))
    head = f"{method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{end_s}\n{amz}"
    for path, bare in itertools.product(dict.fromkeys(paths), ("", "=")):
        resources = "&".join(f"{name}={value}" if value else name + bare for name, value in chosen)
        yield (head + path).encode("latin-1") + (f"?{resources}" if resources else "").encode()


def signature(secret: str, text: bytes) -> bytes:
    """The signature of a string to sign, as it stands in a query string once that is decoded."""
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1"))


def fits(secret: str, texts: Iterable[bytes], value: bytes) -> bool:
    """Whether a signature is that of one of these strings."""
    return any(hmac.compare_digest(signature(secret, text), value) for text in texts)
