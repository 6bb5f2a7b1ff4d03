"""Holding jobs by commands, beside a server that is killed in between."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from tests.cli.test_commands import PORTS, run, serving

PATIENCE_S = 120


def until(iot: Any, reason: str | None, status: str) -> dict[str, Any]:
    """The job once a server has followed."""
    for _ in range(PATIENCE_S * 10):
        job: dict[str, Any] = iot.describe_job(jobId="j")["job"]
        if (job.get("reasonCode"), job["status"]) == (reason, status):
            return job
        time.sleep(0.1)
    raise AssertionError(f"the job is {job['status']}, {job.get('reasonCode')}")


def test_approval_and_pause_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))

    def told(*arguments: str, code: int = 0) -> str:
        done = run(*arguments, *where)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert told("pause", "j", code=2) == f"tidegate: there is no store in {tmp_path}\n"
    with serving(tmp_path, *PORTS) as server:
        told("approvals", "add-rule", "careless", "--no-abort-criterion")
        arns = [server.client("iot").create_thing(thingName=name)["thingArn"] for name in ("a", "b")]
        rate = {"maximumPerMinute": 1}
        server.client("iot").create_job(jobId="j", targets=arns, document="{}", jobExecutionsRolloutConfig=rate)
        assert told("resume", "j", code=2) == "tidegate: Job j waits for an approval: it is approved, not resumed.\n"
        server.stop(signal.SIGKILL)
    assert told("why", "j").startswith("AWAITING_APPROVAL: It waits for an approval (careless: it has no abort")
    assert told("approvals", "list", "--waiting").startswith("j: waits; asked for by anonymous at ")
    with serving(tmp_path, *PORTS) as server:
        iot = server.client("iot")
        until(iot, "AWAITING_APPROVAL", "SCHEDULED")
        told("approve", "j", "--comment", "seen")
        until(iot, None, "IN_PROGRESS")
        told("pause", "j", "--comment", "a noise")
        job = until(iot, "PAUSED", "SCHEDULED")
        assert (job["comment"], job["jobProcessDetails"]["numberOfQueuedThings"]) == ("a noise", 1)
        server.stop(signal.SIGKILL)
    with serving(tmp_path, *PORTS) as server:
        iot = server.client("iot")
        until(iot, "PAUSED", "SCHEDULED")
        told("resume", "j")
        until(iot, None, "IN_PROGRESS")
        assert server.stop() == 0
    told("approvals", "delete-rule", "careless")
    assert told("approvals", "rules") == ""
