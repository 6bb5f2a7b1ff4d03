"""Time that the test moves, and an empty account for each scenario: on a server, or on a store without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.e2e.fleet import Maker
from tests.ops.world import World
from tests.scenarios.direct import Direct
from tests.scenarios.scene import DAY, Scene
from tests.servers import Started, options, started
from tidegate.store.database import Database
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(options(tmp_path_factory.mktemp("scenarios"), clock="movable")) as server:
        yield server


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Scene]:
    """A scene on a server whose engine does nothing: what begins there does not end."""
    with started(options(tmp_path / "still", clock="movable")) as server:
        server.on_loop(server.running.engine.stop)
        yield Scene(server, Maker(), tmp_path)


@pytest.fixture(params=["server", "sqlite", "postgres"])
def way(request: pytest.FixtureRequest) -> str:
    """How a scenario is told: to a server, or to a store without one. A module that needs the server says so."""
    named: str = request.param
    return named


@pytest.fixture
def database(way: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty store of the kind that a scenario is told to."""
    if way == "sqlite":
        memory = SqliteDatabase(None, now=NOW)
        yield memory
        memory.close()
    else:
        shared: PostgresDatabase = request.getfixturevalue("_postgres")
        shared.reset()
        yield shared


@pytest.fixture
def scene(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """An empty account, at the beginning of a day that no earlier scenario has seen."""
    if way == "server":
        scene = Scene(request.getfixturevalue("server"), Maker(), tmp_path)
        scene.until((scene.now // DAY + 1) * DAY)
        yield scene
        return
    direct = Direct(World(*(request.getfixturevalue(name) for name in ("run", "database", "call"))))
    yield direct
    direct.close()
