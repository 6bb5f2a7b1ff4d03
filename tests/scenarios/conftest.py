"""A server whose time the test moves, and an empty account on it for each scenario."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Maker
from tests.scenarios.scene import DAY, Scene
from tests.servers import Started, options, started


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


@pytest.fixture
def scene(server: Started, tmp_path: Path) -> Scene:
    """An empty account, at the beginning of a day that no earlier scenario has seen."""
    scene = Scene(server, Maker(), tmp_path)
    scene.until((scene.now // DAY + 1) * DAY)
    return scene
