"""``python -m bench [name …] [--quick] [--write]``, or ``--base COMMIT [name …]``: this tree against a commit of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    against,
    aggregates,
    clients,
    connections,
    console,
    dearest,
    devices,
    endpoint,
    engine,
    forecast,
    growth,
    http_requests,
    lists,
    objects,
    provisioning,
    release,
    report,
    servers,
    streams,
)
from bench.measure import Figure

BENCHMARKS: dict[str, Callable[..., list[Figure]]] = {
    "http": http_requests.run,
    "devices": devices.run,
    "release": release.run,
    "connections": connections.run,
    "growth": growth.run,
    "engine": engine.run,
    "lists": lists.run,
    "aggregates": aggregates.run,
    "forecast": forecast.run,
    "console": console.run,
    "endpoint": endpoint.run,
    "objects": objects.run,
    "dearest": dearest.run,
    "clients": clients.run,
    "streams": streams.run,
    "provisioning": provisioning.run,
    "servers": servers.run,
}


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; 0 even if an aim is missed: a figure is not a test."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md (all benchmarks only)")
    parser.add_argument("--base", metavar="COMMIT", help=f"ratios to a commit; names are of {', '.join(against.WORKS)}")
    parser.add_argument("--pure", action="store_true", help="with --base: both in the pure form")
    parser.add_argument("--compiled", type=Path, metavar="FOLDER", help="with --base: an unpacked wheel of this tree")
    given = parser.parse_args(arguments)
    if given.base:
        against.run(given.base, given.names, pure=given.pure, quick=given.quick, compiled=given.compiled)
        return 0
    if given.write and (given.names or given.quick):
        parser.error("--write takes all benchmarks at full size")
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    results: dict[str, list[Figure]] = {}
    for name in given.names or BENCHMARKS:
        results[name] = BENCHMARKS[name](quick=given.quick)
        for figure in results[name]:
            print(report.lines(figure), flush=True)
    if given.write:
        report.write(Path("docs/benchmarks.md"), results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
