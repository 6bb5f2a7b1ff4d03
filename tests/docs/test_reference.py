"""What comments and documents cite of the digests of AWS's documents is there to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
DIGESTS = {
    "control": REFERENCE / "control-plane.md",
    "device": REFERENCE / "device-plane.md",
    "reach": REFERENCE / "reach.md",
}
_NUMBER = r"\d+(?:\.\d+)*"
_CITED = re.compile(rf"(control|device|reach)\s+reference\s+({_NUMBER})((?:(?:,\s+|\s+and\s+|\s+to\s+){_NUMBER})*)")


def _files() -> Iterator[Path]:
    for folder in ("src", "tests", "tools", "bench", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql", ".md") and path.parent != REFERENCE:
                yield path
    yield from ROOT.glob("*.md")


def _citations() -> Iterator[tuple[str, str, str]]:
    """(digest, section, where) of everything that is cited."""
    for path in _files():
        for digest, first, more in _CITED.findall(path.read_text(encoding="utf-8")):
            for section in (first, *re.findall(_NUMBER, more)):
                yield digest, section, str(path.relative_to(ROOT))


def _sections(digest: str) -> set[str]:
    """Numbers of sections, and of the points that are numbered inside them: the tenth of 3.3 is 3.3.10."""
    found, here = set(), ""
    for line in DIGESTS[digest].read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#+ (\d+(?:\.\d+)*)", line):
            here = heading[1]
            found.add(here)
        elif point := re.match(r"(\d+)\. ", line):
            found.add(f"{here}.{point[1]}")
    return found


@pytest.mark.parametrize("digest", DIGESTS)
def test_what_is_cited_exists(digest: str) -> None:
    sections = _sections(digest)
    assert {(section, where) for named, section, where in _citations() if named == digest} - {
        (section, where) for named, section, where in _citations() if section in sections
    } == set()


def test_citations_are_found() -> None:
    cited = list(_citations())
    assert len(cited) > 300
    assert ("device", "3.3.10") in {(digest, section) for digest, section, _ in cited}


@pytest.mark.parametrize("digest", DIGESTS)
def test_links_between_sections(digest: str) -> None:
    """``§9.2`` is a section of the same digest, unless it says of which other (``DP``, ``CP``)."""
    sections = _sections(digest)
    text = DIGESTS[digest].read_text(encoding="utf-8")
    cited = re.findall(r"(?<!DP )(?<!CP )§(\d+(?:\.\d+)?)", text)
    assert {section for section in cited if section not in sections} == set()
