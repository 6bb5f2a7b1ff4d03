"""A whole server, put together: what is opened first is closed last.

Listeners drain before the engine stops, and the store closes when nobody is left who could write to it.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from tidegate import process
from tidegate.core.leniency import Leniency
from tidegate.devices.endpoint import Endpoint
from tidegate.devices.server import admission_limits
from tidegate.engine.loop import Engine, Step
from tidegate.engine.pace import Pace
from tidegate.engine.registrations import Registrations
from tidegate.engine.tidying import Tidying
from tidegate.http.app import App
from tidegate.mqtt.settings import Settings as MqttSettings
from tidegate.mqtt.settings import overridden
from tidegate.net import room
from tidegate.net.admission import Admission
from tidegate.ops import sweeps
from tidegate.runtime.auditor import Auditor
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.runtime.timeline import Timeline
from tidegate.runtime.trust import Trust
from tidegate.server import directory, listeners, objects
from tidegate.server import service as services
from tidegate.server.addresses import Addresses, addresses_of, publish
from tidegate.server.options import Options
from tidegate.store.database import Tx

log = logging.getLogger("tidegate")

_ALLOCATIONS = 20_000
"""Between two looks for cycles."""
_LARGE_RELEASE = 16_000
"""Executions in one transaction while nobody waits for the store: about twenty milliseconds."""


class Running(NamedTuple):
    """A server that answers."""

    addresses: Addresses
    service: Service
    engine: Engine
    metrics: Metrics
    timeline: Timeline
    devices: Endpoint
    trust: Trust
    admission: Admission
    auditor: Auditor
    app: App


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Run a server on the present event loop until the block is left, then drain it.

    Raises:
        InUseError: another server works on the data directory.
        StoreError: the store cannot be opened.
        VaultError: the master key cannot be used, or access keys need another.
        InvalidCertificateError: the authority's files are damaged.
        IndexFaultError: the objects' index cannot be opened.
        EndpointFaultError: the objects cannot be served.
        OSError: an address cannot be bound.
    """
    options.data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(directory.alone(options.data))
        exposed = process.repair(options.data)
        if exposed:
            log.warning("other users could read %s in %s; now they cannot", ", ".join(exposed), options.data)
        service, trust, auditor, storage = await services.opened(options, stack)
        metrics = Metrics()
        engine = Engine(
            service.unit,
            service.clock,
            Tidying(_step(service, Pace(service.unit))),
            metrics,
            alone=lambda: service.relay is None or service.relay.alone,
        )
        engine.start()
        stack.push_async_callback(engine.stop)
        registrations = Registrations(service)
        registrations.start()
        stack.push_async_callback(registrations.stop)
        node = directory.node(options.data, service.ids) if service.unit.shared else 0
        room.raise_limit()
        unfinished = max(options.admission.unfinished, 4 * listeners.largest_body(options))
        settings = _mqtt(options, service.settings.leniency)
        admission = Admission(admission_limits(settings, options.admission._replace(unfinished=unfinished)))
        metrics.admission(admission.seen)
        devices = Endpoint(service, settings, node=node, admission=admission)
        stack.push_async_callback(devices.drain, options.grace_s)
        await devices.open()
        timeline = Timeline(service.clock, engine.settle, devices.published)
        await objects.served(options, stack, storage, service, metrics, admission)
        edges, app = await listeners.opened(options, stack, service, devices, timeline, metrics, trust)
        addresses = addresses_of(options, edges, storage.base)
        publish(options.data, addresses)
        yield Running(addresses, service, engine, metrics, timeline, devices, trust, admission, auditor, app)


def _mqtt(options: Options, taken: Leniency) -> MqttSettings:
    base = MqttSettings.strict() if options.strict_aws else MqttSettings()
    return dataclasses.replace(
        overridden(base, options.mqtt_settings or {}),
        denials_told=taken.denials_told,
        port_without_alpn=taken.port_without_alpn,
        unsubscribe_filters=taken.unsubscribe_filters,
        receive_maximum=taken.receive_maximum,
    )


def _step(service: Service, pace: Pace) -> Step:
    def step(tx: Tx, now: int) -> int | None:
        limits = service.settings.limits  # an operator may choose others meanwhile
        if pace.alone():
            limits = limits._replace(release_chunk=_LARGE_RELEASE)
        return sweeps.sweep(tx, now, limits, service.settings.partition)

    return step


def settle_heap() -> None:
    """Tell the garbage collector that what has been made so far stays, and to look less often from now on.

    For a process that is a server and nothing else. What a request makes dies by its reference counts; looking for
    cycles as often as Python does by default costs a sixth of all requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
