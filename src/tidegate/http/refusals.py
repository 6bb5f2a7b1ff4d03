"""Why a request was refused, for the log: who asked for what, the reason, and what to do about it.

The caller is told what AWS tells, which often is not the reason; the operator finds it here under the request id. What
a caller wrote is quoted and cut, so that nobody can write lines of his own into the log.
"""

from __future__ import annotations

import logging
from typing import Final

from tidegate.aws import sigv4
from tidegate.net.http1.messages import Answer, Refusal, Request
from tidegate.runtime.refusals import Refusals
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.access")

_LONGEST: Final = 200

_ADVICE: Final = {
    "MissingAuthenticationTokenException": "Sign it with an access key: tidegate keys create.",
    "IncompleteSignatureException": "The client does not sign as SigV4 asks.",
    "InvalidSignatureException": "Compare the client's secret, region and clock, and see that no proxy changes the "
    "Host header, the path or the body.",
    "UnrecognizedClientException": "tidegate keys list shows the keys there are.",
    "ExpiredTokenException": "Make new temporary credentials: tidegate keys create --expires.",
    "AccessDeniedException": "tidegate access show and tidegate access simulate tell what the principal may do.",
    "ForbiddenException": "tidegate why-denied explains a certificate, tidegate access simulate a principal.",
}
"""By the code of the answer; an answer whose code is not here refuses nobody."""


_MALFORMED: Final = {
    "syntax": (400, b"SerializationException"),
    "truncated": (400, b"SerializationException"),
    "host": (400, b"InvalidRequestException"),
    "late": (408, b"RequestTimeoutException"),
    "body": (413, b"RequestEntityTooLargeException"),
    "head": (431, b"RequestHeaderFieldsTooLargeException"),
    "room": (503, b"ServiceUnavailableException"),
}
"""By what is wrong with a request that never was one."""


def malformed(refusal: Refusal) -> Answer:
    """The answer to what is no request."""
    status, code = _MALFORMED[refusal.cause]
    body = f'{{"message":"{refusal.message}"}}'.encode()
    return status, [(b"content-type", b"application/json"), (b"x-amzn-ErrorType", code)], body


def note(request: Request, request_id: str, error: WireError, counted: Refusals) -> None:
    """Log an answer, if it is a refusal, and count it for the audit log."""
    advice = _ADVICE.get(error.code)
    if advice is None:
        return
    who = _who(request)
    counted.count(request.peer.address, who, error.code)
    notes: list[str] = getattr(error, "__notes__", [])
    log.warning(
        "refused %s %s from %s by %s: %s: %s %s Request %s.",
        _quoted(request.method),
        _quoted(request.raw_path.decode("latin-1")),
        request.peer.address or "an unknown address",
        who,
        error.code,
        _on_one_line(" ".join(notes) or error.message),
        advice,
        request_id,
    )


def _who(request: Request) -> str:
    claim = sigv4.claimed(request.headers, request.query_string)
    if claim is not None:
        return f"access key {_quoted(claim.key_id)}"
    return "a client certificate" if request.peer.certificate is not None else "nobody known"


def _on_one_line(text: str) -> str:
    """A sentence of ours, in which a caller's words may stand."""
    return text[: 4 * _LONGEST].encode("unicode_escape").decode("ascii")


def _quoted(text: str) -> str:
    return ascii(text[:_LONGEST])
