"""What the README tells readers to type works, in the order they would type it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, snippets, text_of
from tests.servers import Started, options, started
from tidegate.cli import env
from tidegate.cli.configuration import Configuration

SNIPPETS = snippets("README.md")
ENOUGH_S = 90


def environment(server: Started) -> dict[str, str]:
    """A shell after ``. .venv/bin/activate`` and ``eval "$(tidegate env)"``."""
    commands = str(Path(sys.executable).parent)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_", "PYTEST_"))}
    clean |= {"PATH": f"{commands}{os.pathsep}{clean['PATH']}", "PYTHONPATH": str(ROOT / "src"), "AWS_PAGER": ""}
    return clean | env._variables(server.addresses)


def output(command: list[str], folder: Path, variables: dict[str, str], enough_s: int = ENOUGH_S) -> str:
    ran = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=enough_s)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(options(tmp_path_factory.mktemp("readme"), account="000000000000")) as running:
        yield running


def test_every_marked_snippet_is_run_here() -> None:
    assert set(SNIPPETS) == {"boto3", "cli", "certificate", "device", "objects", "time travel", "pytest"}


def test_an_operator_and_a_device(server: Started, tmp_path: Path) -> None:
    variables = environment(server)
    assert output([sys.executable, "-c", SNIPPETS["boto3"]], tmp_path, variables) == "IN_PROGRESS\n"
    output(["bash", "-euc", SNIPPETS["certificate"]], tmp_path, variables)
    told = output([sys.executable, "-c", SNIPPETS["device"]], tmp_path, variables)
    assert told == "firmware-2-4-0 {'operation': 'install', 'version': '2.4.0'}\n"
    iot = server.client("iot", region_name=server.addresses.region)
    assert iot.describe_job(jobId="firmware-2-4-0")["job"]["status"] == "COMPLETED"


def test_the_command_line_and_curl(server: Started, tmp_path: Path) -> None:
    shown = output(["bash", "-euc", SNIPPETS["cli"]], tmp_path, environment(server))
    assert '"jobArn": "arn:aws:iot:us-east-1:000000000000:job/reboot-1"' in shown
    assert '"status": "QUEUED"' in shown
    assert '"jobTemplateId":"blink"' in shown
    assert '"jobId": "reboot-1"' in shown.partition("queuedJobs")[2]


def test_object_storage(server: Started, tmp_path: Path) -> None:
    shown = output(["bash", "-euc", SNIPPETS["objects"]], tmp_path, environment(server))
    assert shown.endswith("image\n")


def test_time_travel(tmp_path: Path) -> None:
    with started(options(tmp_path / "data", clock="movable")) as movable:
        shown = output([sys.executable, "-c", SNIPPETS["time travel"]], tmp_path, environment(movable))
    assert shown.splitlines()[1] == "TIMED_OUT"


def test_a_test_suite(tmp_path: Path, server: Started) -> None:
    (tmp_path / "test_theirs.py").write_text(SNIPPETS["pytest"], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tidegate.testing.plugin", "-q", "test_theirs.py"]
    variables = environment(server) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert "1 passed" in output(command, tmp_path, variables)


def test_the_table_of_options_is_that_of_the_command() -> None:
    """Options, variables and defaults; the words beside them are written by hand."""
    rows = [line.split("|")[1:4] for line in text_of("docs/operations.md").splitlines() if line.startswith("| `--")]
    table = {tuple(cell.strip().strip("`") for cell in row) for row in rows}
    assert table == {
        (f"--{field.name.replace('_', '-')}", f"TIDEGATE_{field.name.upper()}", _shown(field.default))
        for field in dataclasses.fields(Configuration)
    } | {("--config", "TIDEGATE_CONFIG", "none")}


def _shown(default: object) -> str:
    if default in ((), "", None):
        return "none"
    return ("on" if default else "off") if isinstance(default, bool) else str(default)
