"""The AWS CLI, run in this process against a server: a process of its own for each command would take a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awscli.clidriver
import pytest

from tests import servers
from tests.fuzz import shapes

Aws = Callable[..., tuple[int, str, str]]


def aws(server: servers.Started, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Aws:
    """``run("iot", "list-things")`` runs a command; its exit code, output and errors."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.addresses.http,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": shapes.REGION,
        "AWS_CONFIG_FILE": "/nonexistent/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
        "AWS_DEFAULT_OUTPUT": "json",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = awscli.clidriver.create_clidriver().main(list(arguments))
        output, errors = capfd.readouterr()
        return code, output, errors

    return run
