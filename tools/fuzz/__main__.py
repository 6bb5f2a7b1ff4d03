"""``python -m tools.fuzz codec --seconds 60``: search for inputs that break a target, guided by coverage (atheris).

What is instrumented takes some ten times as long as in a server. An input that takes ten seconds, or memory beyond a
gigabyte, is a find, too; the slowest of each run is kept, and printed with the processor time it took. Inputs that
reach new code are added to the corpus, of MQTT to that which the test suite runs, else below ``tools/fuzz/found``; one
that breaks the target is written there, too, and printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.fuzz.texts import TEXTS

_HERE = Path(__file__).parent
_OF_MQTT = ("codec", "session")
NAMES = (*_OF_MQTT, *TEXTS)
_LANGUAGES = ("aws", "core", "devices", "net.http1", "net.pages", "s3", "http.signatures", "wire.cbor")
_WORTH_TELLING_S = 0.01


def watched(target: Callable[[bytes], None], found: Path) -> Callable[[bytes], None]:
    """The same, telling and keeping an input that took longer than all before."""
    slowest = _WORTH_TELLING_S

    def timed(data: bytes) -> None:
        nonlocal slowest
        began = time.thread_time()
        target(data)
        took = time.thread_time() - began
        if took > slowest:
            slowest = took
            found.write_bytes(data)
            print(f"slowest so far: {took * 1000:.0f} ms, instrumented: {found}")

    return timed


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("the fuzzer needs atheris: pip install -e '.[fuzz]'")
    mqtt = wanted.target in _OF_MQTT
    with atheris.instrument_imports(include=[f"tidegate.{each}" for each in (("mqtt",) if mqtt else _LANGUAGES)]):
        if mqtt:
            from tools.fuzz.targets import TARGETS
        else:
            from tools.fuzz.parsers import TARGETS
        from tools.fuzz.seeds import CORPUS, write_texts
    found = _HERE / "found"
    found.mkdir(exist_ok=True)
    corpus = CORPUS / wanted.target if mqtt else found / "corpus" / wanted.target
    if not mqtt:
        write_texts(wanted.target, corpus)
    options = [
        f"-max_total_time={wanted.seconds}",
        f"-seed={wanted.seed}",
        f"-max_len={4096 if wanted.target in TEXTS else 2048}",
        "-timeout=10",
        "-len_control=0",
        "-rss_limit_mb=1024",
        f"-artifact_prefix={found}/{wanted.target}-",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], watched(TARGETS[wanted.target], found / f"{wanted.target}-slowest"))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
