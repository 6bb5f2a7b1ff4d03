"""``tidegate serve``: run a server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import uvloop
from cyclopts import Parameter

from tidegate import form, process
from tidegate.cli import configuration, logs
from tidegate.cli.configuration import Configuration
from tidegate.cli.reloading import Reloading
from tidegate.net import room
from tidegate.ops.quotas import Limits
from tidegate.server import Options, assembly
from tidegate.server.assembly import Running
from tidegate.store import keys

log = logging.getLogger("tidegate")

_REFUSED = 2


def serve(
    *,
    given: Annotated[Configuration, Parameter(name="*")] = Configuration(),  # noqa: B008 - frozen
    again: Annotated[Callable[[], Configuration | None], Parameter(parse=False)],
) -> int:
    """Run the service until SIGTERM or SIGINT, then finish what is under way and exit 0.

    SIGHUP: read the configuration file and certificates again.
    """
    chosen = configuration.of(given)
    unguarded = configuration.unguarded(chosen)
    if unguarded:
        print(f"tidegate: {unguarded}", file=sys.stderr)
        return _REFUSED
    process.keep_large_apart()
    logs.begin(given.log_level, given.log_format)
    log.info("%s", form.text())
    if in_clear(chosen):
        log.warning("HTTP at %s can be reached from other machines without TLS: --http-tls, or a proxy", chosen.http)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(given, chosen, lambda: again() or Configuration()))
    return 0


async def _serve(given: Configuration, chosen: Options, again: Callable[[], Configuration]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with assembly.running(chosen) as running:
        loop.add_signal_handler(signal.SIGHUP, Reloading(running, given, again).begin)
        assembly.settle_heap()
        has_keys = await running.service.unit.read(keys.exist) if chosen.auth else True
        print(banner(running, chosen, has_keys=has_keys), flush=True)
        await stop.wait()
        log.info("stopping: requests under way are finished first")


def in_clear(chosen: Options) -> bool:
    """Whether what operators send, secrets in answers included, can be read on its way."""
    return not chosen.http_tls and not chosen.http.loopback


def banner(running: Running, chosen: Options, *, has_keys: bool) -> str:
    """What a person who starts the server wants to know."""
    addresses = running.addresses
    auth = "on" if chosen.auth else "OFF: any credentials are taken; everything listens on loopback only"
    clock = "movable, frozen at the present: POST /_tidegate/clock" if chosen.clock == "movable" else "system"
    lines = [
        "tidegate is running.",
        f"  HTTP     {addresses.http}  (iot, iot-jobs-data, iot-data)",
        f"  HTTPS    {addresses.https}  (devices)",
        f"  MQTT     {addresses.mqtts}  (devices)",
        *([f"  shared   {addresses.shared.removeprefix('https://')}  (devices, by ALPN)"] if addresses.shared else []),
        f"  S3       {addresses.objects}  (objects)",
        *([f"  console  {addresses.console}  (your browser)"] if addresses.console else []),
        f"  account  {addresses.account}, region {addresses.region}",
        f"  auth     {auth}",
        f"  clock    {clock}",
        f"  files    {room.limit():,} may be open: room for {running.admission.room.sockets:,} connections",
        f"  CA       {addresses.ca}",
        "",
        f'Point boto3, the AWS CLI and the SDKs here:  eval "$(tidegate env --data {chosen.data})"',
    ]
    if in_clear(chosen):
        lines.insert(-2, "  WARNING  requests of operators cross the network in clear: --http-tls")
    if running.service.settings.limits != Limits():
        lines.insert(-2, "  quotas   not AWS's: --quotas or --rollout-ceiling")
    if chosen.faults is not None:
        lines.insert(-2, "  FAULTS   happen on purpose: --faults")
    if chosen.throttles is not None:
        lines.insert(-2, "  rates    limited: --throttles")
    if not has_keys:
        lines.append(f"No access key exists yet. Make one:  tidegate keys create --data {chosen.data}")
    return "\n".join(lines)
