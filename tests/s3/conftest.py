"""Servers whose objects are tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3.client import Bucket
from tests.servers import Started, options, started


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication off, a clock that stands still, objects served in this process."""
    with started(options(tmp_path_factory.mktemp("objects"), clock="movable")) as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Authentication on."""
    with started(options(tmp_path_factory.mktemp("guarded"), auth=True)) as running:
        yield running


@pytest.fixture
def s3(server: Started) -> Any:
    """A boto3 client."""
    return server.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(server: Started, s3: Any, request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket of the test's own."""
    return Bucket(server, s3, f"b{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def folder(server: Started) -> Path:
    """Where the server keeps its objects."""
    return Path(server.addresses.ca).parent / "objects"
