"""Servers that real clients talk to, one per session and kind of store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.e2e.fleet import Account, Maker
from tests.servers import Started, options, started


@pytest.fixture(scope="session")
def new_postgres(postgres_url: str) -> Callable[[str], str]:
    """Makes an empty PostgreSQL database of the given name; its URL."""

    def create(name: str) -> str:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        head, _, query = postgres_url.partition("?")
        return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    return create


@pytest.fixture(scope="session")
def _running(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Started]]:
    """Starts a kind of server when it is first asked for: a store, and ``-guarded`` behind it for authentication."""
    with ExitStack() as stack:
        known: dict[str, Started] = {}

        def start(kind: str) -> Started:
            if kind not in known:
                store, _, guarded = kind.partition("-")
                wanted = options(tmp_path_factory.mktemp(f"server-{kind}"), auth=bool(guarded))
                if store == "postgres":
                    wanted = wanted._replace(store=request.getfixturevalue("new_postgres")(f"tidegate-{kind}"))
                known[kind] = stack.enter_context(started(wanted))
            return known[kind]

        yield start


@pytest.fixture
def server(_running: Callable[[str], Started]) -> Started:
    """A server on SQLite with authentication off."""
    return _running("sqlite")


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, _running: Callable[[str], Started]) -> Started:
    """A server on each kind of store, authentication off."""
    kind: str = request.param
    return _running(kind)


@pytest.fixture(params=["sqlite", "postgres"])
def guarded(request: pytest.FixtureRequest, _running: Callable[[str], Started]) -> Started:
    """A server on each kind of store that verifies signatures."""
    return _running(f"{request.param}-guarded")


@pytest.fixture(scope="session")
def maker() -> Maker:
    """A CA the servers do not know."""
    return Maker()


@pytest.fixture
def account(server: Started, maker: Maker, tmp_path: Path) -> Account:
    """An empty account."""
    return Account(server, maker, tmp_path)


@pytest.fixture
def either_account(either: Started, maker: Maker, tmp_path: Path) -> Account:
    """An empty account on each kind of store."""
    return Account(either, maker, tmp_path)
