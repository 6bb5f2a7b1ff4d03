"""Somebody leaves a transaction open that holds a row, and many requests want that row."""

from __future__ import annotations

import threading

from tools.ordeal import Row
from tools.ordeal._served import Canaries, locked, postgres, serving, timed, within

_LOOPERS = 16


def run() -> list[Row]:
    """Sixteen operators update the locked thing again and again; the canaries go about their business."""
    scenario = "a row is locked, and 16 operators want it"
    with postgres() as database, serving(database.url) as (served, folder):
        served.write("held")
        canaries = Canaries(served, folder)
        took: list[float] = []
        told: list[bool] = []
        stop = threading.Event()

        def loop() -> None:
            while not stop.is_set():
                span, (status, text) = timed(lambda: served.ask("PATCH", "/things/held", {"attributePayload": {}}))
                took.append(span)
                told.append(status == 503 and "Nothing was changed" in text)

        with locked(database.url, "SELECT * FROM thing WHERE name = 'held' FOR UPDATE"):
            threads = [threading.Thread(target=loop) for _ in range(_LOOPERS)]
            for thread in threads:
                thread.start()
            threading.Event().wait(10)
            health = [timed(served.health) for _ in range(10)]
            stop.set()
            for thread in threads:
                thread.join()
        well = all(status == 200 for _, (status, _) in health)
        return [
            within(scenario, f"each of {len(took)} updates is refused with 503", 5, max(took), ok=all(told)),
            within(scenario, "health says 200", 2, max(each for each, _ in health), ok=well),
            within(scenario, "after that, an update", 1, timed(lambda: served.ask("PATCH", "/things/held", {}))[0]),
            *canaries.rows(scenario),
        ]
