"""One server with authentication off and one with it on, each with a console, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import ANY, Started, options, started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication off, movable clock, in the region that tests' clients name."""
    folder = tmp_path_factory.mktemp("server")
    with started(options(folder, console=ANY, clock="movable", region="eu-west-1")) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication on."""
    with started(options(tmp_path_factory.mktemp("guarded"), console=ANY, auth=True, region="eu-west-1")) as running:
        yield running
