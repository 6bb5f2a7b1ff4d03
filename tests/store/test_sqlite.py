"""The embedded engine: its files, its log, and what happens when the disk says no."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from tests.store.rows import template
from tidegate.store import checkpointer, keys, migrations, scopes, templates, things
from tidegate.store.database import Blocked, Marked, StoreError, StoreUnavailable, Tx, transact
from tidegate.store.keys import AccessKey
from tidegate.store.sqlite import SqliteDatabase

NEVER = 3600.0
"""Seconds between checkpoints of a thread that is not to take part in a test."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tidegate.db"


@pytest.fixture
def file(path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(path, now=NOW, checkpoint_seconds=NEVER)
    yield database
    database.close()


def put(name: str, size: int = 10) -> Any:
    return lambda tx: templates.insert(tx, 1, template(name, document="x" * size))


def names(database: SqliteDatabase) -> list[str]:
    return [one.name for one in database.read(lambda tx: templates.page(tx, 1, "", 1000))]


def log_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


# Opening


def test_the_promise_of_durability_is_in_force(file: SqliteDatabase) -> None:
    def pragma(name: str) -> Any:
        return file._connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("foreign_keys") == 1
    assert pragma("wal_autocheckpoint") == 0


def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    database = SqliteDatabase(path, now=NOW)
    transact(database, put("a"))
    database.close()
    again = SqliteDatabase(path, now=NOW + 1)
    assert names(again) == ["a"]
    assert again._connection.execute("SELECT DISTINCT applied_at FROM migration").fetchall() == [(NOW,)]
    again.close()


def test_a_file_of_the_first_tidegate_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = migrations.steps("sqlite")[:1]
    with monkeypatch.context() as then:
        then.setattr(migrations, "steps", lambda dialect: first)
        SqliteDatabase(path, now=NOW).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO thing VALUES (7, 1, 't', 'uuid', '{\"a\":\"1\"}', 2, 5, NULL)")
    connection.close()
    database = SqliteDatabase(path, now=NOW + 1)
    found = database.read(lambda tx: things.find(tx, 1, "t"))
    assert found == things.Thing(7, "t", "uuid", {"a": "1"}, 2, 5, None, None)
    database.close()


def test_a_file_of_a_newer_tidegate_is_refused(path: Path) -> None:
    SqliteDatabase(path, now=NOW).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migration VALUES (9999, 'future', 'x', 1)")
    connection.close()
    with pytest.raises(StoreError, match=r"has migration 9999.*use the newer tidegate"):
        SqliteDatabase(path, now=NOW)


def test_a_file_made_by_another_migration_is_refused(path: Path) -> None:
    SqliteDatabase(path, now=NOW).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE migration SET checksum = 'other'")
    connection.close()
    with pytest.raises(StoreError, match=r"migration 1 \(initial\) differs"):
        SqliteDatabase(path, now=NOW)


def test_a_file_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(StoreError, match="belongs to another program: it has a table notes"):
        SqliteDatabase(path, now=NOW)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]
    connection.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("hello " * 200)
    with pytest.raises(StoreError, match=r"cannot open .*not a database"):
        SqliteDatabase(path, now=NOW)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open"):
        SqliteDatabase(tmp_path / "file" / "tidegate.db", now=NOW)


def test_a_migration_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = migrations.steps("sqlite")[0]
    bad = migrations.Migration(2, "bad", "x", ["CREATE TABLE fine (a)", "CREATE TABLE fine (a)"])
    monkeypatch.setattr(migrations, "steps", lambda dialect: [good, bad])
    with pytest.raises(StoreError, match="table fine already exists"):
        SqliteDatabase(path, now=NOW)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


# A second process


def test_another_process_may_add_a_key_while_the_server_writes(path: Path, file: SqliteDatabase) -> None:
    script = (
        "import sys; from pathlib import Path; from tidegate.store import keys; from tidegate.store.database import"
        " transact; from tidegate.store.sqlite import SqliteDatabase; from tidegate.store.keys import AccessKey;"
        " database = SqliteDatabase(Path(sys.argv[1]), now=1);"
        " assert transact(database, lambda tx: keys.insert(tx, 'AKIA2', AccessKey('s', 'p'), 1)); database.close()"
    )
    search = {"PYTHONPATH": ":".join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], env=search)
    written = 0
    while process.poll() is None:
        transact(file, put(f"t{written}"))
        written += 1
    assert process.returncode == 0
    assert file.read(lambda tx: keys.get(tx, "AKIA2")) == AccessKey("s", "p")
    assert file.read(lambda tx: templates.count(tx, 1)) == written


def test_works_that_only_read_wait_for_no_writer(path: Path) -> None:
    file = SqliteDatabase(path, now=NOW, patience_seconds=0)
    transact(file, put("a"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    count, boom = Marked(lambda tx: templates.count(tx, 1), reads=True), Marked(lambda _: 1 // 0, reads=True)
    answered, failed, again = file.commit([count, boom, count])
    assert (answered.result(), again.result()) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        failed.result()
    [refused] = file.commit([Marked(put("b"), reads=True)])
    with pytest.raises(StoreError, match="said to read only"):
        refused.result()
    other.execute("ROLLBACK")
    other.close()
    assert transact(file, put("b")) is True
    file.close()


def test_a_writer_elsewhere_that_does_not_end_is_a_refusal(path: Path) -> None:
    file = SqliteDatabase(path, now=NOW, patience_seconds=0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Blocked, match="locked"):
        file.commit([put("a")])
    other.execute("ROLLBACK")
    other.close()
    assert transact(file, put("a")) is True
    file.close()


# A disk that says no


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes: writes past it fail as on a broken disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_commit_that_cannot_be_written_keeps_nothing_and_refuses_everyone(path: Path, file: SqliteDatabase) -> None:
    transact(file, put("before"))
    with files_end_at(log_bytes(path) + 20_000), pytest.raises(StoreUnavailable, match="could not be written"):
        file.commit([put("small"), put("large", 100_000), put("after")])
    assert names(file) == ["before"]
    assert transact(file, put("later")) is True
    assert names(file) == ["before", "later"]


def test_a_full_disk_inside_a_work_refuses_everyone(file: SqliteDatabase) -> None:
    pages = file._connection.execute("PRAGMA page_count").fetchone()[0]
    file._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match="full"):
        file.commit([put("small"), put("large", 100_000), put("after")])
    assert names(file) == []
    file._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert transact(file, put("later", 100_000)) is True


def test_a_work_cannot_swallow_the_end_of_its_transaction(file: SqliteDatabase) -> None:
    """A statement that made SQLite roll everything back ends the batch, whatever the work makes of it."""

    def careless(tx: Tx) -> None:
        file._connection.execute("ROLLBACK")

    with pytest.raises(StoreUnavailable):
        file.commit([put("a"), careless, put("b")])
    assert names(file) == []
    assert transact(file, put("c")) is True


def test_pages_in_memory_are_let_go_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(checkpointer, "monotonic", lambda: now[0])
    database = SqliteDatabase(path, now=NOW, checkpoint_seconds=NEVER)
    seen: list[str] = []
    database._connection.set_trace_callback(seen.append)
    for name, later in (("a", 0), ("b", 600), ("c", 0)):
        now[0] += later
        database._checkpointer._passed.set()  # type: ignore[union-attr]
        transact(database, put(name))
    assert [text for text in seen if "shrink" in text] == ["PRAGMA shrink_memory"]
    assert names(database) == ["a", "b", "c"]
    database.close()


def test_a_checkpoint_that_fails_does_not_fail_the_commit(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SqliteDatabase(path, now=NOW).close()
    database = SqliteDatabase(path, now=NOW, checkpoint_seconds=NEVER, log_limit=1)
    with files_end_at(path.stat().st_size + 1000):
        assert transact(database, put("a", 20_000)) is True
    assert "could not be moved into the database" in caplog.text
    assert names(database) == ["a"]
    before = path.stat().st_size
    assert transact(database, put("b", 20_000)) is True
    assert path.stat().st_size > before
    database.close()


def test_after_close_everything_is_refused(path: Path) -> None:
    database = SqliteDatabase(path, now=NOW)
    database.close()
    with pytest.raises(StoreUnavailable):
        database.commit([put("a")])
    with pytest.raises(StoreUnavailable):
        names(database)


def test_a_second_thread_is_told_that_it_does_not_own_the_database(file: SqliteDatabase) -> None:
    inside, done = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        inside.set()
        assert done.wait(10)

    thread = threading.Thread(target=lambda: transact(file, slow))
    thread.start()
    assert inside.wait(10)
    with pytest.raises(RuntimeError, match="in the middle of another call"):
        transact(file, put("a"))
    done.set()
    thread.join()
    assert transact(file, put("a")) is True


# The log


def write_busily(database: SqliteDatabase, path: Path, commits: int, size: int) -> int:
    """The largest log seen while ``commits`` commits of ``size`` bytes are written."""
    largest = 0
    for number in range(commits):
        transact(database, put(f"t{number}", size))
        largest = max(largest, log_bytes(path))
    return largest


@pytest.mark.parametrize("seconds", [NEVER, 0.0])
def test_a_busy_writer_cannot_outgrow_the_log(path: Path, seconds: float) -> None:
    """With a thread that never comes, and with one that is always at it and keeps the writer's own passes out."""
    limit, size = 1_000_000, 100_000
    database = SqliteDatabase(path, now=NOW, log_limit=limit, checkpoint_seconds=seconds)
    assert write_busily(database, path, 150, size) <= limit + 2 * size
    assert database.read(lambda tx: templates.count(tx, 1)) == 150
    database.close()


def test_one_large_transaction_does_not_leave_a_large_log(path: Path) -> None:
    limit = 1_000_000
    database = SqliteDatabase(path, now=NOW, log_limit=limit, checkpoint_seconds=NEVER)
    transact(database, put("large", 5_000_000))
    assert log_bytes(path) > limit
    transact(database, put("a"))
    assert log_bytes(path) <= limit
    database.close()


def test_a_foreign_reader_stops_no_commit(path: Path) -> None:
    """It holds the log back (which then grows), and the log is emptied once it has gone."""
    limit = 200_000
    database = SqliteDatabase(path, now=NOW, log_limit=limit, checkpoint_seconds=NEVER)
    transact(database, put("before"))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM job_template").fetchone()
    for number in range(10):
        transact(database, put(f"t{number}", 100_000))
    assert log_bytes(path) > limit
    assert reader.execute("SELECT count(*) FROM job_template").fetchone() == (1,)
    reader.execute("ROLLBACK")
    reader.close()
    for number in range(3):
        transact(database, put(f"u{number}"))
    assert log_bytes(path) <= limit
    database.close()


def test_nobody_else_reads_the_files(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "t.db", now=NOW)
    transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    database.close()
    assert modes == {"t.db": 0o600, "t.db-wal": 0o600, "t.db-shm": 0o600}
