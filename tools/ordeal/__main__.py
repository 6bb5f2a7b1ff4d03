"""``python -m tools.ordeal [NAME …]``: do scenarios, and print what was seen; 1 if a bound broke.

Without names all are done but those that take an hour, ``kills`` and ``soak``.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from tools import ordeal
from tools.ordeal import Row


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="ordeal", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ordeal.names())}")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite", help="of kills and soak")
    parser.add_argument("--minutes", type=float, default=60, help="of soak")
    parser.add_argument("--rounds", type=int, default=1000, help="of kills")
    parser.add_argument("--seed", type=int, default=0, help="of kills")
    given = parser.parse_args()
    options = {
        "kills": {"rounds": given.rounds, "store": given.store, "seed": given.seed},
        "soak": {"minutes": given.minutes, "store": given.store},
    }
    names = given.names or [name for name in ordeal.names() if name not in ordeal.LONG]
    unknown = sorted(set(names) - set(ordeal.names()))
    if unknown:
        parser.error(f"no scenario is called {', '.join(unknown)}")
    console = Console()
    rows: list[Row] = []
    for name in names:
        console.print(f"==> {name}")
        rows += ordeal.run(name, **options.get(name, {}))
    console.print(_table(rows))
    return 0 if all(row.ok for row in rows) else 1


def _table(rows: list[Row]) -> Table:
    table = Table("what happens", "what is seen", "bound", "seen", "")
    for row in rows:
        verdict = "ok" if row.ok else "[red]BROKEN[/red]"
        table.add_row(row.scenario, row.what_is_seen, f"{row.bound_s:g}", f"{row.measured_s:.2f}", verdict)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
