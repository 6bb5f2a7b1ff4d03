"""Simulated devices with every bad habit against a real server, by MQTT and by HTTPS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli import main
from tidegate.core.forecast import model
from tidegate.fleet import registration
from tidegate.fleet.device import tls_context
from tidegate.fleet.fleet import Endpoint
from tidegate.fleet.modelled import Modelled
from tidegate.fleet.simulation import Place, Simulation
from tidegate.testing.server import Server, serving

_ENOUGH_S = 240
_GROUP = "sim"
_QUICK: dict[str, Any] = {"start": 0, "run": 0, "poll": 0.2}


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(_served: Server) -> Server:
    _served.reset()
    return _served


def places(server: Server) -> dict[str, Place]:
    told = server.addresses
    mqtt = Endpoint("localhost", int(told.mqtts.rpartition(":")[2]))
    https = told.https.replace("127.0.0.1", "localhost")
    return {"mqtt": Place(mqtt, None), "https": Place(None, https), "http": Place(None, told.http)}


class Yard:
    """A registered fleet."""

    def __init__(self, server: Server, folder: Path, count: int) -> None:
        self.server, self.iot = server, server.client("iot")
        self.names = [f"{_GROUP}-{number}" for number in range(count)]
        self.arn, self.files = registration.enrol(self.iot, self.names, _GROUP, folder, lambda: None)

    def create_job(self, name: str, **members: Any) -> None:
        self.iot.create_job(jobId=name, targets=[self.arn], document="{}", **members)
        self.server.clock.advance()

    def live(self, place: Place, check: Callable[[Simulation], Any], *, seed: int = 1, **members: Any) -> Simulation:
        """Let the fleet live until something holds that is not None."""
        context = tls_context(Path(self.server.addresses.ca), *self.files)
        modelled = Modelled(model.parse({**_QUICK, **members}), seed)

        async def run() -> Simulation:
            simulation = Simulation(self.names, modelled, place, lambda _: context, begins_at=0)
            living = asyncio.create_task(simulation.run())
            async with asyncio.timeout(_ENOUGH_S):
                while not check(simulation):
                    assert not living.done(), living.result()
                    await asyncio.sleep(0.02)
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            return simulation

        return asyncio.run(run())


@pytest.mark.parametrize("by", ["mqtt", "https", "http"])
def test_a_fleet_with_bad_habits_ends_as_its_model_says(server: Server, tmp_path: Path, by: str) -> None:
    yard = Yard(server, tmp_path, 12)
    yard.create_job("update")
    habits = {"failed": 0.3, "stuck": 0.2, "twice": 0.5, "stale": 0.5, "lies": 0.5}
    modelled = Modelled(model.parse({**_QUICK, **habits}), 1)
    plans = {name: modelled.plan(name, "update", 1) for name in yard.names}
    due = {(name, "update", 1): plan.ending for name, plan in plans.items() if plan.ending is not None}
    stuck = len(plans) - len(due)
    lived = yard.live(
        places(server)[by], lambda it: len(it.ends) == len(due) and it.tally.happened["silent"] >= stuck, **habits
    )
    assert lived.ends == due
    assert {"FAILED", "SUCCEEDED"} == set(due.values())
    assert stuck
    details = yard.iot.describe_job(jobId="update")["job"]["jobProcessDetails"]
    assert details["numberOfInProgressThings"] == stuck
    assert details["numberOfFailedThings"] == sum(ending == "FAILED" for ending in due.values())
    version = "VersionMismatch" if by == "mqtt" else "InvalidRequest"
    assert lived.tally.refused[version] == sum(plan.stale for plan in plans.values())
    liar = next(name for name, plan in plans.items() if plan.lies)
    told = yard.iot.describe_job_execution(jobId="update", thingName=liar)["execution"]["statusDetails"]
    assert told["detailsMap"]["version"].endswith("never-sent")


def test_who_never_begins_and_who_hears_of_a_cancellation(server: Server, tmp_path: Path) -> None:
    yard = Yard(server, tmp_path, 4)
    place = places(server)["mqtt"]
    yard.create_job("first")
    lived = yard.live(place, lambda it: it.tally.happened["passed"] == 4, silent=1.0)
    assert not lived.tally.busy
    canceled = []

    def cancel_once(it: Simulation) -> bool:
        if it.tally.busy == 4 and not canceled:
            canceled.append(yard.iot.cancel_job(jobId="first", force=True))
        return bool(canceled) and it.tally.happened["dropped"] == 4

    lived = yard.live(place, cancel_once, run="1h")
    assert not lived.ends
    assert not lived.tally.busy


def test_devices_come_and_go_by_the_hour(server: Server, tmp_path: Path) -> None:
    yard = Yard(server, tmp_path, 3)
    context = tls_context(Path(server.addresses.ca), *yard.files)
    modelled = Modelled(model.parse({"online": [1, 0] * 12}), 1)

    async def run() -> list[int]:
        place = places(server)["mqtt"]
        simulation = Simulation(yard.names, modelled, place, lambda _: context, begins_at=0, speed=3600)
        living = asyncio.create_task(simulation.run())
        seen = [0]
        async with asyncio.timeout(_ENOUGH_S):
            while seen[-2:] != [3, 0]:
                online = simulation.tally.online
                seen += [online] if online in (0, 3) and online != seen[-1] else []
                await asyncio.sleep(0.02)
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        return seen

    assert asyncio.run(run()) == [0, 3, 0]


def test_the_command(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = server.addresses
    behaviour = tmp_path / "behaviour.toml"
    behaviour.write_text('start = 0\nrun = 0\nhttps = 0.5\npoll = "200ms"\n')
    out = tmp_path / "out.json"
    yard = Yard(server, tmp_path / "own", 4)
    for position, name in enumerate(yard.names):
        yard.iot.update_thing(thingName=name, attributePayload={"attributes": {"place": str(position)}})
    yard.create_job("update")
    common = ["fleet", f"--mqtt={told.mqtts.rpartition('//')[2]}", f"--https={told.https}", f"--ca={told.ca}"]
    common += [f"--http={told.http}", f"--group={_GROUP}", f"--folder={tmp_path / 'kept'}", f"--behaviour={behaviour}"]
    with pytest.raises(SystemExit) as ended:
        main([*common, "--devices=3", "--processes=2", "--for=1s", "--until=later", f"--json={out}"])
    assert ended.value.code == 0
    assert json.loads(out.read_text())["devices"] == 3
    assert "3 devices, 1 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--devices=1"], "name the endpoint with --mqtt, --https or --data"),
        (["--data=nowhere"], "nowhere"),
        (["--mqtt=here"], "'here' is not HOST:PORT"),
        (["--mqtt=localhost:1", "--http=http://localhost:1"], "things cannot be registered: "),
    ],
)
def test_what_cannot_begin(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", *arguments])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
