"""Pages of a listing against the rule written down naively."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.objects import listing
from tidegate.objects.listing import Page, Question

letters = st.text(st.sampled_from(["a", "b", "/", "é", "\U0010ffff", "\ud7ff", "\ue000"]), max_size=5)


class Row(NamedTuple):
    key: str


def encoded(key: str) -> bytes:
    return key.encode()


def pages(keys: list[str], prefix: str, delimiter: str, limit: int) -> list[Page[Row]]:
    """All pages of a listing."""
    ordered = sorted(set(keys), key=encoded)
    reads = 0

    def rows(start: str, after: bool, most: int) -> list[Row]:
        nonlocal reads
        reads += 1
        wanted = [key for key in ordered if encoded(key) > encoded(start) or (not after and key == start)]
        return [Row(key) for key in wanted if key.startswith(prefix)][:most]

    found, marker = [], ""
    while True:
        page = listing.page(rows, Question(prefix, delimiter, marker, limit))
        found.append(page)
        if page.last is None:
            assert reads <= 3 + 2 * sum(len(page.found) + len(page.prefixes) for page in found) + len(found)
            return found
        marker = page.last


@settings(deadline=None)
@given(st.lists(letters.filter(bool), max_size=20), letters, st.sampled_from(["", "/", "a/"]), st.integers(1, 4))
def test_pages_show_everything_once(keys: list[str], prefix: str, delimiter: str, limit: int) -> None:
    below = sorted({key for key in keys if key.startswith(prefix)}, key=encoded)
    groups = {key: listing.group(key, prefix, delimiter) for key in below}
    shown = pages(keys, prefix, delimiter, limit)
    assert [row.key for page in shown for row in page.found] == [key for key in below if groups[key] is None]
    assert [name for page in shown for name in page.prefixes] == list(dict.fromkeys(filter(None, groups.values())))
    assert all(len(page.found) + len(page.prefixes) == limit for page in shown[:-1])


@settings(deadline=None)
@given(letters, letters)
def test_past_is_above_all_that_begin_so(prefix: str, rest: str) -> None:
    above = listing.past(prefix)
    if above is None:
        assert set(prefix) <= {"\U0010ffff"}
    else:
        assert encoded(prefix + rest) < encoded(above)


def test_a_limit_of_none_shows_nothing() -> None:
    assert listing.page(lambda *_: [Row("a")], Question(limit=0)) == Page([], [], None)
