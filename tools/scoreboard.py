"""Runs the conformance kit against tidegate and its peers and writes docs/scoreboard.md.

Peers come from the package index, pinned, into an environment of their own; each runs on loopback for as long as it is
observed. None has a clock that can be moved, so what needs one is not observed of them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv" / "peers"
PAGE = ROOT / "docs" / "scoreboard.md"
_READY_S = 120


class Contestant(NamedTuple):
    """Something that claims to speak AWS IoT Jobs."""

    name: str
    package: str | None
    """As pip takes it; None: this repository."""
    command: tuple[str, ...]
    """With ``{bin}``, ``{port}`` and ``{data}``."""
    environment: tuple[tuple[str, str], ...] = ()
    clocked: bool = False


CONTESTANTS = (
    Contestant(
        "tidegate",
        None,
        (
            *(sys.executable, "-m", "tidegate.cli", "serve", "--clock=movable", "--data={data}"),
            *("--http=127.0.0.1:{port}", "--https=127.0.0.1:0", "--shared=127.0.0.1:0", "--objects-listen=127.0.0.1:0"),
            "--mqtts=127.0.0.1:0",
        ),
        clocked=True,
    ),
    Contestant("MiniStack", "ministack==1.5.33", ("{bin}/ministack",), (("GATEWAY_PORT", "{port}"),)),
    Contestant("moto server", "moto[server]==5.2.5", ("{bin}/moto_server", "-H", "127.0.0.1", "-p", "{port}")),
)


def main() -> None:
    """Observe all of them, one after another, and write the page."""
    installed = [each.package for each in CONTESTANTS if each.package]
    if not (PEERS / "bin" / "pip").exists():
        venv.create(PEERS, with_pip=True)
    subprocess.run([PEERS / "bin" / "pip", "install", "-q", *installed], check=True)
    found = {each: _observed(each) for each in CONTESTANTS}
    PAGE.write_text(_page(found))
    for contestant, results in found.items():
        print(f"==> {contestant.name}: {results['summary']}")


def _observed(contestant: Contestant) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, _running(contestant, Path(folder)) as arguments:
        out = Path(folder) / "results.json"
        command = [sys.executable, "-m", "tidegate.cli", "conformance", *arguments, f"--json={out}"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode > 1:
            raise SystemExit(f"the kit could not observe {contestant.name}")
        results: dict[str, Any] = json.loads(out.read_text())
        return results


@contextmanager
def _running(contestant: Contestant, folder: Path) -> Iterator[list[str]]:
    """A contestant on a free port; the arguments by which the kit reaches it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = {"bin": str(PEERS / "bin"), "port": str(port), "data": str(folder / "data")}
    environment = {name: value.format(**names) for name, value in contestant.environment}
    process = subprocess.Popen(
        [part.format(**names) for part in contestant.command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        arguments = [f"--http=http://localhost:{port}"]
        if contestant.clocked:
            addresses = json.loads((folder / "data" / "addresses.json").read_text())
            arguments += [
                f"--clock=http://localhost:{port}/_tidegate/clock",
                f"--mqtt=localhost:{addresses['mqtts'].rpartition(':')[2]}",
                f"--ca={addresses['ca']}",
            ]
        yield arguments
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at {port}")


def _page(found: dict[Contestant, dict[str, Any]]) -> str:
    names = [f"{each.name} {(each.package or '').partition('==')[2]}".strip() for each in found]
    day = min(each["at"] for each in found.values())[:10]
    lines = [
        "# Scoreboard",
        "",
        f"Written by `make scoreboard` on {day}: the [conformance kit](conformance.md) against each, by boto3 and,",
        "where an address is known, by MQTT. Passed / failed / not observed. What needs a clock that can be moved, or",
        "MQTT with client certificates, is not observed of the others. LocalStack is left out: what the package index",
        "has of it needs a container runtime. A failure means that something else came than the rule says, not that a",
        "program is bad: weigh it by its evidence; `tidegate conformance --list` has each rule's source.",
        "",
    ]
    for title, key in (("Chapter", _chapter), ("Evidence", lambda each: each["evidence"])):
        lines += [f"| {title} | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
        groups = list(dict.fromkeys(key(each) for results in found.values() for each in results["results"]))
        for group in groups:
            cells = [_counts(each for each in results["results"] if key(each) == group) for results in found.values()]
            lines.append(f"| {group} | {' | '.join(cells)} |")
        totals = [_counts(results["results"]) for results in found.values()]
        lines += [f"| **all** | {' | '.join(totals)} |", ""]
    return "\n".join(lines)


def _chapter(result: dict[str, Any]) -> str:
    name: str = result["id"].partition(".")[0]
    return name


def _counts(results: Any) -> str:
    outcomes = [each["outcome"] for each in results]
    return " / ".join(str(outcomes.count(each)) for each in ("passed", "failed", "not observed"))


if __name__ == "__main__":
    main()
