"""What five million stored executions cost: the CPU of a transition against a small store, and the bytes of each."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import machine
from bench.measure import Aim, Figure, number, side_by_side
from bench.processes import Child

_JOBS = 5
_SMALL = 10_000


def run(*, quick: bool) -> list[Figure]:
    """Both, in one large and one small store."""
    stored = 20_000 if quick else 5_000_000
    rounds, turns = (1, 5) if quick else (5, 70)
    small, large = _SMALL // _JOBS, stored // _JOBS
    with tempfile.TemporaryDirectory() as folder, Child("bench.bare", machine.cores().server) as bare:
        paths = {things: str(Path(folder) / f"{things}.db") for things in (small, large)}
        for things, path in paths.items():
            bare.ask("fill", path=path, things=things, jobs=_JOBS)
        row, index = bare.ask("bytes", path=paths[large])
        seeds = iter(range(2 * rounds))

        def cpu(things: int) -> float:
            figures = {"path": paths[things], "things": things, "jobs": _JOBS, "seed": next(seeds), "rounds": turns}
            return float(bare.ask("transition", **figures))

        def in_small() -> float:
            bare.ask("refill", path=paths[small], jobs=_JOBS)
            return cpu(small)

        values, baseline = side_by_side(rounds, lambda: cpu(large), in_small)
    return [
        Figure(
            f"CPU of a transition at {stored:,} stored executions",
            "µs",
            values,
            f"at {_SMALL:,}",
            baseline,
            Aim(2, at_least=False),
            ("64 devices to a commit; checkpoints included",),
        ),
        Figure(
            "Bytes of a stored execution",
            "bytes",
            (row + index,),
            "",
            (),
            Aim(80, at_least=False),
            (f"row {number(row)}, entry in the index by job {number(index)}",),
        ),
    ]
