"""Backups of both stores, taken beside a server at work, brought back and compared."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.conftest import NOW
from tests.servers import Started, options, started
from tidegate import files
from tidegate.backup import format as layout
from tidegate.backup import restore, take
from tidegate.backup.format import BackupError
from tidegate.backup.take import Place
from tidegate.server import InUseError
from tidegate.store import raw
from tidegate.store.database import StoreError

DAY = 24 * 3600 * 1000


class Databases:
    """Empty databases of a PostgreSQL, by name."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[str] = []

    def new(self) -> str:
        name = f"backup_{os.getpid()}_{len(self._made)}"
        self._admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._made.append(name)
        parts = make_conninfo(self._url, dbname=name)
        return "postgresql:///?" + "&".join(part.replace("'", "") for part in parts.split())

    def drop(self) -> None:
        for name in self._made:
            self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def databases(postgres_url: str) -> Iterator[Databases]:
    made = Databases(postgres_url)
    yield made
    made.drop()


@pytest.fixture(params=["sqlite", "postgres"])
def new(request: pytest.FixtureRequest) -> Callable[[], str]:
    """What ``--store`` takes: an empty store each time."""
    if request.param == "sqlite":
        return lambda: "sqlite"
    databases: Databases = request.getfixturevalue("databases")
    return databases.new


def fill(server: Started, number: int = 0) -> None:
    """A job under way that brings an object, and a group."""
    iot, s3 = server.client("iot"), server.client("s3")
    if not number:
        s3.create_bucket(Bucket="firmware", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="firmware", Key=f"image-{number}", Body=b"image %d" % number * 1000)
    group = iot.create_thing_group(thingGroupName=f"g{number}")["thingGroupArn"]
    for thing in range(3):
        iot.create_thing(thingName=f"t{number}-{thing}")
        iot.add_thing_to_thing_group(thingGroupName=f"g{number}", thingName=f"t{number}-{thing}")
    url = f"${{aws:iot:s3-presigned-url:https://s3.amazonaws.com/firmware/image-{number}}}"
    role = {"roleArn": "arn:aws:iam::000000000000:role/r", "expiresInSec": 3600}
    iot.create_job(jobId=f"job{number}", targets=[group], document=json.dumps({"url": url}), presignedUrlConfig=role)


def settle(server: Started) -> None:
    server.on_loop(server.running.engine.settle)


def state(server: Started) -> Any:
    """What an operator and a device see."""
    iot, device, s3 = server.client("iot"), server.client("iot-jobs-data"), server.client("s3")
    jobs = [iot.describe_job(jobId=job["jobId"])["job"] for job in iot.list_jobs()["jobs"]]
    queued = [device.get_pending_job_executions(thingName=f"t0-{n}")["queuedJobs"] for n in range(3)]
    names = [each["Key"] for each in s3.list_objects_v2(Bucket="firmware")["Contents"]]
    bodies = [s3.get_object(Bucket="firmware", Key=name)["Body"].read() for name in names]
    return jobs, iot.list_things()["things"], queued, names, bodies


def sums(data: Path, store: str) -> dict[str, Any]:
    with raw.snapshot(data, store) as found:
        return {table: layout.counted(found.rows(table, columns)) for table, columns in found.columns().items()}


def test_what_is_backed_up_beside_a_server_comes_back(tmp_path: Path, new: Callable[[], str]) -> None:
    data, into, store = tmp_path / "data", tmp_path / "backups", new()
    with started(options(data, store=store)) as server:
        fill(server)
        settle(server)
        before = state(server)
        taken = take.take(Place(data, store), into, NOW)
        assert (taken.manifest.blobs, taken.copied, taken.damaged) == (1, 1, ())
        fill(server, 1)  # what happens afterwards is in the next one
        again = take.take(Place(data, store), into, NOW + DAY)
        assert (again.manifest.blobs, again.copied) == (2, 1)
    spare, elsewhere = tmp_path / "spare", new()
    done = restore.restore(taken.path, spare, elsewhere)
    assert done.rows == sum(t.count for t in (*taken.manifest.store.values(), *taken.manifest.objects.values()))
    kept = {name: (table.count, table.sum) for name, table in taken.manifest.store.items()}
    assert sums(spare, elsewhere) == kept
    for name in ("ca.key", "ca.pem", "master.key", "presign.key"):
        assert (spare / name).read_bytes() == (data / name).read_bytes()
    with started(options(spare, store=elsewhere)) as server:
        assert state(server) == before
        fill(server, 2)  # and no id is given twice
    with pytest.raises(BackupError, match="is not empty"):
        restore.restore(taken.path, spare, elsewhere)
    if store != "sqlite":
        with pytest.raises(StoreError, match="restore into an empty database"):
            restore.restore(taken.path, tmp_path / "third", elsewhere)


@pytest.mark.parametrize("back", [False, True], ids=["into PostgreSQL", "into SQLite"])
def test_from_one_engine_to_the_other(tmp_path: Path, databases: Databases, back: bool) -> None:
    first, second = ("sqlite", databases.new())[:: -1 if back else 1]
    with started(options(tmp_path / "a", store=first)) as server:
        fill(server)
        settle(server)
        before = state(server)
    taken = take.take(Place(tmp_path / "a", first), tmp_path / "backups", NOW)
    restore.restore(taken.path, tmp_path / "b", second)
    assert sums(tmp_path / "b", second) == sums(tmp_path / "a", first)
    with started(options(tmp_path / "b", store=second)) as server:
        assert state(server) == before
        server.client("iot").create_thing(thingName="new")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with started(options(tmp_path / "data")) as server:
        fill(server)
        settle(server)
    return tmp_path / "data"


def killed_at(step: int, work: Callable[[], Any]) -> bool:
    """Run in a process that is killed at its nth call that makes something durable; whether it was."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments)

            return call

        os.fsync, files.sync = counted(os.fsync), counted(files.sync)
        Path.rename = counted(Path.rename)  # type: ignore[method-assign]
        try:
            work()
        except BaseException:  # noqa: BLE001 - told by the exit status
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_backup_that_is_killed_anywhere_is_none(tmp_path: Path, data: Path) -> None:
    into = tmp_path / "backups"
    step, kills = 1, 0
    while killed_at(step, lambda: take.take(Place(data, "sqlite"), into, NOW)):
        for found in layout.backups(into):
            restore.check(found)
            assert found == into / "2026-01-01T000000Z"
            (found / layout.MANIFEST).unlink()
            shutil.rmtree(found)
        kills += 1
        step += max(1, step // 4)
    assert kills > 8
    assert [path.name for path in layout.backups(into)] == ["2026-01-01T000000Z"]
    restore.check(into / "2026-01-01T000000Z")


def test_a_restore_that_is_killed_anywhere_is_given_again(tmp_path: Path, data: Path) -> None:
    backup = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW).path
    whole = sums(data, "sqlite")
    step, kills = 1, 0
    while True:
        spare = tmp_path / f"spare{kills}"
        if not killed_at(step, lambda spare=spare: restore.restore(backup, spare, "sqlite")):
            break
        if (spare / "restoring").exists():
            with pytest.raises(InUseError, match="tidegate restore"), started(options(spare)):
                pass
            restore.restore(backup, spare, "sqlite")
        elif not (spare / "tidegate.db").exists():
            restore.restore(backup, spare, "sqlite")
        assert sums(spare, "sqlite") == whole
        kills += 1
        step += max(1, step // 3)
    assert kills > 8


def test_killed_after_postgresql_took_everything(
    tmp_path: Path, data: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, store = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW).path, databases.new()
    with monkeypatch.context() as patch:
        patch.setattr(restore, "_compare", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore.restore(backup, tmp_path / "spare", store)
    restore.restore(backup, tmp_path / "spare", store)
    assert sums(tmp_path / "spare", store) == sums(data, "sqlite")


def test_every_damage_is_told_and_nothing_written(tmp_path: Path, data: Path) -> None:
    backup = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW).path
    [blob] = (tmp_path / "backups" / "blobs").glob("*/*")
    blob.write_bytes(b"x")
    (backup / "keys" / "ca.key").unlink()
    (backup / "keys" / "more").write_text("x")
    thing = backup / "store" / "thing.rows.gz"
    thing.write_bytes(thing.read_bytes()[:-1])
    with pytest.raises(BackupError) as refused:
        restore.restore(backup, tmp_path / "spare", "sqlite")
    told = str(refused.value).splitlines()[1:]
    assert [line.split(" ", 1)[1] for line in told] == [
        "is no part of it",
        "is gone",
        "is not what was written",
        "is not what was written",
    ]
    assert not (tmp_path / "spare").exists()


def test_a_manifest_that_counts_wrongly(tmp_path: Path, data: Path) -> None:
    backup = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW).path
    known = layout.read_manifest(backup)
    store = {**known.store, "thing": msgspec.structs.replace(known.store["thing"], count=7)}
    (backup / layout.MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(known, store=store)))
    with pytest.raises(BackupError, match="store/thing: its rows are not those that were counted"):
        restore.check(backup)
    (backup / layout.MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(known, format=2)))
    with pytest.raises(BackupError, match="by a newer tidegate"):
        restore.check(backup)
    (backup / layout.MANIFEST).write_bytes(b"{}")
    with pytest.raises(BackupError, match="is damaged"):
        restore.check(backup)


def test_a_schema_that_this_tidegate_does_not_know(tmp_path: Path, data: Path) -> None:
    backup = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW).path
    known = layout.read_manifest(backup)
    newer = msgspec.structs.replace(known.schema[-1], number=9999)
    changed = msgspec.structs.replace(known, schema=[*known.schema, newer])
    (backup / layout.MANIFEST).write_bytes(msgspec.json.encode(changed))
    with pytest.raises(StoreError, match="use the newer tidegate"):
        restore.restore(backup, tmp_path / "spare", "sqlite")


def test_blobs_that_are_damaged_are_told_and_left_out(tmp_path: Path, data: Path) -> None:
    [blob] = (data / "objects" / "blobs").glob("*/*")
    blob.write_bytes(b"x" * blob.stat().st_size)
    taken = take.take(Place(data, "sqlite"), tmp_path / "backups", NOW)
    assert taken.damaged == (blob.name,)
    with pytest.raises(BackupError, match=f"{blob.name} is gone"):
        restore.check(taken.path)


def test_objects_deleted_meanwhile_are_still_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(options(tmp_path / "data")) as server:
        fill(server)
        s3, copy = server.client("s3"), take._copy

        def late(*arguments: Any) -> Any:
            [version] = s3.list_object_versions(Bucket="firmware")["Versions"]
            s3.delete_object(Bucket="firmware", Key="image-0", VersionId=version["VersionId"])
            return copy(*arguments)

        monkeypatch.setattr(take, "_copy", late)
        taken = take.take(Place(tmp_path / "data", "sqlite"), tmp_path / "backups", NOW)
        assert (taken.copied, taken.damaged) == (1, ())
        restore.check(taken.path)
    with started(options(tmp_path / "data")):
        assert not list((tmp_path / "data" / "objects" / "blobs").glob("*/*"))  # nobody needs it any more


def test_pruning_keeps_the_latest_and_what_they_need(tmp_path: Path) -> None:
    data, into = tmp_path / "data", tmp_path / "backups"
    with started(options(data)) as server:
        fill(server)
        first = take.take(Place(data, "sqlite"), into, NOW)
        s3 = server.client("s3")
        [version] = s3.list_object_versions(Bucket="firmware")["Versions"]
        s3.delete_object(Bucket="firmware", Key="image-0", VersionId=version["VersionId"])
        fill(server, 1)
        second = take.take(Place(data, "sqlite"), into, NOW + DAY)
    assert len(list((into / "blobs").glob("*/*"))) == 2
    assert take.prune(into, 2) == []
    assert take.prune(into, 1) == [first.path]
    assert len(list((into / "blobs").glob("*/*"))) == 1
    restore.check(second.path)
    with take.alone(into), pytest.raises(BackupError, match="another backup"):
        take.prune(into, 1)
    with pytest.raises(BackupError, match="is there already"):
        take.take(Place(data, "sqlite"), into, NOW + DAY)
