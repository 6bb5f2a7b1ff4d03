"""Makes the databases of versions that have landed, with work under way, for ``tests/store/test_upgrades.py``.

    python -m tools.landed COMMIT …

Each commit is checked out beside this tree and its server is started on SQLite, with the packages of this environment.
Its rows go to ``tests/store/landed/NUMBERS-COMMIT.msgpack.gz``, named by the steps of the schema it had. Run it for a
commit that adds a step.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
import msgspec

from tidegate.store import raw

FOLDER = Path("tests/store/landed")
THINGS = [f"pump-{number}" for number in range(6)]


def main(commits: list[str]) -> None:
    for commit in commits:
        with tempfile.TemporaryDirectory(prefix="landed-") as folder:
            tree, data = Path(folder) / "tree", Path(folder) / "data"
            subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
            try:
                _serve(tree, data)
            finally:
                subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)
            print(_keep(commit[:7], data))


def _serve(tree: Path, data: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
    environment = kept | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, "-m", "tidegate.cli", "serve"]
    shown = subprocess.run([*command, "--help"], env=environment, capture_output=True, text=True, check=True).stdout
    listeners = [name for name in ("--http", "--https", "--mqtts", "--objects-listen") if name in shown]
    options = [part for name in listeners for part in (name, "127.0.0.1:0")]
    server = subprocess.Popen([*command, "--data", data, *options], env=environment, stdout=subprocess.DEVNULL)
    try:
        addresses = data / "addresses.json"
        while not addresses.exists():
            time.sleep(0.1)
        _work(json.loads(addresses.read_text())["http"])
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _work(endpoint: str) -> None:
    """A rollout that has reached two of six things, of which one has begun; a device that may connect; a template."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="eu-west-1",
            aws_access_key_id="123456789012",
            aws_secret_access_key="s",
        )

    iot, device = client("iot"), client("iot-jobs-data")
    group = iot.create_thing_group(thingGroupName="pumps")["thingGroupArn"]
    for thing in THINGS:
        iot.create_thing(thingName=thing)
        iot.add_thing_to_thing_group(thingGroupName="pumps", thingName=thing)
    allowed = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    iot.create_policy(policyName="device", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName="device", target=made["certificateArn"])
    iot.attach_thing_principal(thingName=THINGS[0], principal=made["certificateArn"])
    iot.create_job_template(jobTemplateId="kept", description="d", document="{}")
    iot.create_job(
        jobId="rollout",
        targets=[group],
        document='{"do": "it"}',
        jobExecutionsRolloutConfig={"maximumPerMinute": 2},
        timeoutConfig={"inProgressTimeoutInMinutes": 10_000},
    )
    reached: list[str] = []
    while len(reached) < 2:
        time.sleep(0.2)
        reached = [thing for thing in THINGS if device.get_pending_job_executions(thingName=thing)["queuedJobs"]]
    device.start_next_pending_job_execution(thingName=reached[0], statusDetails={"step": "half"})


def _keep(commit: str, data: Path) -> Path:
    with raw.snapshot(data, "sqlite") as found:
        applied, sequences = found.applied(), found.sequences()
        tables = {
            table: {"columns": columns, "rows": list(found.rows(table, columns)), "sequence": sequences.get(table)}
            for table, columns in found.columns().items()
        }
    path = FOLDER / f"{'-'.join(str(step.number) for step in applied)}-{commit}.msgpack.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(msgspec.msgpack.encode({"applied": applied, "tables": tables}), mtime=0))
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
