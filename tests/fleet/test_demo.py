"""``tidegate demo`` as a user runs it: a process of its own in a folder of its own."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ENOUGH_S = 60


def command(*arguments: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT / "src"), "PYTHONWARNINGS": "error", **variables}
    return [sys.executable, "-m", "tidegate.cli", "demo", *arguments], environment


def demo(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    words, environment = command(*arguments, **variables)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=_ENOUGH_S)


def test_a_fleet_is_rolled_out_to_twice_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        result = demo(tmp_path, "--devices", "10", "--per-minute", "4", "--failure", "0.2", "--silence", "0.1")
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stderr == ""
        assert "\x1b" not in result.stdout
        for line in ("wave 1   4 released at", "wave 2   4 released at", "wave 3   2 released at"):
            assert line in result.stdout
        assert "NOT" not in result.stdout
        assert "ok  the job is COMPLETED" in result.stdout
        assert "of rollout took" in result.stdout
    assert (tmp_path / ".demo" / "server" / "tidegate.db").exists()
    assert len(list((tmp_path / ".demo" / "devices").glob("demo-*.key"))) == 10


def test_an_aborted_rollout_ends_with_1_and_says_why(tmp_path: Path) -> None:
    result = demo(tmp_path, "--devices", "10", "--per-minute", "5", "--failure", "1", "--silence", "0")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "NOT the job is COMPLETED (CANCELED)" in result.stdout
    assert "failed: this does not hold: the job is COMPLETED (CANCELED)" in result.stdout


def test_the_system_clock_needs_no_moving(tmp_path: Path) -> None:
    result = demo(tmp_path, "--devices", "5", "--clock", "system", "--silence", "0")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Real time" in result.stdout
    assert "It took" in result.stdout


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / ".demo" / "precious"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    result = demo(tmp_path, "--devices", "1")
    assert result.returncode == 1
    assert "was not made by this demo" in result.stdout
    assert theirs.read_text() == "mine"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".demo").mkdir()
    with (tmp_path / ".demo" / "tidegate-demo").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = demo(tmp_path, "--devices", "1")
    assert result.returncode == 1
    assert "another demo is running" in result.stdout


def test_without_boto3_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys\nsys.modules['boto3'] = None\n")
    result = demo(tmp_path, PYTHONPATH=f"{tmp_path / 'hidden'}:{_ROOT / 'src'}")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "pip install boto3" in result.stdout


def test_shares_of_more_than_a_fleet_are_refused(tmp_path: Path) -> None:
    result = demo(tmp_path, "--failure", "0.6", "--silence", "0.5")
    assert result.returncode == 2
    assert "together at most 1" in result.stdout


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a demo in a process group of its own, as a terminal does."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        words, environment = command(*arguments, PYTHONUNBUFFERED="1")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, text=True, process_group=0, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    pytest.fail(f"it ended before it said {word!r}")


def test_keep_leaves_everything_running_until_it_is_interrupted(start: Callable[..., subprocess.Popen[str]]) -> None:
    demo = start("--devices", "2", "--silence", "0", "--keep")
    read_until(demo, "describe-job")
    assert demo.poll() is None
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(_ENOUGH_S) == 0


@pytest.mark.parametrize("word", ["tidegate demo:", "ok  server", "ok  job", "wave 1"])
def test_an_interrupted_demo_ends_quietly_with_its_server(
    start: Callable[..., subprocess.Popen[str]], word: str
) -> None:
    demo = start("--devices", "5", "--per-minute", "1")
    read_until(demo, word)
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=_ENOUGH_S)  # the server holds the pipe: this returns when both have ended
    assert demo.returncode == 130, rest
    assert rest.splitlines()[-1] == "interrupted"
    assert "Traceback" not in rest


def test_a_server_does_not_outlive_a_demo_that_is_killed(start: Callable[..., subprocess.Popen[str]]) -> None:
    demo = start("--devices", "2", "--keep", "--silence", "0")
    read_until(demo, "describe-job")
    demo.kill()
    demo.communicate(timeout=_ENOUGH_S)  # the server holds the pipe: this returns when both have ended
    assert demo.returncode == -signal.SIGKILL
