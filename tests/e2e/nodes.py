"""Two servers on one PostgreSQL, and clients of either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.fleet import PATIENCE, Account, Credentials, Maker
from tests.e2e.mqtt import Device, Message, RefusedError
from tests.servers import Started

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


class Nodes:
    """An account as it is seen at the one server and at the other."""

    def __init__(self, first: Started, second: Started, url: str, maker: Maker, folder: Path) -> None:
        self.url = url
        self.servers = first, second
        self.here, self.there = Account(first, maker, folder), Account(second, maker, folder)
        self.there.id = self.here.id

    def device(self, name: str) -> Any:
        """A thing whose certificate may do everything."""
        self.here.thing(name)
        self.here.policy(f"all-{name}", EVERYTHING)
        credentials = self.here.register(name)
        self.here.grant(credentials, name, f"all-{name}")
        return credentials

    def deafen(self) -> int:
        """Cut the connections on which the servers listen; returns how many there were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
            return len(connection.execute(cut + " AND classid = 7415023").fetchall())

    def listening(self) -> int:
        with psycopg.connect(self.url, autocommit=True) as connection:
            count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 7415023"
            row = connection.execute(count).fetchone()
            assert row is not None
            return int(row[0])


@contextmanager
def coming(account: Account, credentials: Credentials, name: str) -> Iterator[Device]:
    """A device that tries until its server has heard of its certificate, which another has just registered."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            device = Device(account, credentials, name)
            break
        except RefusedError:
            assert time.monotonic() < deadline
    try:
        yield device
    finally:
        device.close()


def until(device: Device, fits: Callable[[Message], bool]) -> Message:
    """The next message that fits; others are passed over."""
    while True:
        found = device.next()
        if fits(found):
            return found
