"""Writes docs/strict-aws.md from the leniencies (``tidegate.core.leniency``)."""

from __future__ import annotations

from pathlib import Path

from tidegate.core.leniency import PLACES, Leniency

PAGE = Path(__file__).parent.parent / "docs" / "strict-aws.md"
_HEAD = """\
# Where more is taken than on AWS

<!-- Written by tools/generate_strict.py. Run: make regen -->

What works here and is refused by AWS is found out in production. So every such place is listed here, and
`tidegate serve --strict-aws` takes none of them; `--take NAME` (once or more) lets one stay all the same. With
`--strict-aws` MQTT clients are held to AWS's rates, too (100 publishes and 512 KiB a second, 100 deliveries, 10
replayed messages, one connect of a client id), and `--throttles aws` does so for HTTP.

| name | taken here | on AWS | evidence |
|---|---|---|---|
"""
_TAIL = """
Each row is tested both ways in `tests/e2e/test_strict.py`. Where AWS's sources disagree and one was chosen, see
[parity.md](parity.md).
"""


def render() -> str:
    """The whole text."""
    rows = [(name, PLACES[name]) for name in Leniency._fields]
    table = "".join(f"| `{name}` | {row.here} | {row.aws} | {row.evidence} |\n" for name, row in rows)
    return _HEAD + table + _TAIL


def write() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")
