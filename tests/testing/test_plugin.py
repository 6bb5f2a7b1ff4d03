"""The fixtures as a user's suite sees them: a pytest of its own, in a process of its own, with this plugin alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ENOUGH_S = 60


def run_pytest(folder: Path, source: str, conftest: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_theirs.py").write_text(source, encoding="utf-8")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(_ROOT / "src")}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-p", "tidegate.testing.plugin", "-vv"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_ENOUGH_S)


def passed(result: subprocess.CompletedProcess[str], count: int) -> None:
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(rf"\b{count} passed", result.stdout), result.stdout


ABORT = """
def test_abort_threshold(tidegate_iot, tidegate_device, tidegate_clock):
    fleet = [tidegate_device(f"lamp-{n}", "kitchen") for n in range(10)]
    group = tidegate_iot.describe_thing_group(thingGroupName="kitchen")["thingGroupArn"]
    tidegate_iot.create_job(
        jobId="update", targets=[group], document="{}",
        jobExecutionsRolloutConfig={"maximumPerMinute": 5},
        abortConfig={"criteriaList": [{"failureType": "FAILED", "action": "CANCEL",
                                       "thresholdPercentage": 40, "minNumberOfExecutedThings": 5}]})
    tidegate_clock.advance(seconds=1)
    first = [device for device in fleet if device.pending()]
    assert len(first) == 5
    for device in first[:3]:
        device.succeed()
    first[3].fail(error="no space")
    assert tidegate_iot.describe_job(jobId="update")["job"]["status"] == "IN_PROGRESS"
    first[4].fail(error="no space")
    tidegate_clock.advance(minutes=5)
    assert tidegate_iot.describe_job(jobId="update")["job"]["status"] == "CANCELED"
    assert not any(device.pending() for device in fleet)
"""


def test_an_abort_threshold(tmp_path: Path) -> None:
    passed(run_pytest(tmp_path, ABORT), 1)


EACH = """
import pytest
from datetime import UTC, datetime, timedelta


@pytest.mark.parametrize("round", [1, 2])
def test_each_test_begins_with_an_empty_server_at_the_present(round, tidegate_iot, tidegate_clock):
    assert tidegate_iot.list_things()["things"] == []
    assert abs(tidegate_clock.now - datetime.now(UTC)) < timedelta(minutes=1)
    tidegate_iot.create_thing(thingName="lamp")
    tidegate_clock.advance(days=30)


def test_clients(tidegate_client, tidegate_iot, tidegate_device):
    assert tidegate_client("iot") is tidegate_iot
    tidegate_device("lamp")
    pending = tidegate_client("iot-jobs-data").get_pending_job_executions(thingName="lamp")
    assert (pending["inProgressJobs"], pending["queuedJobs"]) == ([], [])
    assert tidegate_client("iot", "eu-west-1").list_things()["things"] == []


def test_options(tidegate_server):
    assert tidegate_server.addresses.region == "ap-south-1"
    assert tidegate_server.addresses.account == "123456789012"
"""


def test_a_session_serves_many_tests(tmp_path: Path) -> None:
    conftest = """
import pytest


@pytest.fixture(scope="session")
def tidegate_options():
    return {"region": "ap-south-1", "account": "123456789012"}
"""
    passed(run_pytest(tmp_path, EACH, conftest), 4)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    conftest = """
import pytest


@pytest.fixture(scope="session")
def tidegate_options():
    return {"store": "postgresql://nobody@127.0.0.1:1/nothing"}
"""
    result = run_pytest(tmp_path, "def test_it(tidegate_server): ...", conftest)
    assert result.returncode == 1
    assert "StoreError" in result.stdout
    assert "1 error" in result.stdout


def test_nothing_heavy_is_imported_until_a_fixture_is_used() -> None:
    heavy = ("boto3", "uvloop", "cryptography")
    script = f"import sys, tidegate.testing.plugin; print([name for name in {heavy} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(_ROOT / "src")}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = import_module(project["entry-points"]["pytest11"]["tidegate"])
    fixtures = {name for name in vars(module) if name.startswith("tidegate_")}
    assert fixtures == {
        f"tidegate_{name}" for name in ("options", "server", "client", "iot", "clock", "device", "forecast", "faults")
    }
    for name in fixtures:
        assert f"``{name}``" in (module.__doc__ or ""), f"{name} is not documented"


@pytest.mark.parametrize("name", ["MovableClock", "SequentialIds"])
def test_clock_and_ids_are_exported(name: str) -> None:
    assert getattr(import_module("tidegate.testing"), name) is getattr(import_module("tidegate.clock"), name)


FORECAST = """
import pytest


def test_the_rollout_is_careful(tidegate_forecast, tidegate_iot):
    tidegate_iot.create_job_template(jobTemplateId="t", description="d", document="{}",
                                     jobExecutionsRolloutConfig={"maximumPerMinute": 50})
    told = tidegate_forecast(template="t", things=500, runs=2, model={"run": "1m"}, failIf=["p90 > 6h", "p50 < 5m"])
    assert (told["things"], told["failed"]) == (500, [])
    with pytest.raises(ValueError, match="There is no thing"):
        tidegate_forecast(thing=3)
"""


def test_a_forecast(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    passed(run_pytest(tmp_path, FORECAST), 1)
