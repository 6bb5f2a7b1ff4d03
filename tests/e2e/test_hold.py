"""Two servers on one PostgreSQL: what one holds, the other does not go on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import Started, options, started
from tidegate.clock import RandomIds
from tidegate.pki import vault

HERE = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/iot/aws4_request, SignedHeaders=host, Signature=0"
"""What an unsigned request says of its region."""


def post(server: Started, path: str, **body: Any) -> Any:
    status, _, answer = server.fetch(path, "POST", body, {"authorization": HERE})
    assert status == 200, answer
    return json.loads(answer)


def test_what_one_server_holds_the_other_shows_and_lets_go_on(
    tmp_path: Path, new_postgres: Callable[[str], str]
) -> None:
    url, key = new_postgres("tidegate-hold"), tmp_path / "master.key"
    vault.load_or_create(tmp_path, RandomIds())
    first, second = (options(tmp_path / name, store=url, master_key=key) for name in ("first", "second"))
    with started(first) as one, started(second) as two:
        post(one, "/_tidegate/approval-rules", ruleName="all", noAbortCriterion=True)
        iot, other = one.client("iot"), two.client("iot")
        devices = two.client("iot-jobs-data")
        arns = [other.create_thing(thingName=name)["thingArn"] for name in ("a", "b")]
        other.create_job(jobId="j", targets=arns, document="{}")
        assert iot.describe_job(jobId="j")["job"]["reasonCode"] == "AWAITING_APPROVAL"
        assert devices.start_next_pending_job_execution(thingName="a").get("execution") is None
        assert post(one, "/_tidegate/approve", jobId="j")["status"] == "IN_PROGRESS"
        assert devices.start_next_pending_job_execution(thingName="a")["execution"]["jobId"] == "j"
        post(one, "/_tidegate/pause", jobId="j")
        assert other.describe_job(jobId="j")["job"]["reasonCode"] == "PAUSED"
        assert devices.start_next_pending_job_execution(thingName="b").get("execution") is None
        devices.update_job_execution(jobId="j", thingName="a", status="SUCCEEDED")
        post(two, "/_tidegate/resume", jobId="j")
        assert devices.start_next_pending_job_execution(thingName="b")["execution"]["jobId"] == "j"
