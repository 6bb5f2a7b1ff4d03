"""Strings and documents full of what looks like placeholders, for properties."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_FRAGMENTS = [
    "${",
    "}",
    "$",
    "{",
    ":",
    "/",
    "\\",
    '"',
    "${thingName}",
    "${jobId}",
    "${executionNumber}",
    "${HOME}",
    "${aws:iot:",
    "${aws:iot:s3-presigned-url:",
    "${aws:iot:s3-presigned-url-v2:",
    "${aws:iot:s3-presigned-url-upload:",
    "${aws:iot:package:",
    "${aws:iot:code-sign-signature:",
    "${aws:iot:parameter:x}",
    "https://s3.eu-west-1.amazonaws.com/bucket/",
    "https://bucket.s3.amazonaws.com/key",
    "%3FversionId%3Dv",
    "p:version:1:",
    ":version::",
    "attributes",
    ":key",
    "artifact:s3-presigned-url",
    "é\u2028\U0001f600",
]


def fragments() -> st.SearchStrategy[str]:
    """Texts of pieces of placeholders, in any order."""
    return st.lists(st.sampled_from(_FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)


def documents() -> st.SearchStrategy[str]:
    """JSON texts with such strings for values and names, written in one way or another."""
    leaves = fragments() | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fragments(), inner, max_size=4),
        max_leaves=8,
    )
    return st.builds(_written, values, st.booleans(), st.sampled_from([None, 2]), st.booleans())


def _written(value: Any, ascii_only: bool, indent: int | None, escaped: bool) -> str:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    return text.replace("$", "\\u0024") if escaped else text
