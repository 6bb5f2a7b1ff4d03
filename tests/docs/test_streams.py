"""What docs/streams.md tells operators to type, and a device to do, works."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.pages import snippets
from tests.docs.test_readme import environment, output
from tests.servers import options, started

SNIPPETS = snippets("docs/streams.md")
ENOUGH_S = 200  # a dozen starts of the AWS CLI
STEPS = ["device", "update", "agent", "end"]


def test_a_firmware_by_mqtt(tmp_path: Path) -> None:
    assert list(SNIPPETS) == STEPS
    (tmp_path / "agent.py").write_text(SNIPPETS["agent"])
    settled = "curl -fsS -o settled.json $TIDEGATE_ENDPOINT/_tidegate/clock\n"  # a reader types slower than a test
    steps = [SNIPPETS["device"], SNIPPETS["update"], f"{sys.executable} agent.py\n", SNIPPETS["end"]]
    with started(options(tmp_path / "data", account="000000000000")) as server:
        shown = output(["bash", "-euo", "pipefail", "-c", settled.join(steps)], tmp_path, environment(server), ENOUGH_S)
    assert "CREATE_COMPLETE\n" in shown
    assert "AFR_OTA-app-2 100000\n" in shown
    assert shown.endswith("COMPLETED\n")
