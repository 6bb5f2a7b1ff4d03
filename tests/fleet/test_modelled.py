from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from tidegate.core.forecast import model
from tidegate.fleet.behaviour import LIE, Plan
from tidegate.fleet.modelled import Modelled

NAMES = [f"lamp-{number}" for number in range(2000)]


def modelled(seed: int = 1, speed: float = 1.0, **members: object) -> Modelled:
    return Modelled(model.parse(members), seed, speed)


def test_what_devices_do_is_the_same_on_every_machine() -> None:
    some = modelled(7, failed=0.2, stuck=0.2, loops=0.5, twice=0.3, https=0.5, online=0.4, cohorts=[{"share": 0.3}])
    told = repr(
        [
            (some.plan(name, job, 1), some.cohort(name).name, some.polls(name), some.online(name, 17))
            for name in NAMES[:50]
            for job in ("one", "two")
        ]
    )
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "4cfd867f20a443ac"


def test_shares_are_kept_and_drawn_apart() -> None:
    some = modelled(failed=0.2, rejected=0.1, silent=0.1, stuck=0.2, loops=0.5, lies=0.3, twice=0.3, https=0.4)
    plans = [some.plan(name, "job", 1) for name in NAMES]
    endings = Counter(plan.ending for plan in plans)
    assert endings["FAILED"] / len(NAMES) == pytest.approx(0.2, abs=0.04)
    assert endings["REJECTED"] / len(NAMES) == pytest.approx(0.1, abs=0.03)
    assert sum(not plan.begins for plan in plans) / len(NAMES) == pytest.approx(0.1, abs=0.03)
    stuck = [plan for plan in plans if plan.begins and plan.ending is None]
    assert len(stuck) / len(NAMES) == pytest.approx(0.2, abs=0.04)
    assert sum(plan.loops for plan in stuck) / len(stuck) == pytest.approx(0.5, abs=0.1)
    assert sum(plan.twice for plan in plans) / len(NAMES) == pytest.approx(0.3, abs=0.05)
    assert all(plan.ending == "SUCCEEDED" for plan in plans if plan.lies)
    assert sum(some.polls(name) is not None for name in NAMES) / len(NAMES) == pytest.approx(0.4, abs=0.05)
    assert plans != [some.plan(name, "another", 1) for name in NAMES]


def test_a_day_has_its_hours() -> None:
    some = modelled(online=[0] * 12 + [1] * 6 + [0.5] * 6)
    assert not any(some.online(name, 24 * day + 3) for name in NAMES[:50] for day in range(3))
    assert all(some.online(name, 12) for name in NAMES[:50])
    there = [name for name in NAMES if some.online(name, 20)]
    assert len(there) / len(NAMES) == pytest.approx(0.5, abs=0.05)
    assert there != [name for name in NAMES if some.online(name, 21)]


def test_speed_shortens_what_devices_do() -> None:
    slow, fast = (modelled(speed=speed, run="10m", start="1m", https=1, poll="5m") for speed in (1.0, 60.0))
    plan = fast.plan("lamp", "job", 1)
    assert (plan.seconds, plan.start_s, fast.polls("lamp")) == (10.0, 1.0, 5.0)
    assert slow.plan("lamp", "job", 1)._replace(seconds=10.0, start_s=1.0) == plan


def test_unhappy_paths() -> None:
    died = list(Plan(None, 10.0, 5, dies_at=0.6).reports())
    assert [report.details["percent"] for report in died] == ["20", "40", "60"]
    loops = Plan(None, 1.0, 2, loops=True).reports()
    assert [next(loops).details["percent"] for _ in range(5)] == ["50", "100", "50", "100", "50"]
    last = list(Plan("SUCCEEDED", 1.0, 1, lies=True, stale=True, twice=True).reports())
    assert [report.stale for report in last] == [True, False]
    assert [report.twice for report in last] == [False, True]
    assert last[-1].details == {"result": "installed", "version": LIE}
