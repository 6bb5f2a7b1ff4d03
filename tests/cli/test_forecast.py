"""``tidegate forecast``: what it prints, what it draws, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from tidegate import cli
from tidegate.clock import SequentialIds
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import locks_rows, transact
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot, jobs_data

pytest.importorskip("numpy")

_JOB = {
    "document": "{}",
    "jobExecutionsRolloutConfig": {"maximumPerMinute": 100},
    "abortConfig": {
        "criteriaList": [
            {
                "failureType": "FAILED",
                "action": "CANCEL",
                "thresholdPercentage": 20,
                "minNumberOfExecutedThings": 100,
            }
        ]
    },
    "timeoutConfig": {"inProgressTimeoutInMinutes": 20},
}
_SOUND = {"run": {"p50": "2m", "p100": "8m"}, "failed": 0.01, "artifactBytes": 1_000_000}
_BROKEN = {**_SOUND, "cohorts": [{"name": "old", "share": 0.5, "failed": 0.9}]}


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """``ask("--things", "5")``: exit status, what was printed, and what was complained about."""

    def ask(*arguments: str, fleet: Any = _SOUND, job: Any = _JOB) -> tuple[int, str, str]:
        (tmp_path / "job.json").write_text(json.dumps(job))
        (tmp_path / "fleet.json").write_text(json.dumps(fleet))
        files = ["--request", str(tmp_path / "job.json"), "--model", str(tmp_path / "fleet.json")]
        with pytest.raises(SystemExit) as ended:
            cli.main(["forecast", "--data", str(tmp_path / "data"), "--runs", "3", *files, *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return ask


def test_a_forecast_for_people(ask: Any) -> None:
    code, said, _ = ask("--things", "1500")
    assert code == 0
    assert said.startswith("1,500 things, 3 runs from seed 1\n")
    for part in ("50 % have ended after", "things SUCCEEDED", "downloads at once", "chance of an abort: 0%"):
        assert part in said
    assert "cannot trip before" in said


def test_a_gate_that_holds_ends_with_three(ask: Any) -> None:
    code, said, complaints = ask(
        "--things", "1500", "--fail-if", "touched_at_abort > 50", "--fail-if", "p90 > 30d", "--json", fleet=_BROKEN
    )
    told = json.loads(said)
    assert (code, told["abort"]["chance"]) == (3, 1.0)
    touched = told["abort"]["touched"]["p90"]
    assert told["failed"] == [f"touched_at_abort > 50: it is {touched:,.0f}"]
    assert complaints == f"tidegate: {told['failed'][0]}\n"
    assert ask("--things", "1500", "--fail-if", "touched_at_abort > 50")[0] == 0


def test_the_same_seed_gives_the_same_forecast(ask: Any) -> None:
    one, other, third = (json.loads(ask("--things", "300", "--json", "--seed", seed)[1]) for seed in "778")
    one.pop("from"), other.pop("from"), third.pop("from")
    one["curve"].pop("from"), other["curve"].pop("from")
    assert one == other
    assert one["restAfter"] != third["restAfter"]


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_curves_in_a_file(ask: Any, tmp_path: Path, ending: str) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / f"curve.{ending}"
    assert ask("--things", "50", "--plot", str(file))[0] == 0
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!doctype html>"}
    assert file.read_bytes().startswith(begins[ending])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--things", "5", "--fail-if", "p90 6h"), "is no condition"),
        (("--things", "5", "--fail-if", "p90 > 6"), "is a time, such as"),
        (("--things", "5", "--days", "0"), "from 1 to 731 days"),
        (("--group", "g"), "g"),
        ((), "for how many things"),
        (("--things", "5", "--job", "j"), "one of a request, a template and a job"),
        (("--things", "5", "--from-job", "j"), "not both"),
    ],
)
def test_what_cannot_be_forecast(ask: Any, arguments: tuple[str, ...], told: str) -> None:
    code, _, complaints = ask(*arguments)
    assert code == 2
    assert complaints.startswith("tidegate: ")
    assert told in complaints


def test_a_job_is_compared_with_its_forecast(tmp_path: Path, ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    database = SqliteDatabase(tmp_path / "data" / "tidegate.db", now=NOW)
    scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    call = Call(scope, "123456789012", "us-east-1", NOW, SequentialIds())

    def run(plane: str, name: str, now: int, **members: Any) -> Any:
        operations = iot.OPERATIONS if plane == "iot" else jobs_data.OPERATIONS
        work = HANDLERS[plane, name].transaction(call._replace(now=now), operations[name].request(**members))
        return database.commit([work])[0].result()

    targets = [run("iot", "CreateThing", NOW, thing_name=f"t{number}").thing_arn for number in range(6)]
    run("iot", "CreateJob", NOW, job_id="j", targets=targets, document="{}")
    for number in range(6):
        at = NOW + 1000 * number
        run("iot-jobs-data", "StartNextPendingJobExecution", at, thing_name=f"t{number}")
        status = ExecutionStatus.FAILED.name if number == 5 else "SUCCEEDED"
        run("iot-jobs-data", "UpdateJobExecution", at + 60_000, thing_name=f"t{number}", job_id="j", status=status)
    transact(database, locks_rows(lambda tx: sweeps.sweep(tx, NOW + 70_000, Limits())))
    database.close()
    own = ["--data", str(tmp_path / "data"), "--account", "123456789012", "--runs", "3"]
    with pytest.raises(SystemExit):
        cli.main(["forecast", "--backtest", "j", *own, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["happened"]["outcomes"]["SUCCEEDED"]["p50"] == 5
    assert told["happened"]["endedAfter"]["100"]["p50"] == 65.0
    assert 60 <= told["forecast"]["endedAfter"]["100"]["p50"] <= 66
    with pytest.raises(SystemExit):
        cli.main(["forecast", "--backtest", "j", *own])
    assert "learned from this very job" in capsys.readouterr().out
