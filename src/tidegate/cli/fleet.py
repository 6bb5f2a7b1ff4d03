"""``tidegate fleet``: simulated devices for any endpoint, with every bad habit that a file gives them."""

from __future__ import annotations

import importlib.util
import json as json_text
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import Progress

from tidegate.cli import fleet_shown, options
from tidegate.clock import monotonic, wall_now
from tidegate.core.forecast import model
from tidegate.core.forecast.fleet import Fleet
from tidegate.fleet import process, registration, shards
from tidegate.fleet.fleet import Endpoint
from tidegate.fleet.registration import Credentials
from tidegate.fleet.shards import Shards, Work
from tidegate.fleet.simulation import Place, Tally
from tidegate.ops.iam import RefusedError

_TURN_S = 0.5
_ENDED = frozenset({"COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"})
_ABOUT_BOTO3 = "tidegate: things are registered with boto3, which is not installed: pip install boto3"


def _check_span(_type: Any, text: str | None) -> None:
    if text is not None and model.span(text) is None:
        raise ValueError("a span is 90s, 15m, 6h or 2d")


class _Reached(NamedTuple):
    """Where the endpoint is."""

    place: Place
    ca: Path | None
    http: str | None


def fleet(
    *,
    data: Annotated[
        Path | None, Parameter(help="Data directory of a tidegate that runs: where it listens is read from there.")
    ] = None,
    http: Annotated[str | None, Parameter(help="URL of the control plane, to register things at.")] = None,
    mqtt: Annotated[str | None, Parameter(help="host:port of MQTT over TLS with client certificates.")] = None,
    https: Annotated[
        str | None, Parameter(help="URL of the jobs data plane: https:// with certificates, http:// without.")
    ] = None,
    ca: Annotated[Path | None, Parameter(help="File with the authorities of its certificates.")] = None,
    devices: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000), help="How many.")] = 100,
    behaviour: Annotated[
        Path | None, Parameter(help="What they are like: a JSON or TOML file, see docs/fleet.md.")
    ] = None,
    group: Annotated[str, Parameter(help="Their thing group; things are called so, with numbers.")] = "tidegate-fleet",
    certificate: Annotated[
        Path | None, Parameter(help="PEM of a certificate all of them show; things are then not registered.")
    ] = None,
    key: Annotated[Path | None, Parameter(help="PEM of its key.")] = None,
    seed: Annotated[int, Parameter(help="The same seed, the same behaviour.")] = 1,
    speed: Annotated[float, Parameter(help="Their seconds to one of ours.", validator=Number(gt=0, lte=10_000))] = 1.0,
    hour: Annotated[
        int | None, Parameter(help="The hour of their day (UTC) to begin at; now.", validator=Number(gte=0, lte=23))
    ] = None,
    clock: Annotated[str | None, Parameter(help="URL of a clock to move on with them, as /_tidegate/clock.")] = None,
    span: Annotated[
        str | None, Parameter(name="--for", help="How long, such as 10m (ours).", validator=_check_span)
    ] = None,
    until: Annotated[str | None, Parameter(help="Until this job has ended.")] = None,
    processes: Annotated[int, Parameter(help="Over so many processes.", validator=Number(gte=1, lte=64))] = 1,
    folder: Annotated[Path, Parameter(help="Where their certificate is kept.")] = Path(".fleet"),
    region: str = "us-east-1",
    json: Annotated[Path | None, Parameter(help="File for the summary as JSON.")] = None,
) -> int:
    """Let simulated devices live against any endpoint: they come and go, do jobs, and do what devices do wrong.

    Registers things in one group and a certificate that all of them show, unless a certificate is given. Devices are
    there until Ctrl-C, --for or --until. Ends with 0, or with 2 if it cannot begin.
    """
    try:
        known = Fleet() if behaviour is None else model.read(behaviour.read_bytes(), toml=behaviour.suffix == ".toml")
        reached = _reached(data, http, mqtt, https, ca, region)
    except (ValueError, OSError, KeyError) as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    control = None
    if certificate is None or until is not None:
        if importlib.util.find_spec("boto3") is None:
            print(_ABOUT_BOTO3, file=sys.stderr)
            return 2
        control = _client(reached.http, region)
    names = [f"{group}-{number:06d}" for number in range(devices)]
    console = Console(highlight=False)
    try:
        credentials = _registered(console, control, names, group, folder, certificate, key)
    except (RefusedError, OSError) as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    begins_at = wall_now() / 1000 if hour is None else hour * 3600.0
    works = [
        Work(names[part::processes], known, seed, speed, begins_at, reached.place, reached.ca, credentials)
        for part in range(min(processes, devices))
    ]
    process.allow_connections(devices)
    lasts = None if span is None else (model.span(span) or 0) / 1000
    watch = _Watch(lasts, _ended(control, until), None if clock is None else _mover(clock, speed))
    try:
        with shards.living(works) as living, fleet_shown.live(console) as show:
            history = watch.follow(living, show)
    except ChildProcessError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 1
    console.print(*fleet_shown.summary(history), sep="\n")
    if json is not None:
        json.write_text(json_text.dumps(fleet_shown.as_json(history), indent=2) + "\n")
    return 0


def _reached(
    data: Path | None, http: str | None, mqtt: str | None, https: str | None, ca: Path | None, region: str
) -> _Reached:
    if data is not None:
        told = msgspec.json.decode((data / "addresses.json").read_bytes())
        http, ca = http or told["http"], ca or Path(told["ca"])
        if mqtt is None and https is None:
            mqtt, https = told["mqtts"].rpartition("//")[2], told["https"]
    if mqtt is None and https is None:
        raise ValueError("name the endpoint with --mqtt, --https or --data")
    broker = None if mqtt is None else options.address(mqtt)
    host = "" if broker is None else "localhost" if broker.loopback else broker.host
    return _Reached(Place(None if broker is None else Endpoint(host, broker.port), https, region), ca, http)


def _registered(
    console: Console,
    control: Any,
    names: list[str],
    group: str,
    folder: Path,
    certificate: Path | None,
    key: Path | None,
) -> Credentials:
    """The certificate that all of them show."""
    if certificate is not None:
        return Credentials(certificate, key or certificate)
    from botocore.exceptions import BotoCoreError, ClientError

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("registering", total=len(names))
        try:
            arn, files = registration.enrol(control, names, group, folder, lambda: progress.advance(task))
        except (BotoCoreError, ClientError) as error:
            raise RefusedError(f"things cannot be registered: {error}") from None
    console.print(f"{len(names):,} things in {arn}: target it with a job")
    return files


def _client(http: str | None, region: str) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(region_name=region)
    made_up = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    more: dict[str, Any] = {"endpoint_url": http} if http else {}
    config = Config(max_pool_connections=2 * registration.THREADS, retries={"total_max_attempts": 2})
    if http and session.get_credentials() is None:
        more |= made_up
    return session.client("iot", config=config, **more)


def _ended(control: Any, job: str | None) -> Callable[[], bool]:
    if job is None:
        return lambda: False

    def ended() -> bool:
        try:
            status: str = control.describe_job(jobId=job)["job"]["status"]
        except control.exceptions.ResourceNotFoundException:
            return False  # it is still to come
        return status in _ENDED

    return ended


def _mover(clock: str, speed: float) -> Callable[[float], None]:
    def move(seconds: float) -> None:
        body = json_text.dumps({"advance": seconds * speed}).encode()
        asked = urllib.request.Request(clock, body, {"Content-Type": "application/json"})  # noqa: S310 - an operator's
        with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310
            answer.read()

    return move


class _Watch:
    """Looks at the fleet until its time is over."""

    def __init__(self, lasts_s: float | None, ended: Callable[[], bool], move: Callable[[float], None] | None) -> None:
        self._lasts_s, self._ended, self._move = lasts_s, ended, move
        self._stopped = False

    def follow(self, living: Shards, show: Callable[[float, Tally], None]) -> list[tuple[float, Tally]]:
        """What was seen, by seconds since it began."""
        began = at = monotonic()
        history: list[tuple[float, Tally]] = []
        former = signal.signal(signal.SIGINT, self._stop)
        try:
            while True:
                now = monotonic()
                if self._move is not None:
                    self._move(now - at)
                at = now
                history.append((now - began, living.tally))
                show(*history[-1])
                over = self._lasts_s is not None and now - began >= self._lasts_s
                if over or self._stopped or self._ended():
                    return history
                time.sleep(_TURN_S)
        finally:
            signal.signal(signal.SIGINT, former)

    def _stop(self, *_: Any) -> None:
        self._stopped = True
