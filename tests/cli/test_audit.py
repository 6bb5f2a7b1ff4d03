"""``tidegate audit``, and what the other commands leave in the log."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from tests.cli.test_access import JOBS, exports
from tests.cli.test_commands import PORTS, run, serving
from tidegate import cli
from tidegate.cli import access, approvals, blackouts, keys, rotate
from tidegate.cli import audit as commands
from tidegate.cli import authority as authorities
from tidegate.clock import RandomIds, wall_now
from tidegate.core import audit as rules
from tidegate.ops import audit
from tidegate.pki import authority, vault
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
    change("access", "allow-devices", "ci")
    change("access", "deny-devices", "ci")
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
    assert done["access deny-devices"].before == done["access allow-devices"].after
    for entry in done.values():
        assert entry.principal.startswith("user ")
        assert entry.resources == ["arn:aws:iam::000000000000:user/ci"]
    with sqlite3.connect(tmp_path / "tidegate.db") as connection:
        [text] = connection.execute("SELECT group_concat(entries) FROM audit").fetchone()
    connection.close()
    assert made["AWS_SECRET_ACCESS_KEY"] not in text


def test_each_command_that_changes_keys_in_files_leaves_an_entry_before(tmp_path: Path) -> None:
    data, ids = tmp_path / "data", RandomIds()
    vault.load_or_create(data, ids)
    made = authority.load_or_create(tmp_path / "own", now=wall_now(), ids=ids)
    pair = (str(tmp_path / "own" / authority.BUNDLE), str(tmp_path / "own" / authority.KEY))
    done: dict[str, list[audit.Entry]] = {}

    def change(app: str, command: str, *arguments: str) -> None:
        before = len(unsealed(data)) if done else 0
        found = run(app, command, *arguments, "--data", str(data))
        assert found.returncode == 0, found.stderr
        now = unsealed(data)
        assert len(now) == before + 1
        done.setdefault(f"{app} {command}", []).append(now[-1])

    first = vault.load(data / vault.FILE, ids)
    for options in ((), ("--retire",), ("--prepare",)):
        change("rotate", "master-key", *options)
    change("rotate", "presign-key")
    change("authority", "import", *pair)
    change("rotate", "authority")
    change("rotate", "authority", "--retire")
    assert set(done) == {
        f"{name} {command}"
        for name, app in (("authority", authorities.app), ("rotate", rotate.app))
        for command in app
        if not command.startswith("-") and command not in READS
    }
    rotated = done["rotate master-key"]
    steps = [json.loads(bytes(entry.parameters))["step"] for entry in rotated if entry.parameters]
    assert steps == ["advance", "retire", "prepare"]
    assert rotated[0].before == {"key": first.fingerprint}
    assert rotated[1].before == {"key": vault.load(data / vault.FILE, ids).fingerprint}
    [brought] = done["authority import"]
    assert brought.before is None
    assert done["rotate authority"][0].before == {authority.KEY: made.certificate.fingerprint(hashes.SHA256()).hex()}
    for entry in [entry for entries in done.values() for entry in entries]:
        assert (entry.outcome, entry.edge) == ("asked", "command")
        assert entry.principal.startswith("user ")
        assert entry.operation.startswith("tidegate:")


def test_every_command_is_known_to_change_something_or_not() -> None:
    """A new one needs a line here, and, if it changes who may do what, an entry in the log."""
    audited = {"keys", "access", "rotate", "authority", "pause", "resume", "approve"}
    groups = {
        "audit": (commands.app, {"list", "export", "head", "verify", "prune"}),
        "approvals": (approvals.app, {"list", "show", "rules", "add-rule", "delete-rule"}),
        "blackouts": (blackouts.app, {"list", "add", "delete"}),
    }
    harmless = {
        "serve",
        "demo",
        "env",
        "fleet",
        "forecast",
        "why-denied",
        "check",
        "version",
        "backup",
        "restore",
        "migrate",
    }
    harmless |= {"conformance", "why", "lint", "diff"}
    harmless |= {"ready", "init", "doctor", "bundle"}  # those of running it
    assert {name for name in cli.app if not name.startswith("-")} == audited | set(groups) | harmless
    for app, names in groups.values():
        assert {name for name in app if not name.startswith("-")} == names


def test_seals_of_the_previous_master_key_are_proved_as_long_as_it_is_there(store: Path) -> None:
    data = ("--data", str(store))
    assert run("rotate", "master-key", *data).returncode == 0
    verified = run("audit", "verify", *data)
    assert verified.stdout.startswith("3 entries are whole, up to 3:"), verified.stderr
    assert "1 are not sealed yet" in verified.stdout
    with serving(store, *PORTS) as server:
        assert server.stop() == 0
    assert run("audit", "verify", *data).stdout.startswith("6 entries are whole")
    with sqlite3.connect(store / "tidegate.db") as connection:  # a chain made anew without the old key
        connection.execute("UPDATE audit SET mac = substr(mac, 1, 9) || hash WHERE seq <= 3")
    connection.close()
    forged = run("audit", "verify", *data)
    assert "was sealed without the master key" in forged.stderr
    assert forged.returncode == 1


def test_a_command_that_is_refused_leaves_none(tmp_path: Path) -> None:
    assert run("keys", "revoke", "AKIANOBODY", "--data", str(tmp_path)).returncode == 1
    assert unsealed(tmp_path) == []


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A data directory whose log has been sealed, what the server's stop leaves in it by itself."""
    data = tmp_path / "data"
    with serving(data, *PORTS) as server:
        run("keys", "create", "--data", str(data))
        while unsealed(data):
            time.sleep(0.05)
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
