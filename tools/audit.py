"""Asks pip-audit whether a locked dependency has a known vulnerability: ``python -m tools.audit``.

The answers come from a service on the network. Where that cannot be reached nothing is audited, and a line says so;
everything else that goes wrong, and every finding, fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

LOCK: Final = Path(__file__).resolve().parent.parent / "requirements.lock"
_PATIENCE_S: Final = 60
_NOT_REACHED: Final = "pip-audit: nothing was audited, because the vulnerability service cannot be reached from here"
_SIGNS: Final = ("Could not connect", "ConnectionError", "Max retries exceeded", "timed out", "Connection refused")


class Verdict(NamedTuple):
    """An exit status, and what to say."""

    status: int
    text: str


def verdict(status: int, output: str, errors: str) -> Verdict:
    """What pip-audit found, by its exit status, its JSON and its standard error."""
    try:
        asked = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reached = not any(sign in errors for sign in _SIGNS)
        return Verdict(status or 1, f"pip-audit failed:\n{errors}") if reached else Verdict(0, _NOT_REACHED)
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
        for each in asked
        for flaw in each.get("vulns", ())
    ]
    if found:
        return Verdict(1, "\n".join(found))
    skipped = [each["name"] for each in asked if "skip_reason" in each]
    if len(skipped) == len(asked):
        return Verdict(0, _NOT_REACHED)  # a mirror of the registry answers, without the service
    return Verdict(0, f"pip-audit: not known to the service: {', '.join(skipped)}" if skipped else "")


def main() -> int:
    """Audit the lock file; the exit status."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        found = Verdict(0, _NOT_REACHED)
    else:
        found = verdict(ran.returncode, ran.stdout, ran.stderr)
    if found.text:
        print(found.text)
    return found.status


if __name__ == "__main__":
    sys.exit(main())
