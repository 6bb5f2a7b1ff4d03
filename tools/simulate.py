"""``make simulate``: chance drives the real operations and the real engine, and a naive model checks every transaction.

python -m tools.simulate                  ten thousand device-days, from a seed that is printed
python -m tools.simulate --seed 42        exactly that run again
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tidegate.clock import monotonic, wall_now
from tidegate.store.sqlite import SqliteDatabase
from tools.simulation.scenario import START, Failed, Scenario, Size, Summary

DEVICE_DAYS = 10_000
LARGE = Size(things=2000, groups=20, jobs=6, steps=25, crashes=0)
"""One run in ten is of thousands of things; the others are small and long, and crash."""


def run(seed: int, size: Size) -> Summary:
    """One run on an embedded store; with crashes on a file, whose copy it goes on with as after a loss of power."""
    with _store(size) as (database, path):
        return Scenario(seed, [database], size, path=path).run()


@contextmanager
def _store(size: Size) -> Iterator[tuple[SqliteDatabase, Path | None]]:
    if not size.crashes:
        with closing(SqliteDatabase(None, now=START)) as memory:
            yield memory, None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tidegate.db"
        yield SqliteDatabase(path, now=START), path


def size_of(seed: int, steps: int | None) -> Size:
    """What a seed simulates."""
    small = Size(crashes=2 if seed % 3 == 0 else 0)
    size = LARGE if seed % 10 == 9 else small
    return size if steps is None else Size(size.things, size.groups, size.jobs, steps, size.crashes)


def main(arguments: list[str]) -> int:
    """0 if nothing broke; 1 with the seed and the last actions if something did."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulate", description="Simulate the engine.")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--steps", type=int, help="how many actions a run has")
    given = parser.parse_args(arguments)
    seeds = iter([given.seed]) if given.seed is not None else _seeds(wall_now() % 1_000_000 * 1000)
    began, days, runs, executions, crashes = monotonic(), 0.0, 0, 0, 0
    for seed in seeds:
        try:
            found = run(seed, size_of(seed, given.steps))
        except Failed as failure:
            print(failure, file=sys.stderr)
            print(f"again: make simulate SEED={seed}", file=sys.stderr)
            return 1
        runs, days, executions = runs + 1, days + found.device_days, executions + found.executions
        crashes += found.crashes
        print(f"seed {seed}: {found.device_days:,.0f} device-days, {found.transactions:,} transactions", flush=True)
        if days >= DEVICE_DAYS:
            break
    print(
        f"{runs} runs, {days:,.0f} device-days, {executions:,} executions and {crashes} crashes in"
        f" {monotonic() - began:.0f} s: nothing broke"
    )
    return 0


def _seeds(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
