"""``tidegate init`` and ``tidegate doctor``: from nothing to a server that runs."""

from __future__ import annotations

import io
import os
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.backup.test_backup import databases
from tests.cli.test_backup import given
from tests.servers import options, started
from tidegate.cli import config_file, doctor
from tidegate.cli.doctor import FAULT, OK, WARNING
from tidegate.net import room
from tidegate.server import Address, Options
from tidegate.store import raw

__all__ = ["databases"]


def found(wanted: Options) -> dict[str, tuple[str, str]]:
    return {subject: (state, text) for state, subject, text in doctor.examine(wanted)}


def test_a_file_for_this_machine_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tidegate.toml"
    code, out, _ = given(capsys, "init", "--yes", "--data", str(tmp_path / "d"), "--output", str(path))
    assert (code, "tidegate serve --config" in out) == (0, True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(path.read_text()) == {
        "data": str(tmp_path / "d"),
        "store": "sqlite",
        "account": "000000000000",
    }
    for name in config_file.NAMES:
        assert f"\n{name} = " in path.read_text() or f"\n# {name} = " in path.read_text()
    code, _, err = given(capsys, "init", "--yes", "--output", str(path))
    assert (code, "is there already" in err) == (1, True)


def test_five_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO(f"{tmp_path / 'd'}\niot.example.com\n\ns3://firmware\n123456789012\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    code, out, _ = given(capsys, "init", "--output", str(tmp_path / "x.toml"))
    assert code == 0
    assert out.count("]: ") == 5
    assert "tidegate keys create" in out
    told = config_file.read(tmp_path / "x.toml")
    assert (told["name"], told["auth"], told["http"]) == (["iot.example.com"], "on", "0.0.0.0:8080")
    assert (told["objects"], told["http-tls"]) == (["s3://firmware"], True)


def test_answers_that_cannot_be_used_leave_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.toml"
    wrong = ["--store", "oracle", "--account", "12", "--objects", "s3://x"]
    code, _, err = given(capsys, "init", "--yes", *wrong, "--output", str(path))
    assert code == 1
    assert [name for name in ("store: ", "account: ", "objects: ") if name not in err] == []
    assert list(tmp_path.iterdir()) == []


def test_a_new_machine_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = found(options(tmp_path / "data"))
    assert {state for state, _ in seen.values()} <= {OK, WARNING}
    assert seen["store"] == (OK, "an SQLite file will be made at the first start")
    assert list(tmp_path.iterdir()) == []
    free = [part for name in ("http", "https", "mqtts", "objects-listen") for part in (f"--{name}", "127.0.0.1:0")]
    code, out, _ = given(capsys, "doctor", "--data", str(tmp_path / "data"), *free)
    assert (code, "0 faults" in out) == (0, True)


def test_beside_a_running_server(tmp_path: Path) -> None:
    with started(options(tmp_path)) as server:
        wanted = options(tmp_path)._replace(http=Address("127.0.0.1", int(server.addresses.http.rpartition(":")[2])))
        seen = found(wanted)
        assert seen["server"] == (OK, "one runs on the data directory")
        assert seen["store"] == (OK, "its schema is this version's")
        assert seen["master key"][0] == OK
        assert {state for state, _ in seen.values()} <= {OK, WARNING}


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        state, text = found(options(tmp_path / "data", mqtts=Address("127.0.0.1", port)))["port"]
        assert (state, "Choose with --mqtts" in text) == (FAULT, True)


def test_what_would_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "master.key").write_text("x")
    (tmp_path / "tidegate.db").write_bytes(b"no database" * 1000)
    monkeypatch.setattr(room, "raise_limit", lambda: 1024)
    wanted = options(tmp_path, http=Address("0.0.0.0", 0), objects=("s3://b",), s3_endpoint="http://127.0.0.1:1")
    seen = found(wanted)
    for subject in ("listeners", "store", "master key", "authority", "objects"):
        assert seen[subject][0] == FAULT, subject
    assert seen["open files"][0] == WARNING
    (tmp_path / "restoring").mkdir()
    assert "give `tidegate restore` again" in found(wanted)["data directory"][1]
    assert found(options(tmp_path, master_key=tmp_path / "none"))["master key"][0] == FAULT


def test_a_postgresql(tmp_path: Path, databases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = options(tmp_path, store=databases.new(), auth=True)
    seen = found(wanted)
    assert seen["store"] == (OK, "it is empty")
    assert seen["clock"] == (OK, "within 2 s of that of PostgreSQL")
    assert (seen["master key"][0], seen["objects"][0]) == (WARNING, WARNING)
    monkeypatch.setattr(raw.PostgresSnapshot, "clock", lambda self: 0)
    assert "have NTP keep both" in found(wanted)["clock"][1]
    assert found(options(tmp_path, store="postgresql://127.0.0.1:1/x"))["store"][0] == FAULT


def test_a_directory_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "chown it" in found(options(tmp_path))["data directory"][1]
    assert "cannot be made" in found(options(tmp_path / "new"))["data directory"][1]
