"""A rollout watched to its end, and what is said about it afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.clock import SequentialIds
from tidegate.fleet import registration, rollout
from tidegate.fleet.behaviour import Behaviour
from tidegate.fleet.device import tls_context
from tidegate.fleet.fleet import Endpoint, Fleet
from tidegate.fleet.rollout import Check, ClockPage, ClockState, Executed, Progress, Rollout, RolloutFailed
from tidegate.testing.server import Server, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def executed(thing: str, after_s: float, status: str = "SUCCEEDED") -> Executed:
    at = NOON + timedelta(seconds=after_s)
    return Executed(thing, 1, status, at, at + timedelta(seconds=1))


def progress(status: str, **counts: int) -> Progress:
    return Progress(status, Counter(counts), (), ClockState(0, True), 0, 0, 1.0, 0)


def held(found: list[Check]) -> dict[str, bool]:
    return {check.claim: check.holds for check in found}


# -- afterwards --------------------------------------------------------------------------------------------------------


def test_releases_are_grouped_by_their_instant() -> None:
    found = rollout.releases(
        [executed("c", 60), executed("a", 0), executed("b", 0, "FAILED"), executed("d", 60, "TIMED_OUT")]
    )
    assert [(release.at, dict(release.counts)) for release in found] == [
        (NOON, {"SUCCEEDED": 1, "FAILED": 1}),
        (NOON + timedelta(seconds=60), {"SUCCEEDED": 1, "TIMED_OUT": 1}),
    ]
    assert rollout.releases([]) == []


@pytest.mark.parametrize(
    ("instants", "most"),
    [
        ([], 0),
        ([0], 1),
        ([0, 59.999], 2),
        ([0, 60], 1),
        ([0, 30, 60, 90], 2),
        ([0, 0, 0, 60, 60], 3),
        ([10, 50, 65], 3),
    ],
)
def test_most_in_a_minute_looks_at_any_sixty_seconds(instants: list[float], most: int) -> None:
    assert rollout.most_in_a_minute([executed("lamp", instant) for instant in reversed(instants)]) == most


def test_tally_names_what_occurs() -> None:
    assert rollout.tally(Counter({"FAILED": 1, "SUCCEEDED": 2, "QUEUED": 0})) == "2 SUCCEEDED, 1 FAILED"


def test_every_check_can_fail() -> None:
    listed = [executed("a", 0), executed("b", 0, "FAILED"), executed("c", 60, "TIMED_OUT")]
    ended = {("a", "job", 1): "SUCCEEDED", ("b", "job", 1): "FAILED"}
    drawn = {"a": "SUCCEEDED", "b": "FAILED", "c": "TIMED_OUT"}
    good = progress("COMPLETED", SUCCEEDED=1, FAILED=1, TIMED_OUT=1)
    assert all(held(rollout.checks(good, listed, ended, drawn, 2)).values())

    def fails(claim: str, found: list[Check]) -> None:
        assert not held(found)[claim]

    fails("the job is COMPLETED", rollout.checks(good._replace(status="CANCELED"), listed, ended, drawn, 2))
    fails("every device had its execution", rollout.checks(good, listed, ended, {**drawn, "d": "FAILED"}, 2))
    fails("every execution has ended", rollout.checks(progress("COMPLETED", QUEUED=3), listed, ended, drawn, 2))
    fails("the job's counters are its executions", rollout.checks(progress("COMPLETED"), listed, ended, drawn, 2))
    told = {("a", "job", 1): "SUCCEEDED"}
    fails("what devices were told is what the service holds", rollout.checks(good, listed, told, drawn, 2))
    fails("each ended as its behaviour had decided", rollout.checks(good, listed, ended, {**drawn, "a": "FAILED"}, 2))
    fails("the rate was never exceeded", rollout.checks(good, listed, ended, drawn, 1))


# -- on a real server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


class Lamps:
    """Three registered lamps in a group, and jobs for them that are carried through."""

    def __init__(self, server: Server, folder: Path) -> None:
        server.reset()
        self.server = server
        self.iot = server.client("iot")
        groups = registration.create_groups(self.iot, "everything", ["lamps"], "devices")
        things = dict.fromkeys(("lamp-1", "lamp-2", "lamp-3"), "lamps")
        self._files = registration.register(self.iot, things, folder, SequentialIds(), lambda: None)
        self._group = groups["lamps"]
        self.seen: list[Progress] = []

    def carry(self, behaviour: Behaviour, *, connected: int = 3, patience_s: float = 20, **members: object) -> Progress:
        """Create a job with these members and carry it to its end."""
        endpoint = Endpoint("localhost", int(self.server.addresses.mqtts.rpartition(":")[2]))
        ca = Path(self.server.addresses.ca)

        async def run() -> Progress:
            async with Fleet(endpoint, behaviour) as fleet:
                await fleet.connect({name: tls_context(ca, *self._files[name]) for name in [*self._files][:connected]})
                create = {"jobId": "job", "targets": [self._group], "document": "{}", **members}
                await asyncio.to_thread(lambda: self.iot.create_job(**create))
                clock = ClockPage(self.server.addresses.http)
                return await Rollout(self.iot, clock, fleet, "job", patience_s=patience_s).carry(self.seen.append)

        return asyncio.run(run())


@pytest.fixture
def lamps(_served: Server, tmp_path: Path) -> Lamps:
    return Lamps(_served, tmp_path)


def test_time_is_moved_wave_by_wave(lamps: Lamps) -> None:
    began = lamps.server.clock.now
    end = lamps.carry(Behaviour(), jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    assert (end.status, end.counts["SUCCEEDED"], end.moves) == ("COMPLETED", 3, 2)
    assert [(wave.number, wave.released, wave.reported) for wave in end.waves] == [(1, 1, 1), (2, 1, 1), (3, 1, 1)]
    assert lamps.server.clock.now == began + timedelta(minutes=2)
    listed = rollout.executions(lamps.iot, "job")
    assert [release.at - began for release in rollout.releases(listed)] == [timedelta(minutes=n) for n in range(3)]
    assert {one.thing_name for one in listed} == {"lamp-1", "lamp-2", "lamp-3"}
    assert max(shown.counts["QUEUED"] + shown.counts["IN_PROGRESS"] for shown in lamps.seen) <= 1


def test_silent_devices_are_waited_for_in_the_servers_time(lamps: Lamps) -> None:
    began = lamps.server.clock.now
    end = lamps.carry(Behaviour(silence=1.0), timeoutConfig={"inProgressTimeoutInMinutes": 7})
    assert (end.status, end.counts["TIMED_OUT"]) == ("COMPLETED", 3)
    assert lamps.server.clock.now == began + timedelta(minutes=7)


def test_silence_without_a_timeout_has_no_end(lamps: Lamps) -> None:
    with pytest.raises(RolloutFailed, match="the job is IN_PROGRESS, no device owes anything and nothing is due"):
        lamps.carry(Behaviour(silence=1.0))


def test_devices_that_are_not_there_are_not_waited_for_for_ever(lamps: Lamps) -> None:
    with pytest.raises(RolloutFailed, match=r"nothing has changed for 0\.3 s"):
        lamps.carry(Behaviour(), connected=2, patience_s=0.3)


def test_an_aborted_job_is_watched_until_its_devices_are_through(lamps: Lamps) -> None:
    criterion = {
        "failureType": "FAILED",
        "action": "CANCEL",
        "thresholdPercentage": 10,
        "minNumberOfExecutedThings": 1,
    }
    rate = {"maximumPerMinute": 2}
    end = lamps.carry(
        Behaviour(failure=1.0, quickest=0.0, slowest=0.2),
        abortConfig={"criteriaList": [criterion]},
        jobExecutionsRolloutConfig=rate,
    )
    assert (end.status, end.released, end.counts["FAILED"]) == ("CANCELED", 2, 2)


def test_a_clock_that_cannot_be_moved_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        clock = ClockPage(server.addresses.http)
        assert clock.read().frozen
        assert clock.read().next_event_at is None
    with pytest.raises(OSError):
        clock.read()
