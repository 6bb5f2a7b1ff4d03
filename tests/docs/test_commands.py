"""What docs/commands.md tells operators to type works, as one session of a shell."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import snippets
from tests.docs.test_readme import environment, output
from tests.servers import options, started

SNIPPETS = snippets("docs/commands.md")
ENOUGH_S = 300
STEPS = ["make", "send", "report", "delete"]


def test_a_command_from_its_making_to_its_end(tmp_path: Path) -> None:
    assert list(SNIPPETS) == STEPS
    script = "".join(SNIPPETS[step] for step in STEPS)
    with started(options(tmp_path / "data", account="000000000000", region="us-east-1")) as server:
        shown = output(["bash", "-euo", "pipefail", "-c", script], tmp_path, environment(server), ENOUGH_S)
    assert "SUCCEEDED\t20\n" in shown
    assert shown.endswith("202\n")
