"""Writes the table of SECURITY.md that says what is checked when, from ``core.standing``."""

from __future__ import annotations

from pathlib import Path

from tidegate.core.standing import CHECKED, Moment

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "SECURITY.md"
_BEGIN = "<!-- Written by tools/generate_standing.py from src/tidegate/core/standing.py. Run: make regen -->\n"
_END = "<!-- End of what is written -->\n"


def table() -> str:
    """The table in Markdown."""
    lines = ["| what | " + " | ".join(Moment) + " |", "|---" * (1 + len(Moment)) + "|"]
    for fact, cells in CHECKED.items():
        lines.append(f"| {fact} | " + " | ".join(cells.get(moment, "") for moment in Moment) + " |")
    return "".join(f"{line}\n" for line in lines)


def render() -> str:
    """SECURITY.md with the table of today."""
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has no place for the table")
    return f"{head}{_BEGIN}\n{table()}\n{_END}{tail}"


def write() -> None:
    """Write it."""
    PAGE.write_text(render(), encoding="utf-8")
