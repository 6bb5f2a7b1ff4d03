"""``/_tidegate/faults``: faults by seed, chosen (POST), looked at (GET) and ended (DELETE) while a server runs."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.core import injected
from tidegate.core.injected import MalformedError
from tidegate.ops.forecast import RefusedError
from tidegate.runtime.injector import KNOWN
from tidegate.runtime.service import Service

INJECT = "tidegate:InjectFaults"
"""The permission, on ``*``, that choosing takes with authentication on."""
_APART = "Objects are served by a process of their own: start the server with --faults to let their URLs expire."


def choose(service: Service, body: bytes, *, apart: bool) -> dict[str, Any]:
    """Let the faults of a request happen from now on; ``apart``: objects are out of reach.

    Raises:
        RefusedError: they cannot be read, or not be made to happen.
    """
    try:
        given = msgspec.json.decode(body)
        faults = injected.parse(given, KNOWN)
    except msgspec.DecodeError as error:
        raise RefusedError(f"The body is not JSON: {error}") from None
    except MalformedError as error:
        raise RefusedError(str(error)) from None
    if apart and faults.concern_objects:
        raise RefusedError(_APART)
    service.inject(faults)
    return shown(service)


def shown(service: Service) -> dict[str, Any]:
    """The faults there are, and what has come of them."""
    injector = service.injector
    if injector is None:
        return {"faults": None}
    return {
        "faults": {"seed": injector.faults.seed, "rules": len(injector.faults.rules)},
        "total": dict(sorted(injector.total.items())),
        "last": [each._asdict() for each in injector.last],
    }
