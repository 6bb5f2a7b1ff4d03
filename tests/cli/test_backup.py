"""``tidegate backup``, ``restore`` and ``migrate`` as they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.test_backup import databases, fill, new
from tests.conftest import NOW
from tests.servers import options, started
from tidegate import cli
from tidegate.store import migrations, raw
from tidegate.store.raw import Applied

__all__ = ["databases", "new"]


def given(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    shown = capsys.readouterr()
    return int(end.value.code or 0), shown.out, shown.err


def test_a_backup_and_its_return(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, into, spare = (str(tmp_path / name) for name in ("data", "backups", "spare"))
    with started(options(Path(data))) as server:
        fill(server)
        code, out, _ = given(capsys, "backup", into, "--data", data, "--without-master-key", "--keep", "1")
        assert code == 0
        assert "1 (7,000 bytes) were not in an earlier backup" in out
    code, out, _ = given(capsys, "restore", into, "--check")
    assert (code, "is whole: taken at 20" in out) == (0, True)
    code, out, _ = given(capsys, "restore", into, "--data", spare)
    assert code == 0
    assert "1 blobs were compared with the backup" in out
    assert "master.key is not in the backup: put it into" in out
    code, _, err = given(capsys, "restore", into, "--data", spare)
    assert (code, "is not empty" in err) == (1, True)
    code, _, err = given(capsys, "restore", str(tmp_path / "none"), "--data", spare)
    assert (code, "is no backup, and holds none" in err) == (1, True)
    [blob] = (tmp_path / "data" / "objects" / "blobs").glob("*/*")
    blob.unlink()
    for kept in (tmp_path / "backups" / "blobs").glob("*/*"):
        kept.unlink()
    code, out, _ = given(capsys, "backup", str(tmp_path / "other"), "--data", data)
    assert (code, f"DAMAGED: blob {blob.name}" in out) == (1, True)


def test_a_schema_that_is_behind_and_one_that_is_ahead(
    tmp_path: Path, new: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    store, where = new(), ["--data", str(tmp_path)]
    where += ["--store", store]
    known = [Applied(step.number, step.name, step.checksum, NOW) for step in migrations.steps("sqlite")]
    with raw.filling(tmp_path / "tidegate.db", store, known[:2]) as made:
        made.fill("migration", Applied._fields, known[:2])
    code, out, _ = given(capsys, "migrate", "--check", *where)
    assert code == 3
    assert out.startswith(f"0003 {known[2].name}\n")
    assert f"{len(known) - 2} steps are to be done" in out
    assert given(capsys, "migrate", *where)[0] == 0
    assert given(capsys, "migrate", "--check", *where)[:2] == (0, "The schema is up to date.\n")
    ahead = Applied(9999, "later", "x", NOW)
    _add(tmp_path, store, ahead)
    code, _, err = given(capsys, "migrate", "--check", *where)
    assert code == 1
    assert "migration 9999, which tidegate 0.1.0 does not know: use the newer tidegate that made it, or restore" in err


def _add(data: Path, store: str, step: Applied) -> None:
    with raw._opened(data / "tidegate.db", store) as connection:
        raw.Filling(connection, "sqlite" if store == "sqlite" else "postgres").fill("migration", step._fields, [step])


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["backup", str(tmp_path / "b")], ["migrate", "--check"]):
        code, _, err = given(capsys, *command, "--data", str(tmp_path / "data"))
        assert (code, "tidegate.db: it is not there" in err) == (1, True)
    code, _, err = given(capsys, "migrate", "--store", "postgresql://127.0.0.1:1/x", "--data", str(tmp_path))
    assert (code, "cannot use the PostgreSQL store" in err) == (1, True)
