"""``tidegate demo``: a whole rollout on real parts, from the template to the last device."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import uvloop
from cyclopts import Parameter
from cyclopts.validators import Number

from tidegate.clock import RandomIds
from tidegate.fleet import process, registration, rollout
from tidegate.fleet.behaviour import Behaviour
from tidegate.fleet.device import ConnectionRefused, tls_context
from tidegate.fleet.fleet import Endpoint, Fleet
from tidegate.fleet.process import NotStarted
from tidegate.fleet.registration import Credentials
from tidegate.fleet.rollout import ClockPage, Progress, Rollout, RolloutFailed
from tidegate.fleet.view import View
from tidegate.server import Address, Addresses, Options

FOLDER = Path(".demo")
_MARK = "tidegate-demo"
_ANY = Address("127.0.0.1", 0)
_REGION = "us-east-1"
_TIME = {
    "movable": "The server's clock stands still; when devices are done it is moved to the next event "
    "(POST /_tidegate/clock). --clock system waits instead.",
    "system": "Real time: the next wave comes when a minute has passed, timeouts when theirs has.",
}
_ANY_CREDENTIALS = ("demo", "demo")
_PARENT = "demo-fleet"
_GROUPS = ("demo-workshop", "demo-north", "demo-south")
"""The first holds a tenth of the fleet and comes first, as a careful operator would do it."""
_POLICY = "demo-device"
_TEMPLATE = "demo-firmware"
_TIMEOUT_MINUTES = 5
_JOB = "demo-firmware-2-4-0"
_DOCUMENT = {"operation": "install", "firmware": "2.4.0", "url": "https://example.com/firmware-2.4.0.bin"}


class Wishes(NamedTuple):
    """What the user asked for."""

    devices: int
    per_minute: int
    clock: Literal["movable", "system"]
    failure: float
    silence: float
    seed: int
    keep: bool


def demo(
    *,
    devices: Annotated[int, Parameter(validator=Number(gte=1, lte=20_000))] = 200,
    per_minute: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 40,
    clock: Literal["movable", "system"] = "movable",
    failure: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.04,
    silence: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.01,
    seed: int = 1,
    keep: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Roll a job template out to a fleet of simulated devices, on loopback, and check that all of it adds up.

    Starts a server with an embedded store in ./.demo (made anew each time), registers the devices, creates a template
    and a job with boto3, and connects every device over MQTT with mutual TLS. The exit status is 0 if the job was
    COMPLETED and every count agrees.

    Parameters
    ----------
    devices
        How many devices.
    per_minute
        How many may be released in a minute: the template's maximumPerMinute.
    clock
        movable: time stands still and is moved on when devices are done. system: real time.
    failure
        The share of devices whose job fails. From half on the template's abort criterion cancels the job.
    silence
        The share of devices that start the job and are never heard of again: they time out.
    seed
        Decides which ones, and how long each takes.
    keep
        Leave server and devices running afterwards, until Ctrl-C.
    """
    view = View()
    if importlib.util.find_spec("boto3") is None:
        view.fail("the demo drives the server with boto3, which is not installed. Run: pip install boto3")
        return 2
    if failure + silence > 1:
        view.fail("--failure and --silence are shares of one fleet: together at most 1")
        return 2
    if not process.allow_connections(2 * devices):
        view.fail(f"this system does not let a process hold {devices} connections. Ask for fewer --devices.")
        return 2
    wishes = Wishes(devices, per_minute, clock, failure, silence, seed, keep)
    try:
        with _fresh_folder(FOLDER) as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return 0 if runner.run(_Demo(wishes, view, folder).run()) else 1
    except (NotStarted, RolloutFailed, ConnectionRefused, OSError) as error:
        view.fail(str(error))
        return 1
    except KeyboardInterrupt:
        view.say("interrupted", style="bold")
        return 130


@contextlib.contextmanager
def _fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder of ours, for this demo alone. What another program put under that name is not touched.

    Raises:
        RolloutFailed: another demo works in it, or it is not a demo's.
    """
    mark = folder / _MARK
    if folder.exists() and not mark.exists() and any(folder.iterdir()):
        raise RolloutFailed(f"{folder.resolve()} was not made by this demo; move it away")
    folder.mkdir(exist_ok=True)
    with mark.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RolloutFailed(f"another demo is running in {folder.resolve()}") from None
        for child in folder.iterdir():
            if child != mark:
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        yield folder


class _Demo:
    """One run: each step is one public thing a user could do by hand."""

    def __init__(self, wishes: Wishes, view: View, folder: Path) -> None:
        self._wishes = wishes
        self._view = view
        self._folder = folder

    async def run(self) -> bool:
        """Whether everything held."""
        wishes, view = self._wishes, self._view
        view.say(f"tidegate demo: {wishes.devices} devices, at most {wishes.per_minute} a minute", style="bold")
        view.say(_TIME[wishes.clock], style="dim")
        view.say()
        with contextlib.ExitStack() as stack:
            addresses = self._serve(stack)
            iot = await asyncio.to_thread(_client, addresses)
            groups, files = await self._register(iot)
            template = await self._create_template(iot)
            behaviour = _behaviour(wishes)
            host, port = "localhost", int(addresses.mqtts.rpartition(":")[2])
            async with Fleet(Endpoint(host, port), behaviour) as fleet:
                await self._connect(fleet, files, Path(addresses.ca))
                await self._create_job(iot, template, groups)
                drawn: dict[str, str] = {name: behaviour.plan(name, _JOB, 1).ending or "TIMED_OUT" for name in files}
                held = await self._roll_out(iot, ClockPage(addresses.http), fleet, drawn)
                if wishes.keep:
                    await self._keep(addresses)
                return held

    def _serve(self, stack: contextlib.ExitStack) -> Addresses:
        with self._view.step("server") as found:
            data = self._folder / "server"
            options = Options(
                data=data,
                http=_ANY,
                https=_ANY,
                mqtts=_ANY,
                objects_listen=_ANY,
                objects_apart=False,
                region=_REGION,
                clock=self._wishes.clock,
            )
            addresses = stack.enter_context(process.served(options))
            found += [f"{addresses.http} and {addresses.mqtts}, SQLite in {data}"]
        return addresses

    async def _register(self, iot: Any) -> tuple[dict[str, str], dict[str, Credentials]]:
        wishes = self._wishes
        names = [f"demo-{number:05d}" for number in range(1, wishes.devices + 1)]
        things = {name: _group(position, wishes.devices) for position, name in enumerate(names)}
        with self._view.counted_step("fleet", wishes.devices) as (advance, found):
            groups = await asyncio.to_thread(registration.create_groups, iot, _PARENT, _GROUPS, _POLICY)
            folder = self._folder / "devices"
            files = await asyncio.to_thread(registration.register, iot, things, folder, RandomIds(), advance)
            found += [f"{wishes.devices} things in {len(_GROUPS)} groups, each with a registered P-256 certificate"]
        used = set(things.values())
        return {name: arn for name, arn in groups.items() if name in used}, files

    async def _create_template(self, iot: Any) -> str:
        wishes = self._wishes
        with self._view.step("template") as found:
            answer = await asyncio.to_thread(
                iot.create_job_template,
                jobTemplateId=_TEMPLATE,
                description="Install a firmware, carefully",
                document=json.dumps(_DOCUMENT),
                jobExecutionsRolloutConfig={"maximumPerMinute": wishes.per_minute},
                abortConfig={
                    "criteriaList": [
                        {
                            "failureType": "FAILED",
                            "action": "CANCEL",
                            "thresholdPercentage": 50,
                            "minNumberOfExecutedThings": max(1, wishes.devices // 10),
                        }
                    ]
                },
                timeoutConfig={"inProgressTimeoutInMinutes": _TIMEOUT_MINUTES},
            )
            found += [
                f"{_TEMPLATE}: {wishes.per_minute} a minute, abort at 50 % failed, timeout {_TIMEOUT_MINUTES} minutes"
            ]
        arn: str = answer["jobTemplateArn"]
        return arn

    async def _connect(self, fleet: Fleet, files: dict[str, Credentials], ca: Path) -> None:
        with self._view.step("devices") as found:
            contexts = {name: tls_context(ca, *credentials) for name, credentials in files.items()}
            await fleet.connect(contexts)
            found += [f"{fleet.online} connected over MQTT with mutual TLS, each held to its own topics by policy"]

    async def _create_job(self, iot: Any, template: str, groups: dict[str, str]) -> None:
        with self._view.step("job") as found:
            await asyncio.to_thread(iot.create_job, jobId=_JOB, jobTemplateArn=template, targets=list(groups.values()))
            found += [f"{_JOB} from that template, for {', '.join(groups)}"]
        self._view.say()

    async def _roll_out(self, iot: Any, clock: ClockPage, fleet: Fleet, drawn: dict[str, str]) -> bool:
        wishes, view = self._wishes, self._view
        with view.rollout(_JOB, wishes.devices) as show:
            progress: Progress = await Rollout(iot, clock, fleet, _JOB).carry(show)
        executed = await asyncio.to_thread(rollout.executions, iot, _JOB)
        view.summary(rollout.releases(executed), progress)
        found = rollout.checks(progress, executed, fleet.ended, drawn, wishes.per_minute)
        view.say()
        view.checks(found)
        wrong = [f"{check.claim} ({check.found})" for check in found if not check.holds]
        if wrong:
            view.fail(f"this does not hold: {wrong[0]}")
        return not wrong

    async def _keep(self, addresses: Addresses) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        view = self._view
        view.say()
        view.say("Server and devices go on running until Ctrl-C. Look around, for example:", style="bold")
        view.say(f"  export AWS_ENDPOINT_URL={addresses.http} AWS_DEFAULT_REGION={addresses.region}")
        view.say("  export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo")
        view.say(f"  aws iot describe-job --job-id {_JOB}")
        await stop.wait()


def _behaviour(wishes: Wishes) -> Behaviour:
    """Devices that take long enough to be watched."""
    return Behaviour(wishes.seed, quickest=0.3, slowest=0.9, steps=2, failure=wishes.failure, silence=wishes.silence)


def _group(position: int, devices: int) -> str:
    """A tenth goes to the first group, the others alternate."""
    return _GROUPS[0] if position < -(-devices // 10) else _GROUPS[1 + position % (len(_GROUPS) - 1)]


def _client(addresses: Addresses) -> Any:
    """A boto3 client for the server; with authentication off any credentials do."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(*_ANY_CREDENTIALS, region_name=_REGION)
    config = Config(max_pool_connections=2 * registration.THREADS, retries={"total_max_attempts": 1})
    return session.client("iot", endpoint_url=addresses.http, config=config)
