"""Options out of a file, under the environment and the command line; and what SIGHUP takes up."""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cli.test_commands import Serving, clean_environment, run, serving
from tidegate.cli import config_file, configuration, logs
from tidegate.cli.config_file import ConfigError
from tidegate.cli.configuration import Configuration
from tidegate.server import CONSOLE, Address


def file(folder: Path, **options: Any) -> Path:
    path = folder / "tidegate.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items()))
    return path


PLACES = dict.fromkeys(("http", "https", "mqtts", "objects-listen"), "127.0.0.1:0")


def test_command_line_over_environment_over_file(tmp_path: Path) -> None:
    path = file(
        tmp_path, **PLACES, data=str(tmp_path / "d"), account="111111111111", region="eu-west-1", name=["a", "b"]
    )
    env = clean_environment(TIDEGATE_CONFIG=str(path), TIDEGATE_ACCOUNT="222222222222", TIDEGATE_REGION="us-west-2")
    with serving(tmp_path / "d", "--account", "333333333333", env=env) as server:
        assert (server.addresses["account"], server.addresses["region"]) == ("333333333333", "us-west-2")
        assert server.stop() == 0
    made = run("keys", "create", "--config", str(path))
    assert made.returncode == 0, made.stderr
    assert "arn:aws:iam::111111111111:user/admin" in run("keys", "list", "--config", str(path)).stdout


@pytest.mark.parametrize(
    ("given", "address", "anywhere", "tls"),
    [
        ({}, CONSOLE, True, False),
        ({"http_tls": True}, CONSOLE, True, True),
        ({"auth": "on"}, None, False, False),
        ({"console": "off"}, None, False, False),
        ({"console": "127.0.0.1:1", "auth": "on"}, Address("127.0.0.1", 1), False, False),
    ],
)
def test_the_console_is_on_loopback_unless_somebody_chooses(
    given: dict[str, Any], address: Address | None, anywhere: bool, tls: bool
) -> None:
    chosen = configuration.of(Configuration(**given))
    assert (chosen.console, chosen.console_anywhere, chosen.console_tls) == (address, anywhere, tls)
    assert configuration.unguarded(configuration.of(Configuration(console="0.0.0.0:1"))) is not None


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = file(tmp_path, http="nowhere", acount="x", clock="sundial", data=str(tmp_path / "d"))
    done = run("serve", "--config", str(path))
    assert done.returncode == 1
    assert "acount: there is no such option" in done.stderr
    path = file(tmp_path, http="nowhere", clock="sundial", rollout_ceiling=0, data=str(tmp_path / "d"))
    done = run("serve", "--config", str(path))
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split(":")[0].strip() for line in told[1:]] == ["http", "clock", "rollout-ceiling"], told
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("http = ", "it is no TOML"),
        ('master-key = "a"\nmaster_key = "b"\n', "master_key is given twice"),
        ("[http]\na = 1\n", "http: it takes a string"),
        ("name = [1]\n", "name: it takes a string"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        config_file.read(path)
    with pytest.raises(ConfigError, match="No such file"):
        config_file.read(tmp_path / "none")


def test_switches_are_written_as_one_likes(tmp_path: Path) -> None:
    assert config_file.read(file(tmp_path, auth=True, http_tls="on", strict_aws=False)) == {
        "auth": "on",
        "http-tls": True,
        "strict-aws": False,
    }


def test_a_file_with_every_option(tmp_path: Path) -> None:
    """Each option is taken from a file as it is from the command line."""
    given = {
        field.name: str(field.default) if isinstance(field.default, Path) else field.default
        for field in dataclasses.fields(Configuration)
        if field.default not in (None, "", ())
    }
    assert config_file.checked(file(tmp_path, **given, hook=[], name=["x"], proxy_protocol=["10.0.0.0/8"]))


def test_sighup_takes_up_quotas_rates_and_the_level_of_the_log(tmp_path: Path) -> None:
    quotas, path = tmp_path / "quotas.toml", tmp_path / "tidegate.toml"
    quotas.write_text("job_templates = 1\n")
    file(tmp_path, **PLACES, data=str(tmp_path / "d"), quotas=str(quotas), log_format="json")
    with serving(tmp_path / "d", "--config", str(path)) as server:
        client = server.client("iot")

        def make(number: int) -> None:
            client.create_job_template(jobTemplateId=f"t{number}", description="d", document="{}")

        make(1)
        with pytest.raises(ClientError, match="LimitExceeded"):
            make(2)
        quotas.write_text("job_templates = 2\n")
        file(tmp_path, **PLACES, data=str(tmp_path / "d"), quotas=str(quotas), log_format="json", region="eu-west-1")
        lines = signalled(server, "wait for a restart")
        assert lines[-1]["message"] == "these options wait for a restart: --region"
        assert [line["message"] for line in lines if "read again" in line["message"]] == [
            "the configuration was read again; changed at once: quotas"
        ]
        make(2)
        path.write_text("http = ")
        assert signalled(server, "was not read again")[-1]["level"] == "error"
        with pytest.raises(ClientError, match="LimitExceeded"):
            make(3)
        assert "ReloadServer" in run("audit", "list", "--data", str(tmp_path / "d")).stdout


def signalled(server: Serving, until: str) -> list[dict[str, Any]]:
    """The lines of the log from SIGHUP to one that says something."""
    server.process.send_signal(signal.SIGHUP)
    assert server.process.stderr is not None
    found = []
    for line in server.process.stderr:
        found.append(json.loads(line))
        if until in found[-1]["message"]:
            return found
    raise AssertionError(found)


def test_json_lines_keep_what_went_wrong() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "%s", ("text",), (type(error), error, error.__traceback__)
        )
    line = logs.JsonLines().format(record)
    assert "\n" not in line
    shown = json.loads(line)
    assert (shown["level"], shown["logger"], shown["message"]) == ("error", "x", "text")
    assert "ValueError: a\nb" in shown["exception"]
