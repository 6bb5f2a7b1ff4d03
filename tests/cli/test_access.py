"""``tidegate keys`` and ``tidegate access``, on a store alone and beside a running server."""

from __future__ import annotations

import json
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.cli.test_commands import PORTS, run, serving
from tidegate.store import migrations
from tidegate.store.sqlite import SqliteDatabase

PATIENCE_S = 120.0
JOBS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Jobs", "Effect": "Allow", "Action": "iot:*Job*", "Resource": "*"},
            {"Effect": "Deny", "Action": "iot:DeleteJob", "Resource": "*"},
        ],
    }
)


def exports(output: str) -> dict[str, str]:
    return dict(line.removeprefix("export ").split("=", 1) for line in output.splitlines())


def client(server: Any, made: dict[str, str], service: str = "iot") -> Any:
    return boto3.session.Session().client(
        service,
        endpoint_url=server.addresses["http"],
        region_name="us-east-1",
        aws_access_key_id=made["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=made["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=made.get("AWS_SESSION_TOKEN"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def code(call: Callable[[], Any]) -> str:
    """The error a call is answered with; empty if it is none."""
    try:
        call()
    except ClientError as error:
        found: str = error.response["Error"]["Code"]
        return found
    return ""


def becomes(call: Callable[[], Any], expected: str) -> None:
    """Wait until a call is answered so: another process's change counts within a second."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := code(call)) != expected:
        assert time.monotonic() < deadline, f"still {found!r}"


def test_a_limited_principal_beside_a_running_server(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    (tmp_path / "jobs.json").write_text(JOBS)
    # Nobody reads the log here, and every refusal below is a line of it.
    with serving(tmp_path / "data", *PORTS, "--auth", "on", "--log-level", "error") as server:
        made = run("access", "create-principal", "ci", "--policy", f"Jobs={tmp_path / 'jobs.json'}", "--data", data)
        assert "tidegate keys create --principal ci" in made.stdout
        key = exports(run("keys", "create", "--principal", "ci", "--data", data).stdout)
        iot = client(server, key)
        assert code(iot.list_jobs) == ""
        assert code(iot.list_things) == "AccessDeniedException"
        run("access", "attach-policy", "ci", "ReadOnlyAccess", "--data", data)
        becomes(iot.list_things, "")
        run("access", "detach-policy", "ci", "ReadOnlyAccess", "--data", data)
        becomes(iot.list_things, "AccessDeniedException")
        run("keys", "deactivate", key["AWS_ACCESS_KEY_ID"], "--data", data)
        becomes(iot.list_jobs, "UnrecognizedClientException")
        run("keys", "activate", key["AWS_ACCESS_KEY_ID"], "--data", data)
        becomes(iot.list_jobs, "")
        assert run("keys", "revoke", key["AWS_ACCESS_KEY_ID"], "--data", data).returncode == 0
        becomes(iot.list_jobs, "UnrecognizedClientException")
        again = run("keys", "revoke", key["AWS_ACCESS_KEY_ID"], "--data", data)
        assert (again.returncode, again.stderr) == (
            1,
            f"tidegate: There is no access key {key['AWS_ACCESS_KEY_ID']}.\n",
        )


def test_temporary_credentials_of_the_administrator(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "jobs.json").write_text(JOBS)
    with serving(data, *PORTS, "--auth", "on") as server:
        made = exports(run("keys", "create", "--expires", "15m", "--data", str(data)).stdout)
        assert made["AWS_ACCESS_KEY_ID"].startswith("ASIA")
        assert code(client(server, made).list_things) == ""
        narrow = run("keys", "create", "--expires", "1h", "--policy", str(tmp_path / "jobs.json"), "--data", str(data))
        assert code(client(server, exports(narrow.stdout)).list_things) == "AccessDeniedException"
        assert code(client(server, exports(narrow.stdout)).list_jobs) == ""
        del made["AWS_SESSION_TOKEN"]
        assert code(client(server, made).list_things) == "UnrecognizedClientException"


def test_what_is_listed_and_shown(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    (tmp_path / "jobs.json").write_text(JOBS)
    key = exports(run("keys", "create", *data).stdout)["AWS_ACCESS_KEY_ID"]
    run("access", "create-principal", "ci", "--tag", "team=red", "--account", "123456789012", *data)
    run("access", "attach-policy", "ci", "Jobs", str(tmp_path / "jobs.json"), "--account", "123456789012", *data)
    listed = run("keys", "list", *data).stdout
    for part in (key, "arn:aws:iam::000000000000:user/admin", "Active"):
        assert part in listed
    assert run("access", "list", *data).stdout.splitlines() == [
        "arn:aws:iam::000000000000:user/admin  AdministratorAccess",
        "arn:aws:iam::123456789012:user/ci  Jobs",
    ]
    shown = json.loads(run("access", "show", "ci", "--account", "123456789012", *data).stdout)
    assert shown == {
        "DevicesForSeconds": 0,
        "Arn": "arn:aws:iam::123456789012:user/ci",
        "Tags": {"team": "red"},
        "Policies": {"Jobs": json.loads(JOBS)},
        "AccessKeys": {},
    }
    simulate = ("access", "simulate", "ci", "--account", "123456789012", *data)
    allowed = run(*simulate, "--action", "iot:CreateJob", "--resource", "arn:aws:iot:us-east-1:123456789012:job/j")
    assert (allowed.returncode, "by statement 1 of Jobs (Jobs)" in allowed.stdout) == (0, True)
    for action, by in [("iot:DeleteJob", "by statement 2 of Jobs"), ("iot:ListThings", "no statement applies")]:
        denied = run(*simulate, "--action", action)
        assert (denied.returncode, denied.stdout.split("  ")[0], by in denied.stdout) == (1, "denied", True)
    gone = run("access", "delete-principal", "admin", *data)
    assert gone.stdout == "arn:aws:iam::000000000000:user/admin and 1 access keys are deleted.\n"
    assert key not in run("keys", "list", *data).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["keys", "create", "--principal", "nobody"], "There is no principal arn:aws:iam::000000000000:user/nobody"),
        (["keys", "create", "--principal", "a/b"], "is no name of a principal"),
        (["keys", "create", "--policy", "x.json"], "say with --expires how long they last"),
        (["keys", "create", "--expires", "1d"], "is no time such as 90s, 15m or 12h"),
        (["keys", "create", "--expires", "5s"], "from one minute to 36 hours"),
        (["keys", "create", "--master-key", "/nowhere/key"], "Make one with: (umask 077; openssl rand -base64 32"),
        (["access", "show", "nobody"], "There is no principal"),
        (["access", "attach-policy", "nobody", "Own"], "Own does not come with tidegate: name the file"),
        (["access", "create-principal", "x", "--policy", "Own"], "--policy takes NAME=FILE, not 'Own'."),
        (["access", "create-principal", "x", "--tag", "t"], "--tag takes KEY=VALUE, not 't'."),
        (["serve", "--quotas", "/nowhere/quotas.toml"], "/nowhere/quotas.toml cannot be read"),
        (["serve", "--throttles", "aws,off"], "aws,off cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_without_a_traceback(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = run(*arguments, "--data", str(tmp_path / "data"))
    assert done.returncode in (1, 2)
    assert told in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_every_problem_of_a_policy_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"Version": "1", "Statement": {"Effect": "Maybe", "Action": "iot:*"}}')
    done = run("access", "create-principal", "x", "--policy", f"Bad={tmp_path / 'bad.json'}", "--data", str(tmp_path))
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "tidegate: the policy document is refused:",
            "Version must be 2012-10-17.",
            "Statement 1: Effect must be Allow or Deny.",
            "Statement 1 must have either Resource or NotResource.",
        ],
    )
    assert run("access", "list", "--data", str(tmp_path)).stdout == ""


def test_every_problem_of_a_quota_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "quotas.toml").write_text("job_templates = 0\nno_such = 1\n")
    (tmp_path / "rates.json").write_text('{"CreateJob": 0, "NoSuch": 1}')
    done = run("serve", "--quotas", str(tmp_path / "quotas.toml"), "--data", str(tmp_path / "d"))
    told = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert (done.returncode, "job_templates must be" in told, "There is no quota no_such" in told) == (2, True, True)
    done = run("serve", "--throttles", str(tmp_path / "rates.json"), "--data", str(tmp_path / "d"))
    told = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert (done.returncode, "CreateJob must be a rate" in told, "no operation NoSuch" in told) == (2, True, True)


def test_quotas_and_throttles_from_files(tmp_path: Path) -> None:
    (tmp_path / "quotas.toml").write_text("job_templates = 1\nrollout_per_minute = 5000\n")
    (tmp_path / "rates.json").write_text('{"DescribeJob": 0.001}')
    files = ("--quotas", str(tmp_path / "quotas.toml"), "--throttles", str(tmp_path / "rates.json"))
    with serving(tmp_path / "data", *PORTS, *files) as server:
        assert "quotas   not AWS's" in server.banner
        assert "rates    limited" in server.banner
        iot = server.client("iot")
        rate = {"maximumPerMinute": 5000}
        iot.create_job_template(jobTemplateId="a", description="d", document="{}", jobExecutionsRolloutConfig=rate)
        second = {"jobTemplateId": "b", "description": "d", "document": "{}"}
        assert code(lambda: iot.create_job_template(**second)) == "LimitExceededException"
        assert code(lambda: iot.describe_job(jobId="none")) == "ResourceNotFoundException"
        assert code(lambda: iot.describe_job(jobId="none")) == "ThrottlingException"


def _first_tidegate(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store as the first version left it, with a key in the clear."""
    with monkeypatch.context() as then:
        first = migrations.steps("sqlite")[:1]
        then.setattr(migrations, "steps", lambda dialect: first)
        SqliteDatabase(path, now=1).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO access_key (key_id, secret, principal, created_at)"
        " VALUES ('AKIAOLD', 'old-secret', 'arn:aws:iam::000000000000:user/operator', 1)"
    )
    connection.commit()
    connection.close()


def test_keys_of_an_older_store_go_on_working_and_are_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _first_tidegate(tmp_path / "tidegate.db", monkeypatch)
    old = {"AWS_ACCESS_KEY_ID": "AKIAOLD", "AWS_SECRET_ACCESS_KEY": "old-secret"}
    with serving(tmp_path, *PORTS, "--auth", "on") as server:
        assert code(client(server, old).list_things) == ""
        assert server.stop() == 0
    connection = sqlite3.connect(tmp_path / "tidegate.db")
    [(secret,)] = connection.execute("SELECT secret FROM access_key").fetchall()
    connection.close()
    assert secret.startswith("v1:")
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600


def test_a_server_with_another_master_key_does_not_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = exports(run("keys", "create", "--data", str(data)).stdout)
    (data / "master.key").rename(tmp_path / "kept.key")
    done = run("serve", "--data", str(data), *PORTS, "--auth", "on")
    assert done.returncode == 1
    assert "are sealed with another master key: start with the --master-key" in done.stderr
    (data / "master.key").unlink()
    with serving(data, *PORTS, "--auth", "on", "--master-key", str(tmp_path / "kept.key")) as server:
        assert code(client(server, key).list_things) == ""
