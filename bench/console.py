"""The console: a job's page with a million executions behind it, and what devices feel of browsers that look on."""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from bench import bare
from bench.measure import Aim, Figure, side_by_side
from tidegate.clock import RandomIds, monotonic, wall_now
from tidegate.ops.call import Call
from tidegate.ops.table import HANDLERS
from tidegate.store.database import transact
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot

_PAGE_MS = 200
_RATIO = 1.2
_STATUSES = (2, 2, 2, 2, 2, 2, 2, 3, 1, 0)
"""Of ten executions: SUCCEEDED, FAILED, IN_PROGRESS, QUEUED."""
_HOUR = 3_600_000


def run(*, quick: bool) -> list[Figure]:
    """Both, on one server."""
    things, rounds, watchers, requests = (1000, 1, 5, 20) if quick else (1_000_000, 5, 200, 1000)
    with TemporaryDirectory() as folder:
        data = Path(folder)
        with closing(bare.open_as_tidegate(data / "tidegate.db")) as connection:
            bare.populate(connection, things)
        _created(data / "tidegate.db")
        with closing(sqlite3.connect(data / "tidegate.db")) as connection:
            _went(connection, things)
        with _serving(data) as addresses:
            pages = _pages(addresses["console"], things, rounds * 20)
            figure = _watched(addresses, rounds, watchers, requests)
    return [*pages, figure]


@contextmanager
def _serving(data: Path) -> Iterator[dict[str, str]]:
    places = [f"--{name}=127.0.0.1:0" for name in ("http", "https", "mqtts", "objects-listen", "console")]
    command = [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(data), "--log-level=error", *places]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "tidegate env" in line:
                    break
            yield json.loads((data / "addresses.json").read_text())
        finally:
            process.terminate()
            process.wait(60)


def _created(path: Path) -> None:
    criterion = iot.AbortCriteria(
        failure_type="FAILED", action="CANCEL", threshold_percentage=Decimal(50), min_number_of_executed_things=9
    )
    request = iot.CreateJobRequest(
        job_id="watched",
        targets=["arn:aws:iot:us-east-1:000000000000:thinggroup/everything"],
        document="{}",
        job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=1),
        abort_config=iot.AbortConfig(criteria_list=[criterion]),
    )
    call = Call(1, "000000000000", "us-east-1", wall_now(), RandomIds())
    with closing(SqliteDatabase(path, now=call.now)) as database:
        transact(database, HANDLERS["iot", "CreateJob"].transaction(call, request))  # inline: nothing to prepare


def _went(connection: sqlite3.Connection, things: int) -> None:
    """Let the job have been released within an hour, and have devices done what devices do."""
    now = wall_now()
    queued = f"{now - _HOUR} + thing_id * {_HOUR} / {things + 1}"
    [job] = connection.execute("SELECT id FROM job").fetchone()
    connection.execute("DELETE FROM execution")
    connection.execute("DELETE FROM job_counter")
    status = " ".join(f"WHEN {at} THEN {each}" for at, each in enumerate(_STATUSES))
    connection.execute(
        f"""
        INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, started_at, updated_at, attempt)
        SELECT thing_id, {job}, 1, CASE thing_id % 10 {status} END, 1, {queued},
          CASE thing_id % 10 WHEN 9 THEN NULL ELSE {queued} + 2000 END,
          {queued} + 60000, 0
        FROM group_member ORDER BY thing_id
        """
    )
    connection.execute(
        "INSERT INTO execution_details (thing_id, job_id, number, details) "
        """SELECT thing_id, job_id, 1, '{"reason": "disk full"}' FROM execution WHERE status = 3"""
    )
    connection.execute(
        "INSERT INTO job_counter (job_id, status, shard, count) "
        "SELECT job_id, status, 0, count(*) FROM execution GROUP BY job_id, status"
    )
    connection.execute(
        "UPDATE job SET stage = 'NONE', stage_cursor = NULL, released = ?, created_at = ?, rollout_started_at = ?",
        (things, now - _HOUR, now - _HOUR),
    )
    connection.commit()


def _pages(console: str, things: int, count: int) -> list[Figure]:
    """Time to the first byte: of the very first look, and of later ones, a page deep in the list of devices."""
    place = urlsplit(console).netloc
    first, _ = _first_byte(place, "/jobs/watched")
    path, values = "/jobs/watched", []
    for _ in range(count):
        took, text = _first_byte(place, path)
        values.append(took)
        following = text.partition('rel="next" href="')[2].partition("#")[0]
        path = following.replace("&amp;", "&") or "/jobs/watched"
    note = "the executions' curves are read beside it, in parts, and follow by themselves"
    name = f"A job's page with {things:,} executions behind it, to the first byte"
    aim = Aim(_PAGE_MS, at_least=False)
    return [
        Figure(f"{name}, the first look", "ms", (first,), "", (), aim, (note,)),
        Figure(f"{name}, 50 devices further each time", "ms", tuple(values), "", (), aim, ("the next by its key",)),
    ]


def _first_byte(place: str, path: str) -> tuple[float, str]:
    with closing(http.client.HTTPConnection(place, timeout=300)) as connection:
        connection.connect()
        begun = monotonic()
        connection.request("GET", path)
        answer = connection.getresponse()
        took = 1000 * (monotonic() - begun)
        assert answer.status == 200, answer.status
        return took, answer.read().decode()


def _watched(addresses: dict[str, str], rounds: int, watchers: int, requests: int) -> Figure:
    """p99 of devices' requests, with browsers that look at a job which changes, and with none."""
    with closing(http.client.HTTPConnection(urlsplit(addresses["http"]).netloc, timeout=60)) as connection:
        ask = _device(connection, requests)

        def watched() -> float:
            with _watching(urlsplit(addresses["console"]).netloc, watchers):
                return ask()

        values, baseline = side_by_side(rounds, watched, ask)
    return Figure(
        f"A device's request while {watchers} browsers look on, p99",
        "ms",
        values,
        "while none does",
        baseline,
        Aim(_RATIO, at_least=False),
        (f"{requests:,} reports, one after the other, each of which changes what the browsers see",),
    )


def _device(connection: http.client.HTTPConnection, requests: int) -> Callable[[], float]:
    scope = "000000000000/20260101/us-east-1/iot-jobs-data/aws4_request"
    headers = {
        "content-type": "application/json",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
    }

    def ask() -> float:
        took = []
        for number in range(requests):
            begun = monotonic()
            body = json.dumps({"status": "IN_PROGRESS", "statusDetails": {"step": str(number)}})
            connection.request("POST", f"/things/t{8 + number % 50 * 10}/jobs/watched", body, headers)
            answer = connection.getresponse()
            assert (answer.read(), answer.status)[1] == 200
            took.append(monotonic() - begun)
        return 1000 * sorted(took)[int(0.99 * len(took))]

    return ask


@contextmanager
def _watching(place: str, count: int) -> Iterator[None]:
    """So many browsers that look at the page of a job."""
    host, _, port = place.rpartition(":")
    sockets = [socket.create_connection((host, int(port))) for _ in range(count)]
    for each in sockets:
        each.sendall(f"GET /jobs/watched HTTP/1.1\r\nhost: {place}\r\naccept: text/event-stream\r\n\r\n".encode())
        assert each.recv(65536).startswith(b"HTTP/1.1 200")
    ended = threading.Event()
    thread = threading.Thread(target=_read, args=(sockets, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for each in sockets:
            each.close()


def _read(sockets: list[socket.socket], ended: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)
        while not ended.is_set():
            for key, _ in selector.select(0.1):
                key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
