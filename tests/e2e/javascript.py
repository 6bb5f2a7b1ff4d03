"""The scripts of ``node/`` under Node.js, with the npm packages of its package.json."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).parent / "node"


def lines_of(script: str, package: str, *arguments: str) -> list[str]:
    """What a script that uses an npm package prints; skips the test where Node.js or the package is absent."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    found = subprocess.run([node, "-e", f"require('{package}')"], cwd=_SCRIPTS, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"the npm package {package} is not installed (npm install --prefix tests/e2e/node)")
    command = [node, str(_SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
