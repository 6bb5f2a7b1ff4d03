"""AWS's device SDKs for Node.js, both generations. To run these, install them where node finds them (NODE_PATH)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fleet import Account

SCRIPTS = Path(__file__).parent / "node"
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
}


def _node(package: str, script: str, account: Account, *more: str) -> list[str]:
    """The lines that a script prints as the device ``lamp``; skips where node or the package is absent."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    probe = subprocess.run([node, "-e", f"require('{package}')"], capture_output=True, timeout=60, check=False)
    if probe.returncode:
        pytest.skip(f"the npm package {package} is not installed where node finds it (NODE_PATH)")
    account.thing("lamp")
    credentials = account.register("lamp")
    account.grant(credentials, "lamp", account.policy("all", EVERYTHING))
    for number, name in enumerate(more[0].split(",")):
        account.job(name, "lamp", document={"operation": "install", "number": number})
    files = (account.server.addresses.ca, str(credentials.key), str(credentials.certificate))
    command = [node, str(SCRIPTS / script), str(account.mqtt_port), *map(str, files), "lamp", *more[1:]]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_first_sdk_works_off_jobs_and_keeps_a_shadow(account: Account) -> None:
    lines = _node("aws-iot-device-sdk", "jobs_v1.js", account, "first,second", "2")
    jobs = [line for line in lines if line.startswith("job ")]
    assert jobs == [
        'job first {"operation":"install","number":0} QUEUED',
        'job second {"operation":"install","number":1} QUEUED',
    ]
    assert [line for line in lines if line.startswith("shadow")] == ["shadow accepted"] * 3
    assert 'delta {"on":true}' in lines
    assert account.counts("first") == account.counts("second") == {"Succeeded": 1}


@pytest.mark.parametrize("level", ["3.1.1", "5"])
def test_the_second_sdk_asks_and_is_answered(account: Account, level: str) -> None:
    lines = _node("aws-iot-device-sdk-v2", "jobs_v2.js", account, "only", level)
    assert lines == [
        "queued only",
        'started only {"operation":"install","number":0} 2',
        "next only IN_PROGRESS",
        "updated SUCCEEDED",
        "notify-next true",
        "refused VersionMismatch SUCCEEDED",
        "shadow 1",
        "shadow 404",
    ]
    assert account.counts("only") == {"Succeeded": 1}
