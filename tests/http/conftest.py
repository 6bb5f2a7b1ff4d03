"""One server with authentication off and one with it on, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Started, options, started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication off, system clock."""
    with started(options(tmp_path_factory.mktemp("server"))) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication on."""
    with started(options(tmp_path_factory.mktemp("guarded"), auth=True)) as running:
        yield running


@pytest.fixture(scope="module")
def movable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication off, movable clock."""
    with started(options(tmp_path_factory.mktemp("movable"), clock="movable")) as running:
        yield running
