"""PostgreSQL falls silent: behind a proxy that swallows, or because its processes are stopped."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tools.ordeal import Row
from tools.ordeal._proxy import Proxy
from tools.ordeal._served import GO, STOP, Canaries, Postgres, Served, postgres, serving, timed, until, within


def run() -> list[Row]:
    """Every way in turn, on one server each."""
    with postgres() as database:
        return [*_swallowed(database), *_stopped(database), *_terminated(database), *_lost_commit(database)]


def _refused(scenario: str, served: Served) -> list[Row]:
    """What forty clients and health see while nothing is answered."""
    with ThreadPoolExecutor(41) as threads:
        health = threads.submit(timed, served.health)
        writes = list(threads.map(lambda number: timed(lambda: served.write(f"no-{number}")), range(40)))
        took, (status, _) = health.result()
    told = all(status == 503 and "Nothing was changed" in text for _, (status, text) in writes)
    return [
        within(scenario, "health says 503", 2, took, ok=status == 503),
        within(scenario, "the last of 40 writes is refused with 503", 5, max(each for each, _ in writes), ok=told),
    ]


def _again(scenario: str, served: Served) -> list[Row]:
    took = until(lambda: served.health()[0] == 200 and served.write("again")[0] == 200)
    lines = served.lines("could not be stored")
    return [
        within(scenario, "all well after its return", 5, took),
        Row(scenario, "lines of the log about refused writes", 2, lines, 1 <= lines <= 2),
    ]


def _swallowed(database: Postgres) -> list[Row]:
    scenario = "established connections swallow everything"
    proxy = Proxy(database.url)
    with serving(proxy.url) as (served, folder):
        canaries = Canaries(served, folder)
        time.sleep(2)
        proxy.swallow_established()
        took, (status, _) = timed(lambda: served.write("one"))
        rows = [within(scenario, "a write is answered", 5, took, ok=status in (200, 503))]
        rows.append(within(scenario, "all well, on new connections", 5, until(lambda: served.health()[0] == 200)))
        rows += canaries.rows(scenario, bound=5)
    proxy.close()
    return rows


def _stopped(database: Postgres) -> list[Row]:
    scenario = "PostgreSQL is stopped (SIGSTOP)"
    with serving(database.url) as (served, _):
        served.write("before")
        database.signal(STOP)
        try:
            rows = _refused(scenario, served)
            rows.append(within(scenario, "a later write is refused", 5, timed(lambda: served.write("later"))[0]))
        finally:
            database.signal(GO)
        return rows + _again(scenario, served)


def _terminated(database: Postgres) -> list[Row]:
    scenario = "SIGTERM while PostgreSQL is stopped"
    with serving(database.url) as (served, _):
        served.write("before")
        database.signal(STOP)
        try:
            with ThreadPoolExecutor(4) as threads:
                under_way = [threads.submit(served.write, f"u{number}") for number in range(4)]
                took = served.stop()
                for each in under_way:
                    each.result()
        finally:
            database.signal(GO)
        return [within(scenario, "the process has ended", 12, took)]


def _lost_commit(database: Postgres) -> list[Row]:
    scenario = "the answer to COMMIT is lost"
    proxy = Proxy(database.url)
    with serving(proxy.url) as (served, _):
        served.write("before")
        honest = 0
        for number in range(5):
            proxy.swallow_answers_to = b"COMMIT\x00"
            status, text = served.write(f"kept-{number}")
            proxy.heal()
            there = served.ask("GET", f"/things/kept-{number}")[0] == 200
            honest += status == 503 and "not known" in text and there
    proxy.close()
    return [Row(scenario, "times of 5 that it is said to be unknown", 5, honest, honest == 5)]
