"""clientToken (control reference 16.1): a request that is sent again is answered as it was the first time.

What failed is not remembered. Old tokens are forgotten by whoever brings a new one.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.store import client_tokens
from tidegate.store.client_tokens import Key, Remembered
from tidegate.store.database import Tx
from tidegate.wire import iot, jsontext
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import Shape, SparseShape

R = TypeVar("R", bound=Shape | SparseShape)

KEPT = 8 * 60 * 60 * 1000
"""How long (ms) a token is remembered [R]."""


def once(
    operation: type[R],
    run: Callable[[Tx, Call, Any], R],
    *,
    conflict: type[WireError] = iot.ConflictException,
) -> Callable[[Tx, Call, Any], R]:
    """An operation that carries out each clientToken once; ``operation`` is what it answers with.

    Raises, beside what the operation does:
        ConflictException: the token came before with another request; ``conflict`` is the one of the operation's plane.
    """

    @functools.wraps(run)
    def run_once(tx: Tx, call: Call, request: Any) -> R:
        if request.client_token is None:
            return run(tx, call, request)
        key = Key(call.scope, operation.__name__, request.client_token)
        digest = _digest(request)
        known = client_tokens.get(tx, key, since=call.now - KEPT)
        if known is not None:
            if known.digest != digest:
                raise conflict(texts.packages.TOKEN_REUSED)
            return jsontext.from_json(operation, known.response)
        response = run(tx, call, request)
        client_tokens.forget(tx, until=call.now - KEPT)
        client_tokens.put(tx, key, Remembered(digest, jsontext.to_json(response)), call.now)
        return response

    return run_once


def _digest(request: Any) -> str:
    rest = msgspec.structs.replace(request, client_token=None)
    return hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(rest), order="sorted")).hexdigest()
