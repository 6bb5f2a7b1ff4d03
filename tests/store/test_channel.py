"""What servers on one PostgreSQL say to each other, on a real one."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import NOW
from tidegate.store.channel import LIMIT, Channel
from tidegate.store.database import StoreUnavailable
from tidegate.store.postgres import PostgresDatabase

PATIENCE = 120.0


class Listener:
    """A channel with what it hears in a queue."""

    def __init__(self, database: PostgresDatabase) -> None:
        self.channel: Channel = database.channel()
        self.heard: queue.Queue[str] = queue.Queue()
        self.tuned: queue.Queue[int] = queue.Queue()

    def listen(self) -> int:
        self.channel.listen(self.heard.put, self.tuned.put)
        return self.tuned.get(timeout=PATIENCE)

    def next(self, count: int) -> list[str]:
        return [self.heard.get(timeout=PATIENCE) for _ in range(count)]


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[Listener, Listener]]:
    database = PostgresDatabase(postgres_url, now=NOW)
    one, two = Listener(database), Listener(database)
    yield one, two
    for each in (one, two):
        each.channel.close()
    database.close()


def test_everybody_hears_everything_in_order_and_in_one_piece(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    one.listen()
    two.listen()
    letters = [[f"{name} {number} {'ä' * 300}" for number in range(50)] for name in "abc"]
    one.channel.send(letters[0])
    two.channel.send(letters[1])
    one.channel.send(letters[2])
    expected = [text for letter in letters for text in letter]
    assert one.next(150) == expected
    assert two.next(150) == expected


def test_a_text_may_be_as_long_as_the_limit_says(pair: tuple[Listener, Listener]) -> None:
    one, _ = pair
    one.listen()
    one.channel.send(["x" * LIMIT])
    assert one.next(1) == ["x" * LIMIT]
    with pytest.raises(StoreUnavailable):
        one.channel.send(["before", "x" * 8000])
    one.channel.send(["after"])
    assert one.next(1) == ["after"], "nothing of a letter that failed"


def test_members_come_and_go(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    before = one.channel.members()
    first = one.listen()
    assert two.channel.members() - before == {first}
    second = two.listen()
    assert one.channel.members() - before == {first, second}
    two.channel.close()
    deadline = time.monotonic() + PATIENCE
    while one.channel.members() - before != {first}:  # PostgreSQL takes its time to see that a connection is closed
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
    assert again in two.channel.members()
    two.channel.send(["hello"])
    assert one.next(1) == ["hello"]


def test_one_who_cannot_speak_says_so_and_can_again(pair: tuple[Listener, Listener], postgres_url: str) -> None:
    one, two = pair
    two.listen()
    one.channel.send(["before"])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        voice = one.channel._voice
        assert voice is not None
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (voice.info.backend_pid,))
    with pytest.raises(StoreUnavailable):
        one.channel.send(["lost"])
    one.channel.send(["after"])
    assert two.next(2) == ["before", "after"]
