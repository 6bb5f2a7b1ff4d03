"""The repository's Markdown pages, as the tests read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SNIPPET = re.compile(r"^<!-- tested: (?P<name>.+?) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def snippets(name: str) -> dict[str, str]:
    """The code blocks of a page that a comment marks as tested, by that mark."""
    return {found["name"]: found["text"] for found in _SNIPPET.finditer(text_of(name))}
