"""What servers on one PostgreSQL say to each other, on a real one."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import psycopg
import pytest

from tests.conftest import NOW
from tidegate.store.channel import LIMIT, Channel, sign
from tidegate.store.database import StoreUnavailable
from tidegate.store.postgres import PostgresDatabase

T = TypeVar("T")
PATIENCE = 120.0


class Listener:
    """A channel on a loop, with what it hears in a queue."""

    def __init__(self, database: PostgresDatabase, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.channel: Channel = database.channel(name)
        self._loop = loop
        self.heard: queue.Queue[str] = queue.Queue()
        self.tuned: queue.Queue[int] = queue.Queue()

    def listen(self) -> int:
        self._loop.call_soon_threadsafe(self.channel.listen, self.heard.put, self.tuned.put)
        return self.tuned.get(timeout=PATIENCE)

    def send(self, texts: Sequence[str]) -> None:
        self._await(self.channel.send(texts))

    def members(self) -> frozenset[int]:
        return self._await(self.channel.members())

    def speakers(self) -> frozenset[int]:
        return self._await(self.channel.speakers())

    def close(self) -> None:
        self._await(self.channel.close())

    def _await(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    def next(self, count: int) -> list[str]:
        return [self.heard.get(timeout=PATIENCE) for _ in range(count)]


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[Listener, Listener]]:
    database, loop = PostgresDatabase(postgres_url, now=NOW), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    one, two = Listener(database, "one", loop), Listener(database, "two", loop)
    yield one, two
    for each in (one, two):
        each.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    database.close()


def test_everybody_hears_everything_in_order_and_in_one_piece(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    one.listen()
    two.listen()
    letters = [[f"{name} {number} {'ä' * 300}" for number in range(50)] for name in "abc"]
    one.send(letters[0])
    two.send(letters[1])
    one.send(letters[2])
    expected = [text for letter in letters for text in letter]
    assert one.next(150) == expected
    assert two.next(150) == expected


def test_a_text_may_be_as_long_as_the_limit_says(pair: tuple[Listener, Listener]) -> None:
    one, _ = pair
    one.listen()
    one.send(["x" * LIMIT])
    assert one.next(1) == ["x" * LIMIT]
    with pytest.raises(StoreUnavailable):
        one.send(["before", "x" * 8000])
    one.send(["after"])
    assert one.next(1) == ["after"], "nothing of a letter that failed"


def test_members_come_and_go(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    before = one.members()
    first = one.listen()
    assert two.members() - before == {first}
    second = two.listen()
    assert one.members() - before == {first, second}
    two.close()
    deadline = time.monotonic() + PATIENCE
    while one.members() - before != {first}:  # PostgreSQL takes its time to see that a connection is closed
        assert time.monotonic() < deadline


@pytest.mark.parametrize("how", ["cut", "renewed"])
def test_a_broken_connection_is_replaced(pair: tuple[Listener, Listener], postgres_url: str, how: str) -> None:
    one, two = pair
    first = one.listen()
    if how == "cut":
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (first,))
    else:
        one.channel.renew()
    again = one.tuned.get(timeout=PATIENCE)
    assert again != first
    assert again in two.members()
    two.send(["hello"])
    assert one.next(1) == ["hello"]


def test_one_who_cannot_speak_says_so_and_can_again(pair: tuple[Listener, Listener], postgres_url: str) -> None:
    one, two = pair
    two.listen()
    one.send(["before"])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        voice = one.channel._voice
        assert voice is not None
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (voice.info.backend_pid,))
    with pytest.raises(StoreUnavailable):
        one.send(["lost"])
    one.send(["after"])
    assert two.next(2) == ["before", "after"]


def test_who_is_deaf_can_still_be_seen_to_speak(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    two.send(["x"])
    assert one.speakers() >= {sign("one"), sign("two")}
    two.close()
    while sign("two") in one.speakers():  # PostgreSQL takes its time to see that a connection is closed
        time.sleep(0.01)
