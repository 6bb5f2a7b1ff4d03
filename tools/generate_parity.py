"""Writes ``docs/parity.md``: one row an operation from the code's tables, what of AWS's whole models is absent, then
``tools/parity_notes.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore

from tidegate.ops.handler import Handler
from tidegate.ops.table import HANDLERS
from tidegate.wire.routes import OPERATIONS
from tidegate.wire.shapes import Operation
from tools import absent
from tools.generate_wire import load_model

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "parity.md"
NOTES = ROOT / "tools" / "parity_notes.md"

_TITLES = {
    "iot": "Control plane (`iot`)",
    "iot-jobs-data": "Jobs data plane (`iot-jobs-data`, HTTPS and MQTT)",
    "iot-data": "Data plane (`iot-data`)",
}

_HEAD = """\
# Parity with AWS IoT

<!-- Written by tools/generate_parity.py; the part below the tables is tools/parity_notes.md. Run: make regen -->

* **done**: every member is honoured as far as AWS documents it.
* **partial**: answered, but what the note names is missing.
* **absent**: answered `404 UnknownOperationException`.

Counted are all operations of the service models of botocore {botocore}.
"""


def write() -> None:
    """Regenerate the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """The page as it should be."""
    head = _HEAD.format(botocore=botocore.__version__)
    return "\n".join([head, *_summary(), *_tables(), *_absent(), NOTES.read_text(encoding="utf-8")])


def state(handler: Handler | None) -> str:
    """The word for an operation; None for one without a handler."""
    if handler is None:
        return "absent"
    return "partial" if handler.partial else "done"


def _summary() -> Iterator[str]:
    yield "| service | operations | done | partial | absent |"
    yield "|---|---|---|---|---|"
    for plane in OPERATIONS:
        states = [state(HANDLERS.get((plane, name))) for name in load_model(plane)["operations"]]
        counts = " | ".join(str(states.count(word)) for word in ("done", "partial", "absent"))
        yield f"| `{plane}` | {len(states)} | {counts} |"
    yield ""


def _absent() -> Iterator[str]:
    for plane in OPERATIONS:
        yield from absent.table(
            plane, (name for name in load_model(plane)["operations"] if (plane, name) not in HANDLERS)
        )


def _tables() -> Iterator[str]:
    for plane, operations in OPERATIONS.items():
        yield from _table(_TITLES[plane], plane, operations)


def _table(title: str, plane: str, operations: Mapping[str, Operation]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| operation | route | state | missing |"
    yield "|---|---|---|---|"
    for name, operation in operations.items():
        handler = HANDLERS.get((plane, name))
        missing = handler.partial if handler and handler.partial else ""
        yield f"| {name} | `{operation.method} {operation.path}` | {state(handler)} | {missing} |"
    yield ""
