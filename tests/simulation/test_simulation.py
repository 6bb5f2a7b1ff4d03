"""The simulation, short and from fixed seeds: ``make simulate`` runs it for longer and from others."""

from __future__ import annotations

from contextlib import closing

import pytest

from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase
from tools import simulate
from tools.simulation.model import Broken
from tools.simulation.scenario import START, Scenario, Size
from tools.simulation.world import World


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 8, 16, 36, 42, 53, 75, 165])
def test_nothing_breaks(seed: int) -> None:
    found = simulate.run(seed, simulate.size_of(seed, None))
    assert found.executions > 50
    assert found.device_days > 50


def test_nothing_breaks_in_a_fleet_of_thousands() -> None:
    found = simulate.run(11, Size(things=2000, groups=20, jobs=4, steps=5, crashes=0))
    assert found.executions > 200


def test_a_seed_tells_everything() -> None:
    assert simulate.run(5, simulate.size_of(5, 40)) == simulate.run(5, simulate.size_of(5, 40))


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_breaks_with_two_engines_on_one_postgresql(postgres_url: str, seed: int) -> None:
    """They take turns, transaction by transaction; connections are cut in the middle of some."""
    with (
        closing(PostgresDatabase(postgres_url, now=START)) as one,
        closing(PostgresDatabase(postgres_url, now=START)) as two,
    ):
        one.reset()
        found = Scenario(seed, [one, two], Size(steps=40, crashes=1)).run()
        one.reset()
    assert found.executions > 10


def test_what_the_store_says_is_held_against_the_model() -> None:
    with closing(SqliteDatabase(None, now=START)) as database:
        world = World([database], START)
        database._connection.execute("INSERT INTO job_counter VALUES (1, 0, 0, 5)")
        with pytest.raises(Broken, match="counters"):
            world.compare([], engine=True)
