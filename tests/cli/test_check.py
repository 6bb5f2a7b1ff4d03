"""``tidegate check``, and what is said of a data directory that something happened to."""

from __future__ import annotations

import errno
import json
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from tests.servers import options, started
from tests.store.rows import Rows, template
from tidegate import cli
from tidegate.clock import SequentialIds
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.server import directory
from tidegate.store import jobs, templates
from tidegate.store.database import StoreError, StoreUnavailable, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase


def check(capsys: pytest.CaptureFixture[str], data: Path, *more: str) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", "--data", str(data), *more])
    return end.value.code, capsys.readouterr().out


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What a server leaves behind."""
    with started(options(tmp_path / "data")) as running:
        running.client("iot").create_thing(thingName="t")
        running.client("s3").create_bucket(Bucket="bucket")
    return tmp_path / "data"


def damage(path: Path) -> None:
    """Overwrite pages behind the first."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def test_a_whole_store(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(capsys, data)
    assert (code, said) == (0, "The store and the objects' index are whole.\n")


@pytest.mark.parametrize("file", ["tidegate.db", "objects/index.db"])
def test_damaged_pages(data: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    damage(data / file)
    code, said = check(capsys, data)
    assert code == 1
    assert str(data / file) in said
    assert "restore a backup" in said
    anywhere = [part for name in ("http", "https", "mqtts", "objects-listen") for part in (f"--{name}", "127.0.0.1:0")]
    command = [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(data), *anywhere]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    told = done.stderr.strip().splitlines()
    assert [line for line in told if line.startswith("tidegate: ") and "damaged" in line], told
    assert not [line for line in told if "Traceback" in line]


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(capsys, tmp_path)
    assert (code, "it is not there" in said) == (1, True)
    assert not (tmp_path / "tidegate.db").exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_counters_that_are_not_what_the_rows_are(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    store = "sqlite" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    database = (
        SqliteDatabase(tmp_path / "tidegate.db", now=NOW) if kind == "sqlite" else PostgresDatabase(store, now=NOW)
    )
    database.reset()
    rows = Rows(database)
    job_id = rows.job()
    rows.queue(job_id, rows.things(3))
    rows.do(lambda tx: jobs.count_add(tx, job_id, {ExecutionStatus.QUEUED: 3}))
    assert check(capsys, tmp_path, "--store", store)[0] == 0
    rows.do(lambda tx: jobs.count_add(tx, job_id, {ExecutionStatus.QUEUED: 1}))
    code, said = check(capsys, tmp_path, "--store", store)
    assert code == 1
    assert f"job number {job_id}: 4 executions are counted as QUEUED, 3 are there" in said
    database.reset()
    database.close()


def test_a_deleted_file_is_noticed_and_nothing_goes_into_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with started(options(tmp_path / "data")) as running:
        running.client("iot").create_thing(thingName="before")
        os.rename(tmp_path / "data" / "tidegate.db", tmp_path / "elsewhere")
        status, _, body = running.fetch("/_tidegate/health")
        assert (status, json.loads(body)["store"]) == (503, "It takes no write; the log says why.")
        assert f"{tmp_path / 'data' / 'tidegate.db'} was deleted or replaced" in caplog.text
        with pytest.raises(Exception, match="Nothing was changed"):
            running.client("iot").create_thing(thingName="after")
        os.rename(tmp_path / "elsewhere", tmp_path / "data" / "tidegate.db")
        assert running.fetch("/_tidegate/health")[0] == 200
        running.client("iot").create_thing(thingName="after")


def test_a_broken_index_of_objects_is_known_to_health(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with started(options(tmp_path / "data")) as running:
        running.client("s3").create_bucket(Bucket="bucket")
        assert running.fetch("/_tidegate/health")[0] == 200
        index = tmp_path / "data" / "objects" / "index.db"
        (index.parent / "index.db-wal").write_bytes(b"")
        index.write_bytes(b"\xa5" * index.stat().st_size)
        status, _, body = running.fetch("/_tidegate/health")
        assert (status, json.loads(body)["objects"]) == (503, "Their index cannot be read; the log says why.")
        assert "objects cannot be served: the objects' index: file is not a database; it is damaged" in caplog.text


def test_a_read_only_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteDatabase(tmp_path / "t.db", now=NOW).close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write whatever the mode says
    with pytest.raises(StoreError, match="it is read-only: let the server's user write"):
        SqliteDatabase(tmp_path / "t.db", now=NOW)


def test_a_data_directory_on_a_read_only_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: str | Path, *more: Any, **also: Any) -> int:
        if Path(path).parent == tmp_path:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, *more, **also)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SystemExit) as end:
        cli.main(["serve", "--data", str(tmp_path), "--http", "127.0.0.1:0"])
    told = capsys.readouterr().err
    assert end.value.code == 1
    assert f"Read-only file system: '{tmp_path}/" in told
    assert "it is read-only: let the server's user write the file and its folder" in told


def test_a_file_that_becomes_read_only(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "t.db", now=NOW)
    database._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="it is read-only"):
        transact(database, lambda tx: templates.insert(tx, 1, template("a")))
    database.close()


def test_a_full_disk_at_the_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(StoreError, match="the disk is full: make room"):
        SqliteDatabase(tmp_path / "t.db", now=NOW)


def test_a_disk_that_ends_while_the_schema_is_made(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with pytest.raises(StoreError, match=r"cannot open .*(full|disk failed)"):
            SqliteDatabase(tmp_path / "t.db", now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    SqliteDatabase(tmp_path / "t.db", now=NOW).close()


@pytest.mark.parametrize("content", ["", "x"])
def test_a_damaged_node_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "node").write_text(content)
    with pytest.raises(StoreError, match="Remove it and start again"):
        directory.node(tmp_path, SequentialIds())
