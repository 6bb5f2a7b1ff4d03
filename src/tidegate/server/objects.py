"""The object storage as a server's options choose it: opened before the service, served after it."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tidegate.clock import Ids
from tidegate.net.admission import Admission
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.service import Service
from tidegate.runtime.trust import Trust
from tidegate.s3 import assembly
from tidegate.s3.assembly import Choice, Storage
from tidegate.server.listeners import naming
from tidegate.server.options import Options


async def opened(options: Options, stack: AsyncExitStack, trust: Trust, ids: Ids) -> Storage:
    """What operations reach; nobody else does before it is served."""
    choice = Choice(
        options.objects,
        options.s3_endpoint,
        *options.objects_listen,
        trust.chains("objects") if options.objects_tls else (),
        options.tls_suites,
        options.objects_url,
        options.objects_apart and options.faults is None,
    )
    opening = assembly.opened(
        choice, options.data, ids, region=options.region, bounded=options.auth, names=options.names
    )
    with naming("--objects-listen", options.objects_listen):
        return await stack.enter_async_context(opening)


async def served(
    options: Options, stack: AsyncExitStack, storage: Storage, service: Service, metrics: Metrics, admission: Admission
) -> None:
    """Serve the objects that are this server's own."""
    if storage.own is None:
        return
    serving = assembly.serving(
        storage.own,
        service,
        metrics,
        auth=options.auth,
        names=options.names,
        grace_s=options.grace_s,
        admission=admission,
        balancers=options.balancers,
    )
    await stack.enter_async_context(serving)
