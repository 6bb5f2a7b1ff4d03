"""``tidegate audit``, and what the other commands leave in the log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.test_access import JOBS, exports
from tests.cli.test_commands import PORTS, run, serving
from tidegate.cli import access, keys
from tidegate.core import audit as rules
from tidegate.ops import audit
from tidegate.store.sqlite import SqliteDatabase

READS = {"list", "show", "simulate"}


def unsealed(data: Path) -> list[audit.Entry]:
    database = SqliteDatabase(data / "tidegate.db", now=1)
    found = [audit.read(text) for text in database.read(audit.unsealed)]
    database.close()
    return found


def test_each_command_that_changes_who_may_do_what_leaves_an_entry(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    (tmp_path / "jobs.json").write_text(JOBS)
    done: dict[str, audit.Entry] = {}

    def change(app: str, command: str, *arguments: str) -> str:
        before = len(unsealed(tmp_path)) if done else 0
        found = run(app, command, *arguments, *data)
        assert found.returncode == 0, found.stderr
        *_, done[f"{app} {command}"] = now = unsealed(tmp_path)
        assert len(now) == before + 1
        return found.stdout

    change("access", "create-principal", "ci", "--policy", "ReadOnlyAccess", "--tag", "team=red")
    change("access", "attach-policy", "ci", "Jobs", str(tmp_path / "jobs.json"))
    made = exports(change("keys", "create", "--principal", "ci"))
    key = made["AWS_ACCESS_KEY_ID"]
    change("keys", "deactivate", key)
    change("keys", "activate", key)
    change("keys", "revoke", key)
    change("access", "detach-policy", "ci", "Jobs")
    change("access", "delete-principal", "ci")
    commands = {
        f"{name} {command}"
        for name, app in (("access", access.app), ("keys", keys.app))
        for command in app
        if not command.startswith("-") and command not in READS
    }
    assert set(done) == commands
    assert done["access attach-policy"].after == {"policy Jobs": JOBS}
    assert done["access detach-policy"].before == {"policy Jobs": JOBS}
    assert done["keys deactivate"].before == {f"key {key}": "Active"}
    assert done["keys deactivate"].after == {f"key {key}": "Inactive"}
    assert done["keys revoke"].before == {f"key {key}": "Active"}
    gone = done["access delete-principal"].before
    assert gone is not None
    assert set(gone) == {"tags", "policy ReadOnlyAccess"}
    for entry in done.values():
        assert entry.principal.startswith("user ")
        assert entry.resources == ["arn:aws:iam::000000000000:user/ci"]
    with sqlite3.connect(tmp_path / "tidegate.db") as connection:
        [text] = connection.execute("SELECT group_concat(entries) FROM audit").fetchone()
    connection.close()
    assert made["AWS_SECRET_ACCESS_KEY"] not in text


def test_a_command_that_is_refused_leaves_none(tmp_path: Path) -> None:
    assert run("keys", "revoke", "AKIANOBODY", "--data", str(tmp_path)).returncode == 1
    assert unsealed(tmp_path) == []


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A data directory whose log has been sealed."""
    data = tmp_path / "data"
    with serving(data, *PORTS) as server:
        run("keys", "create", "--data", str(data))
        assert server.stop() == 0
    return data


def test_the_log_is_listed_exported_and_verified(store: Path, tmp_path: Path) -> None:
    data = ("--data", str(store))
    listed = run("audit", "list", *data).stdout
    for part in ("tidegate:StartServer", "tidegate:CreateAccessKey", "arn:aws:iam::000000000000:user/admin"):
        assert part in listed
    lines = run("audit", "list", "--operation", "accesskey", "--json", *data).stdout.splitlines()
    assert [json.loads(line)["entry"]["operation"] for line in lines] == ["tidegate:CreateAccessKey"]
    assert run("audit", "list", "--since", "2999-01-01", "--json", *data).stdout == ""
    head = run("audit", "head", *data).stdout.strip()
    whole = run("audit", "verify", "--expect", head, *data)
    assert (whole.returncode, whole.stdout) == (0, f"3 entries are whole, up to {head}; 0 are not sealed yet.\n")
    exported = run("audit", "export", *data)
    file = tmp_path / "log.jsonl"
    file.write_text(exported.stdout)
    assert run("audit", "verify", str(file), "--expect", head, *data).returncode == 0
    elsewhere = run("audit", "verify", str(file), "--data", str(tmp_path / "nowhere"))
    assert elsewhere.returncode == 0
    assert "for want of the master key" in elsewhere.stdout
    assert not (tmp_path / "nowhere" / "master.key").exists()
    file.write_text(exported.stdout.replace("CreateAccessKey", "CreateAccessKez"))
    broken = run("audit", "verify", str(file), *data)
    assert (broken.returncode, broken.stderr) == (
        1,
        "tidegate: the audit log is broken: entry 2 was changed, or is not what followed entry 1.\n",
    )
    file.write_text(run("audit", "export", "--since-seq", "3", *data).stdout)
    assert run("audit", "verify", str(file), *data).stdout.startswith("1 entries are whole")
    file.write_text("no log\n")
    assert "is nothing that `tidegate audit export` printed" in run("audit", "verify", str(file), *data).stderr


def test_a_store_that_was_tampered_with_is_found_out(store: Path) -> None:
    head = run("audit", "head", "--data", str(store)).stdout.strip()
    with sqlite3.connect(store / "tidegate.db") as connection:
        connection.execute("DELETE FROM audit WHERE seq = 3")
    connection.close()
    assert run("audit", "verify", "--data", str(store)).returncode == 0
    cut = run("audit", "verify", "--expect", head, "--data", str(store))
    assert (cut.returncode, cut.stderr) == (
        1,
        "tidegate: the audit log is broken: entry 3, whose hash was noted, is gone: the log ends at 2.\n",
    )
    with sqlite3.connect(store / "tidegate.db") as connection:
        connection.execute("DELETE FROM audit WHERE seq = 1")
    connection.close()
    broken = run("audit", "verify", "--data", str(store))
    assert (broken.returncode, broken.stderr) == (
        1,
        "tidegate: the audit log is broken: entry 1 is gone: 2 comes in its place.\n",
    )


def test_a_pruned_log_is_whole(store: Path) -> None:
    data = ("--data", str(store))
    assert run("audit", "prune", "--before", "2999-01-01", *data).stdout == "3 entries are removed.\n"
    assert run("audit", "prune", "--before", "2999-01-01", *data).stdout == "0 entries are removed.\n"
    pruned = run("audit", "verify", *data)
    assert pruned.returncode == 0
    assert "1 are not sealed yet" in pruned.stdout
    exported = run("audit", "export", *data)
    assert (exported.stdout, exported.stderr) == (
        "",
        "tidegate: 1 entries are not sealed yet: a running server seals them.\n",
    )


def test_a_wrong_head_is_refused(tmp_path: Path) -> None:
    assert rules.head("7:zz") is None
    refused = run("audit", "verify", "--expect", "7", "--data", str(tmp_path))
    assert refused.returncode != 0
    assert "is not SEQ:HASH" in refused.stdout + refused.stderr
