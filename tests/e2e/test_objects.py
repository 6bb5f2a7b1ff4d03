"""The AWS CLI and curl against the object storage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.fleet import Account
from tests.servers import Started
from tidegate.cli import env

_AWS = str(Path(sys.executable).parent / "aws")


class Shell:
    """Commands in a folder, in the environment that ``tidegate env`` prints."""

    def __init__(self, server: Started, folder: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
        self.folder = folder
        self.environment = clean | env._variables(server.addresses) | {"HOME": str(folder), "AWS_PAGER": ""}

    def run(self, *command: str) -> str:
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def s3(self, *command: str) -> str:
        return self.run(_AWS, "s3", *command)


@pytest.fixture
def shell(server: Started, tmp_path: Path) -> Shell:
    return Shell(server, tmp_path)


def test_the_aws_cli(shell: Shell, tmp_path: Path) -> None:
    data = os.urandom(20_000_000)  # in three parts
    (tmp_path / "up").write_bytes(data)
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a b.txt").write_text("one")
    (tmp_path / "tree" / "sub" / "é.json").write_text("{}")
    shell.s3("mb", "s3://cli-bucket")
    shell.s3("cp", "up", "s3://cli-bucket/dir/big", "--no-progress")
    shell.s3("cp", "s3://cli-bucket/dir/big", "down", "--no-progress")
    assert (tmp_path / "down").read_bytes() == data
    shell.s3("cp", "s3://cli-bucket/dir/big", "s3://cli-bucket/dir/copy", "--no-progress")
    assert shell.s3("ls", "s3://cli-bucket/dir/").split()[2::4] == ["20000000", "20000000"]
    shell.s3("sync", "tree", "s3://cli-bucket/tree", "--no-progress")
    assert shell.s3("sync", "tree", "s3://cli-bucket/tree", "--no-progress") == ""
    assert "sub/é.json" in shell.s3("ls", "--recursive", "s3://cli-bucket/tree/")
    url = shell.s3("presign", "s3://cli-bucket/tree/a b.txt").strip()
    if shutil.which("curl"):
        assert shell.run("curl", "-fsS", url) == "one"
        resumed = tmp_path / "resumed"
        resumed.write_bytes(data[:7_000_000])
        big = shell.s3("presign", "s3://cli-bucket/dir/big").strip()
        shell.run("curl", "-fsS", "-C", "-", "-o", str(resumed), big)
        assert resumed.read_bytes() == data
    shell.s3("rm", "--recursive", "s3://cli-bucket/")
    assert shell.s3("ls", "s3://cli-bucket/") == ""
    assert "cli-bucket" in shell.s3("ls")


def test_from_bucket_to_device(account: Account, tmp_path: Path) -> None:
    """A document and an artifact in the server's own storage, named by AWS's URLs, reach a device."""
    s3 = account.server.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="rollout-files")
    first = s3.put_object(Bucket="rollout-files", Key="pump fw.bin", Body=b"firmware 1")["VersionId"]
    s3.put_object(Bucket="rollout-files", Key="pump fw.bin", Body=b"firmware 2")
    base = "https://rollout-files.s3.eu-west-1.amazonaws.com"
    document = {
        "new": f"${{aws:iot:s3-presigned-url:{base}/pump fw.bin}}",
        "old": f"${{aws:iot:s3-presigned-url-v2:{base}/pump%20fw.bin%3FversionId%3D{first}}}",
        "log": "${aws:iot:s3-presigned-url-upload:https://s3.eu-west-1.amazonaws.com/rollout-files/logs/${thingName}}",
    }
    s3.put_object(Bucket="rollout-files", Key="job.json", Body=json.dumps(document).encode())
    own = f"{account.server.addresses.objects}/rollout-files/job.json"
    role = {"roleArn": f"arn:aws:iam::{account.id}:role/presign", "expiresInSec": 600}
    for number, source in enumerate((f"{base}/job.json", own)):
        thing = account.thing(f"pump-{number}")
        account.iot.create_job(jobId=f"j{number}", targets=[thing], documentSource=source, presignedUrlConfig=role)
        account.settle()
        begun = account.data.start_next_pending_job_execution(thingName=f"pump-{number}")["execution"]
        urls = json.loads(begun["jobDocument"])
        for name, expected in (("new", b"firmware 2"), ("old", b"firmware 1")):
            with urllib.request.urlopen(urls[name], timeout=30) as response:
                assert response.read() == expected
        request = urllib.request.Request(urls["log"], b"done", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
        with s3.get_object(Bucket="rollout-files", Key=f"logs/pump-{number}")["Body"] as body:
            assert body.read() == b"done"
