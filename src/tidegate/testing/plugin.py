"""Fixtures for pytest, found by themselves once tidegate is installed.

``tidegate_server``
    A running server (``tidegate.testing.server.Server``): one for the session, emptied before each test, its clock
    standing still at the present.
``tidegate_client``
    ``tidegate_client("iot-jobs-data")`` is a boto3 client for it.
``tidegate_iot``
    The boto3 client of the control plane.
``tidegate_clock``
    Its time: ``advance(minutes=5)``, ``set("2026-01-31T12:00:00Z")``, ``to_next_event()``, ``now``, ``next_event``.
``tidegate_forecast``
    ``tidegate_forecast(template="firmware", things=500, failIf=["p90 > 2h"])``: what a rollout will do, as a dict.
``tidegate_faults``
    ``tidegate_faults({"fault": "throttle", "count": 2}, seed=7)``: what goes wrong on purpose, until the test ends.
``tidegate_device``
    ``tidegate_device("lamp", "kitchen")`` is a device, in a thing group, that the test plays: ``start_next()``,
    ``succeed()``, ``fail()``, ``reject()``, ``progress()``, ``pending()``, ``status(job_id)``.
``tidegate_options``
    Override it in ``conftest.py``, session-scoped, to set options of the server: a dictionary of fields of
    ``tidegate.server.Options``.

A fixture is imported when a test asks for it, so tests that do not are not slowed down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tidegate.testing.clock import Clock
    from tidegate.testing.device import Device
    from tidegate.testing.server import Server


@pytest.fixture(scope="session")
def tidegate_options() -> dict[str, Any]:
    """Options of the server that differ from the defaults; override it in ``conftest.py``."""
    return {}


@pytest.fixture(scope="session")
def _tidegate_session(tidegate_options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from tidegate.testing import server

    with server.serving(tmp_path_factory.mktemp("tidegate"), **tidegate_options) as served:
        yield served


@pytest.fixture
def tidegate_server(_tidegate_session: Server) -> Server:
    """An empty server at the present time."""
    _tidegate_session.reset()
    return _tidegate_session


@pytest.fixture
def tidegate_client(tidegate_server: Server) -> Callable[..., Any]:
    """boto3 clients: ``tidegate_client("iot-jobs-data")``, with another region as its second argument."""
    return tidegate_server.client


@pytest.fixture
def tidegate_iot(tidegate_server: Server) -> Any:
    """The boto3 client of the control plane."""
    return tidegate_server.client("iot")


@pytest.fixture
def tidegate_clock(tidegate_server: Server) -> Clock:
    """The server's time."""
    return tidegate_server.clock


@pytest.fixture
def tidegate_device(tidegate_server: Server) -> Callable[..., Device]:
    """Devices for the test to play: ``tidegate_device("lamp", "kitchen")``, thing name and thing groups."""
    return tidegate_server.device


@pytest.fixture
def tidegate_faults(tidegate_server: Server) -> Callable[..., None]:
    """Faults by seed, from now on: ``tidegate_faults({"fault": "lose", "operation": "notify-next"}, seed=7)``."""
    return tidegate_server.faults


@pytest.fixture
def tidegate_forecast(tidegate_server: Server) -> Callable[..., dict[str, Any]]:
    """What a rollout will do: ``tidegate_forecast(template="firmware", things=500, failIf=["p90 > 2h"])["failed"]``."""
    return tidegate_server.forecast
