"""Presign placeholders: what they ask for, and the document that a device gets (control reference 5.2, 5.3, 5.6).

Two moments, far apart. When a job is created its document is *read*: every mistake is found, and the document is cut
into pieces, ordinary JSON text and slots for URLs. When a device asks, the slots are filled and the pieces joined; no
document is parsed then.

A URL's text is the same each time an execution's document is delivered, for half of the URL's life: agents compare
documents to tell a repeated notice from a new job (device reference 5.6). So the time of signing is a function of when
the execution was queued, not of when somebody asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from tidegate.core import document as document_text
from tidegate.core import location, placeholders, texts
from tidegate.core.location import Location
from tidegate.core.placeholders import LOCALS, Placeholder

LIMIT: Final = 10
"""Presigned URLs in one document."""
LOCAL_LIMIT: Final = 2
"""How often an upload's key may name each local placeholder."""
DEFAULT_EXPIRES_S: Final = 3600
_DEFAULT_KEY: Final = "${thingName}/${jobId}/${executionNumber}"
"""Where an upload goes whose URL has a bucket only: no two executions share it."""


class Download(msgspec.Struct, tag="GET", array_like=True, frozen=True):
    """A URL to read an object."""

    bucket: str
    key: str
    version_id: str | None = None


class Upload(msgspec.Struct, tag="PUT", array_like=True, frozen=True):
    """A URL to write an object; local placeholders in ``key`` are still to be replaced."""

    bucket: str
    key: str


Slot = Download | Upload
Piece = str | Slot


class Reading(NamedTuple):
    """A document read: each problem once; its pieces, none if it asks for no URL."""

    problems: list[str]
    pieces: list[Piece]

    @property
    def slots(self) -> list[Slot]:
        """The URLs it asks for."""
        return [piece for piece in self.pieces if not isinstance(piece, str)]


class _Known(NamedTuple):
    region: str | None
    hosts: Collection[str]
    artifacts: Mapping[str, Location]


def read(
    document: str,
    *,
    region: str | None = None,
    hosts: Collection[str] = (),
    artifacts: Mapping[str, Location] | None = None,
) -> Reading:
    """Read a document.

    Args:
        document: JSON text.
        region: where uploads must go, since AWS allows no other region; None to let it be.
        hosts: the server's own stores (``location.address``).
        artifacts: where the artifacts lie whose package placeholders, as written, are in the document. Other package
            placeholders, and those of parameters, are ordinary text here.
    """
    known = _Known(region, hosts, artifacts or {})
    problems: list[str] = []
    cut: list[_Read] = []
    at = 0
    for value in document_text.values(document):
        parts = _parts(value.text, known)
        problems += [text for part in parts if isinstance(part, _Problems) for text in part.texts]
        if any(isinstance(part, Download | Upload) for part in parts):
            inside = [document_text.inside(part) if isinstance(part, str) else part for part in parts]
            cut += [document[at : value.start], '"', *inside, '"']
            at = value.end
    pieces = _merged([*cut, document[at:]]) if cut else []
    count = sum(not isinstance(piece, str) for piece in pieces)
    if count > LIMIT:
        problems.append(texts.placeholders.too_many(count, LIMIT))
    return Reading(list(dict.fromkeys(problems)), pieces)


class _Problems(NamedTuple):
    texts: list[str]


_Read = Piece | _Problems


def _merged(pieces: Sequence[_Read]) -> list[Piece]:
    """Pieces with no two texts in a row; what is wrong is left out, since the document is refused for it."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif not isinstance(piece, _Problems):
            found.append(piece)
    return found


def _parts(text: str, known: _Known) -> list[_Read]:
    """The parts of one string value."""
    try:
        return [part if isinstance(part, str) else _placeholder(part, known) for part in placeholders.scan(text)]
    except placeholders.PlaceholderError as error:
        return [_Problems([str(error)])]


def _placeholder(given: Placeholder, known: _Known) -> _Read:
    if given.local:
        return _Problems([texts.placeholders.LOCAL_OUTSIDE_UPLOAD])
    kind = given.kind or ""
    if kind in _DOWNLOADS:
        return _download(given, _DOWNLOADS[kind], known)
    if kind == "s3-presigned-url-upload":
        return _upload(given, known)
    if kind == "code-sign-signature":
        return _Problems([texts.placeholders.CODE_SIGNING])
    if kind == "package":
        artifact = known.artifacts.get(given.text)
        return Download(*artifact) if artifact else given.text
    return given.text if kind == "parameter" else _Problems([texts.placeholders.unknown(f"iot:{kind}")])


_Locate = Callable[..., Location | None]
_DOWNLOADS: Final[Mapping[str, _Locate]] = {
    "s3-presigned-url": location.verbatim,
    "s3-presigned-url-v1": location.verbatim,
    "s3-presigned-url-v2": partial(location.encoded, query=True),
}


def _download(given: Placeholder, locate: _Locate, known: _Known) -> _Read:
    problems = [problem for inner in given.nested if (problem := _wrong_in_download(inner))]
    if problems:
        return _Problems(problems)
    if given.nested:  # attributes of packages, not looked up yet
        return given.text
    found = locate(placeholders.joined(given.argument), hosts=known.hosts)
    return Download(*found) if found else _Problems([texts.placeholders.DOWNLOAD_INVALID])


def _wrong_in_download(inner: Placeholder) -> str | None:
    """Attributes of package versions may stand inside, nothing else."""
    if inner.local:
        return texts.placeholders.LOCAL_OUTSIDE_UPLOAD
    if inner.kind is None:
        return texts.placeholders.DOWNLOAD_INVALID
    if inner.kind == "code-sign-signature":
        return texts.placeholders.CODE_SIGNING
    return None if inner.kind == "package" else texts.placeholders.second_layer(f"iot:{inner.kind}")


def _upload(given: Placeholder, known: _Known) -> _Read:
    problems = [problem for inner in given.nested if (problem := _wrong_in_upload(inner))]
    problems += _too_often(given.nested)
    url = placeholders.joined(given.argument)
    found = _destination(url, known) if not problems else None
    if isinstance(found, str):
        problems.append(found)
    return found if isinstance(found, Upload) else _Problems(problems)


def _wrong_in_upload(inner: Placeholder) -> str | None:
    if inner.local:
        return None
    if inner.kind == "code-sign-signature":
        return texts.placeholders.CODE_SIGNING
    if inner.kind is not None and inner.kind.startswith("s3-presigned-url"):
        return texts.placeholders.second_layer(f"iot:{inner.kind}")
    return texts.placeholders.UPLOAD_UNDEFINED


def _too_often(nested: Iterable[Placeholder]) -> list[str]:
    names = [inner.local for inner in nested]
    often = [name for name in LOCALS if names.count(name) > LOCAL_LIMIT]
    return [texts.placeholders.local_too_often(name, LOCAL_LIMIT) for name in often]


def _destination(url: str, known: _Known) -> Upload | str:
    """Where an upload goes, or what is wrong with its URL."""
    host = url.partition("://")[2].partition("/")[0]
    found = location.address(url, hosts=known.hosts)
    if "${" in host or (found is not None and "${" in found.bucket):
        return texts.placeholders.BUCKET_WITH_PLACEHOLDER
    if found is None:
        return texts.placeholders.upload_bucket_invalid(url, texts.placeholders.NOT_AN_S3_URL)
    if not found.bucket:
        return texts.placeholders.UPLOAD_WITHOUT_BUCKET
    if not location.is_bucket(found.bucket):
        return texts.placeholders.BUCKET_NAME_INVALID
    if known.region is not None and found.region not in (None, known.region):
        return texts.placeholders.UPLOAD_CROSS_REGION
    upload = Upload(found.bucket, found.rest or _DEFAULT_KEY)
    if not location.is_key(key_of(upload, _LONGEST)):
        return texts.placeholders.upload_bucket_invalid(url, texts.placeholders.KEY_TOO_LONG)
    return upload


# --- delivery ---------------------------------------------------------------------------------------------------------


class Execution(NamedTuple):
    """Whose document is delivered: what the local placeholders stand for."""

    thing_name: str
    job_id: str
    number: int


_LONGEST: Final = Execution("t" * 128, "j" * 64, 10**18)
_LOCAL: Final = re.compile(r"\$\{(" + "|".join(LOCALS) + r")\}")
_IN_KEYS: Final = ":"
"""Allowed in names of things and harmless in a key, beside what ``quote`` leaves; a dot or a slash is not."""


def key_of(upload: Upload, execution: Execution) -> str:
    """The key an execution uploads to. What a name stands for cannot leave its segment of the key."""
    names = (execution.thing_name, execution.job_id, str(execution.number))
    values = dict(zip(LOCALS, map(_segment, names), strict=True))
    return _LOCAL.sub(lambda match: values[match[1]], upload.key)


def _segment(name: str) -> str:
    return quote(name, safe=_IN_KEYS).replace(".", "%2E")


def signed_at(queued_at: int, now: int, expires_s: int) -> int:
    """When (epoch ms) the URLs of an execution's document are said to be signed.

    It starts when the execution was queued and goes on in steps of half a life, so that a URL handed out at ``now`` has
    half its life before it at least, and its text changes once in a step only.

    Args:
        queued_at: epoch ms.
        now: epoch ms.
        expires_s: how long a URL is valid, in seconds.
    """
    anchor, step = queued_at // 1000, expires_s // 2  # a signature knows whole seconds
    return (anchor + (now // 1000 - anchor) // step * step) * 1000


def joined(pieces: Iterable[Piece], url_of: Callable[[Slot], str]) -> str:
    """The document with its slots filled."""
    return "".join(piece if isinstance(piece, str) else document_text.inside(url_of(piece)) for piece in pieces)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Piece])


def encode(pieces: Sequence[Piece]) -> str:
    """Pieces as they are stored."""
    return _encoder.encode(pieces).decode()


def decode(text: str) -> list[Piece]:
    """Stored pieces."""
    return _decoder.decode(text)
