"""``python -m tools.fuzz codec --seconds 60``: search for inputs that break a target, guided by coverage (atheris).

Inputs that reach new code are added to the corpus, which is kept; one that breaks the target is written to
``tools/fuzz/found`` and printed. The test suite runs the whole corpus.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("target", choices=("codec", "session"))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("the fuzzer needs atheris: pip install -e '.[fuzz]'")
    with atheris.instrument_imports(include=["tidegate.mqtt"]):
        from tools.fuzz.targets import TARGETS
    found = _HERE / "found"
    found.mkdir(exist_ok=True)
    options = [
        f"-max_total_time={wanted.seconds}",
        f"-seed={wanted.seed}",
        "-max_len=2048",
        "-timeout=10",
        f"-artifact_prefix={found}/{wanted.target}-",
        str(_HERE / "corpus" / wanted.target),
    ]
    atheris.Setup([sys.argv[0], *options], TARGETS[wanted.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
