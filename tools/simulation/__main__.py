"""``make simulate``: ten thousand simulated device-days, or with ``SEED=`` one run again, exactly."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tidegate.store.sqlite import SqliteDatabase
from tools.simulation.scenario import START, Failed, Scenario, Size, Summary

SIZES = (Size(), Size(things=150, groups=15, jobs=10, steps=150), Size(things=12, groups=5, jobs=8, steps=250))
LARGE = Size(things=3000, groups=40, jobs=6, steps=25, crashes=1)
FIRST_SEED = 1000
FEWEST = 40
"""Runs without a seed: two of them are large."""


def size_of(seed: int, steps: int | None) -> Size:
    """How large a run is depends on its seed, so that the seed alone says what happened."""
    size = LARGE if seed % 20 == 19 else SIZES[seed % len(SIZES)]
    return size if steps is None else Size(size.things, size.groups, size.jobs, steps, size.crashes)


def run(seed: int, steps: int | None = None) -> Summary:
    """One run: in memory, every fifth in a file that is copied at each crash as a power failure leaves it.

    Raises:
        Failed: with the seed and the last actions.
    """
    size = size_of(seed, steps)
    if seed % 5:
        return Scenario(seed, [SqliteDatabase(None, now=START)], size).run()
    with tempfile.TemporaryDirectory(prefix="tidegate-simulate-") as folder:
        path = Path(folder) / "tidegate.db"
        return Scenario(seed, [SqliteDatabase(path, now=START)], size, path=path).run()


def main() -> int:
    """Run one seed, or seeds until enough device-days have passed."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulation")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--steps", type=int, help="how many steps it takes; as many as the seed says otherwise")
    parser.add_argument("--device-days", type=float, default=10_000)
    options = parser.parse_args()
    began = time.monotonic()
    found: list[Summary] = []
    seed = FIRST_SEED if options.seed is None else options.seed
    while True:
        try:
            found.append(run(seed, options.steps))
        except Failed as failed:
            print(f"{failed}\nagain: make simulate SEED={seed}" + (f" STEPS={options.steps}" if options.steps else ""))
            return 1
        days = sum(each.device_days for each in found)
        if options.seed is not None or (len(found) >= FEWEST and days >= options.device_days):
            break
        seed += 1
    _print(found, time.monotonic() - began)
    return 0


def _print(found: list[Summary], seconds: float) -> None:
    seeds = f"seed {found[0].seed}" if len(found) == 1 else f"seeds {found[0].seed} to {found[-1].seed}"
    print(f"{seeds}: nothing found in {seconds:.0f} s")
    print(f"{sum(each.device_days for each in found):,.0f} device-days")
    for name in ("steps", "jobs", "executions", "engine_steps", "transactions", "crashes"):
        print(f"{sum(getattr(each, name) for each in found):,} {name.replace('_', ' ')}")


if __name__ == "__main__":
    sys.exit(main())
