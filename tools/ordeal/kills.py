"""SIGKILL under load, a thousand times, and what was acknowledged compared by value: only by name."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal

import psycopg

from tools.ordeal import Row
from tools.ordeal._acknowledged import Figures, go_through
from tools.ordeal._served import postgres

_ON_ONE_STORE = 25
"""Rounds; then a fresh one, because a round looks at all that there is."""


def run(rounds: int = 1000, store: Literal["sqlite", "postgresql"] = "sqlite", seed: int = 0) -> list[Row]:
    """So many rounds, and what became of them. PostgreSQL has two servers on it, of which one is killed or both."""
    broken: list[str] = []
    passed: list[Figures] = []
    began = time.monotonic()
    with postgres() if store == "postgresql" else contextlib.nullcontext() as database:
        for first in range(0, rounds, _ON_ONE_STORE):
            name = f"kills {store} {seed}/{first}"
            url = _fresh(database.url) if database else "sqlite"
            folder = Path(tempfile.mkdtemp(prefix="tidegate-ordeal-kills-"))
            try:
                passed.append(go_through(url, folder, min(_ON_ONE_STORE, rounds - first), name))
            except (AssertionError, OSError) as error:
                broken.append(f"{name}: {error!r}, left in {folder}")
                print(broken[-1][:2000], flush=True)
            else:
                shutil.rmtree(folder)
            done = Figures(*(sum(column) for column in zip(*passed, strict=True))) if passed else Figures(0, 0, 0, 0)
            print(f"{time.monotonic() - began:7.0f} s  {done}  broken: {len(broken)}", flush=True)
    scenario = f"SIGKILL under load, {store}"
    seen = (
        f"of {done.acknowledged:,} acknowledged writes in {done.rounds:,} rounds, {done.kills:,} kills: stores broken"
    )
    return [Row(scenario, seen, 0, len(broken), not broken)]


def _fresh(url: str) -> str:
    """An empty database beside the one of a URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS kills WITH (FORCE)")
        connection.execute("CREATE DATABASE kills")
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/kills" + (f"?{query}" if query else "")
