"""The pages that were read last: what is shared, what is forgotten, and that failures are not kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidegate.core.location import Content, Fault, Location, ObjectFaultError
from tidegate.objects import pages
from tidegate.objects.pages import SIZE, Pages

BODY = bytes(range(251)) * 2000
PLACE = Location("b", "k")
FILE = Content(PLACE, "e", len(BODY))


class Store:
    """Counts what is read of it; ``broken`` fails, ``gate`` makes readers wait."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.broken = False
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def read(self, location: Location, etag: str, start: int, size: int) -> bytes:
        self.asked.append((start, size))
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(30)
        if self.broken:
            raise ObjectFaultError(Fault.UNREACHABLE)
        return BODY[start : start + size]


def test_pieces_are_of_the_file_wherever_they_lie() -> None:
    store = Store()
    kept = Pages(store.read)
    for start, size in ((0, 1), (SIZE - 1, 2), (SIZE, SIZE), (len(BODY) - 5, 5), (100, 2 * SIZE)):
        assert kept.read(FILE, start, size) == BODY[start : start + size]
        assert kept.held(FILE, start, size) == BODY[start : start + size]
    assert store.asked == [(0, SIZE), (SIZE, SIZE), (3 * SIZE, len(BODY) - 3 * SIZE), (2 * SIZE, SIZE)]


def test_what_is_not_here_is_not_held() -> None:
    kept = Pages(Store().read)
    assert kept.held(FILE, 0, 10) is None
    kept.read(FILE, 0, 10)
    assert kept.held(FILE, SIZE - 1, 2) is None
    assert kept.held(FILE._replace(etag="other"), 0, 10) is None
    kept.clear()
    assert kept.held(FILE, 0, 10) is None


def test_many_who_want_a_page_read_it_once() -> None:
    store = Store()
    store.gate = threading.Event()
    kept = Pages(store.read)
    with ThreadPoolExecutor(8) as threads:
        wanted = [threads.submit(kept.read, FILE, 0, 100) for _ in range(8)]
        assert store.entered.wait(30)
        store.gate.set()
        assert {each.result(30) for each in wanted} == {BODY[:100]}
    assert store.asked == [(0, SIZE)]


def test_a_failure_is_told_and_not_kept() -> None:
    store = Store()
    kept = Pages(store.read)
    store.broken = True
    with pytest.raises(ObjectFaultError):
        kept.read(FILE, 0, 1)
    store.broken = False
    assert kept.read(FILE, 0, 1) == BODY[:1]


def test_the_oldest_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST", 2)
    kept = Pages(Store().read)
    for number in (0, 1, 0, 2):
        kept.read(FILE, number * SIZE, 1)
    assert [kept.held(FILE, number * SIZE, 1) is not None for number in range(3)] == [True, False, True]


def test_pages_of_a_store_that_is_not_asked_age(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(pages, "monotonic", lambda: now[0])
    kept = Pages(Store().read, trusted_s=5)
    kept.read(FILE, 0, 1)
    now[0] = 105.0
    assert kept.held(FILE, 0, 1) is not None
    now[0] = 105.1
    assert kept.held(FILE, 0, 1) is None
