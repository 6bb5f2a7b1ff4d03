"""What docs/artifacts.md tells operators to type works, as one session of a shell."""

from __future__ import annotations

import json
from pathlib import Path

from tests.docs.pages import snippets
from tests.docs.test_readme import environment, output
from tests.servers import options, started

SNIPPETS = snippets("docs/artifacts.md")
ENOUGH_S = 300  # two dozen starts of the AWS CLI
STEPS = ["upload", "package", "inventory", "job", "device", "result"]


def test_from_a_file_to_the_inventory(tmp_path: Path) -> None:
    assert list(SNIPPETS) == STEPS
    settled = "curl -fsS -o settled.json $TIDEGATE_ENDPOINT/_tidegate/clock\n"  # a reader types slower than a test
    script = settled.join(SNIPPETS[step] for step in STEPS)
    with started(options(tmp_path / "data", account="000000000000")) as server:
        shown = output(["bash", "-euo", "pipefail", "-c", script], tmp_path, environment(server), ENOUGH_S)
    assert "received.bin: OK\n" in shown
    assert shown.endswith("installed\n")
    assert (tmp_path / "received.bin").read_bytes() == (tmp_path / "app-2.1.bin").read_bytes()
    reported = json.loads((tmp_path / "shadow.json").read_text())["state"]["reported"]
    assert reported["app"]["version"] == "2.1"
    found, waiting, _ = shown[shown.rindex("}") + 1 :].partition("[")[2].partition("installed")[0].partition("]")
    assert json.loads(f"[{found}]") == ["pump-1"]
    assert waiting
