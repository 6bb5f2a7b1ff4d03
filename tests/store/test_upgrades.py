"""Databases of every version that has landed, with work under way, under the present server (tools/landed.py)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.backup.test_backup import databases
from tests.conftest import NOW
from tests.servers import options, started
from tidegate.store import migrations, raw
from tidegate.store.raw import Applied, Snapshot
from tidegate.store.sqlite import SqliteDatabase

__all__ = ["databases"]

LANDED = sorted(Path(__file__).with_name("landed").glob("*.gz"))
ON_POSTGRES = ("1-bcb", "1-2-3-4-5-6-7-8-9-10-11-13-14")


def load(path: Path, data: Path, store: str) -> None:
    """Make a store of a version, as it left it."""
    known = msgspec.msgpack.decode(gzip.decompress(path.read_bytes()))
    data.mkdir(exist_ok=True)
    with raw.filling(data / "tidegate.db", store, [Applied(*step) for step in known["applied"]]) as target:
        assert set(target.snapshot.columns()) == set(known["tables"])
        for name, table in known["tables"].items():
            target.fill(name, table["columns"], table["rows"])
            if table["sequence"]:
                target.number(name, table["sequence"])


def cases() -> Iterator[Any]:
    for path in LANDED:
        name = path.name.removesuffix(".msgpack.gz")
        yield pytest.param(path, "sqlite", id=f"sqlite-{name}")
        if name.startswith(ON_POSTGRES):
            yield pytest.param(path, "postgres", id=f"postgres-{name}")


@pytest.mark.parametrize(("path", "kind"), list(cases()))
def test_work_under_way_is_finished_after_the_upgrade(
    path: Path, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = "sqlite" if kind == "sqlite" else request.getfixturevalue("databases").new()
    load(path, tmp_path, store)
    with started(options(tmp_path, store=store, clock="movable", region="eu-west-1", account="123456789012")) as server:
        mine = {"aws_access_key_id": "123456789012"}
        iot, device = server.client("iot", **mine), server.client("iot-jobs-data", **mine)
        assert iot.describe_job_template(jobTemplateId="kept")["description"] == "d"
        [certificate] = iot.list_certificates()["certificates"]
        [policy] = iot.list_attached_policies(target=certificate["certificateArn"])["policies"]
        assert (certificate["status"], policy["policyName"]) == ("ACTIVE", "device")
        job = iot.describe_job(jobId="rollout")["job"]
        assert job["status"] == "IN_PROGRESS"
        [begun] = iot.list_job_executions_for_job(jobId="rollout", status="IN_PROGRESS")["executionSummaries"]
        server.fetch("/_tidegate/clock", "POST", {"advance": 300})
        for thing in iot.list_things()["things"]:
            name = thing["thingName"]
            execution = device.start_next_pending_job_execution(thingName=name)["execution"]
            if thing["thingArn"] == begun["thingArn"]:
                assert execution["statusDetails"] == {"step": "half"}
            device.update_job_execution(thingName=name, jobId="rollout", status="SUCCEEDED")
        server.on_loop(server.running.engine.settle)
        job = iot.describe_job(jobId="rollout")["job"]
        assert (job["status"], job["jobProcessDetails"]["numberOfSucceededThings"]) == ("COMPLETED", 6)


def _schema(found: Snapshot) -> dict[str, list[str]]:
    return {table: sorted(columns) for table, columns in found.columns().items()}


@pytest.mark.parametrize("path", LANDED, ids=lambda path: path.name.split(".")[0])
def test_each_becomes_the_present_schema(path: Path, tmp_path: Path) -> None:
    """Also those that had steps before ones with lower numbers: tables, columns, indices are those of a new store."""
    steps = [Applied(step.number, step.name, step.checksum, 0) for step in migrations.steps("sqlite")]
    with raw.filling(tmp_path / "new.db", "sqlite", steps) as new:
        expected = _schema(new.snapshot)
    load(path, tmp_path, "sqlite")
    SqliteDatabase(tmp_path / "tidegate.db", now=NOW).close()
    with raw.snapshot(tmp_path, "sqlite") as found:
        assert _schema(found) == expected
    assert _indices(tmp_path / "tidegate.db") == _indices(tmp_path / "new.db")


def _indices(path: Path) -> list[Any]:
    with raw.sqlite_snapshot(path) as found:
        return sorted(found.rows("sqlite_master", ("type", "name", "tbl_name")))


def test_there_is_one_of_the_present_schema() -> None:
    """Whoever adds a step makes a database of the commit before it, and one of the commit itself when it has landed."""
    numbers = {tuple(int(part) for part in path.name.split("-")[:-1]) for path in LANDED}
    present = tuple(step.number for step in migrations.steps("sqlite"))
    assert any(set(landed) <= set(present) and len(present) - len(landed) <= 1 for landed in numbers)
