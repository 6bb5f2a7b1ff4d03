"""Store, certificates and the service over them."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from tidegate import __version__
from tidegate.clock import Clock, Ids, MovableClock, RandomIds, SystemClock
from tidegate.core import leniency
from tidegate.ops import iam
from tidegate.ops.call import Endpoints
from tidegate.ops.quotas import Limits
from tidegate.pki import authority
from tidegate.pki.vault import Vault, VaultError
from tidegate.runtime import unit
from tidegate.runtime.auditor import Auditor
from tidegate.runtime.relay import Relay
from tidegate.runtime.service import Service, Settings
from tidegate.runtime.trust import Trust
from tidegate.runtime.unit import Unit
from tidegate.s3.assembly import Storage
from tidegate.server import directory, objects
from tidegate.server.directory import Issuer, open_store, open_vault
from tidegate.server.options import Options, suites
from tidegate.store.database import Database
from tidegate.store.sqlite import SqliteDatabase

log = logging.getLogger("tidegate")


async def opened(options: Options, stack: AsyncExitStack) -> tuple[Service, Trust, Auditor, Storage]:
    """Store, certificates, objects and the service over them."""
    clock: Clock = MovableClock() if options.clock == "movable" else SystemClock()
    ids = RandomIds()
    # The store belongs to this thread (SQLite), and nobody is served yet.
    database = open_store(options.data, options.store, clock.now(), serving=True)
    work = unit.over(database)
    relay = _relay(database, work, ids)
    if relay is not None:
        stack.push_async_callback(relay.stop)  # after the last work: the others are to hear of that, too
    stack.push_async_callback(work.close)
    if relay is not None:
        await relay.start()
    issuer = Issuer(options, ids)
    trust = Trust(
        work,
        issuer.own,
        watched=[options.data / name for name in (*authority.FILES, *directory.SERVED)],
        beside=(options.certificates or {}),
        suites=suites(options),
    )
    await trust.start()
    stack.push_async_callback(trust.stop)
    sealed = open_vault(options.data, options.master_key, ids)
    await _adopt_keys(work, sealed, auth=options.auth)
    storage = await objects.opened(options, stack, trust, ids)
    taken = leniency.chosen(strict=options.strict_aws, taken=options.take)
    settings = Settings(
        account=options.account,
        region=options.region,
        limits=limits_of(options),
        endpoints=Endpoints(objects=storage.hosts),
        leniency=taken,
        on_abort=options.on_abort,
        enforce_expiry=options.enforce_expiry,
        hooks=options.hooks or {},
        hook_hosts=options.hook_hosts,
    )
    service = Service(work, clock, ids, settings, issuer, storage.objects, vault=sealed, relay=relay)
    service.objects_apart = options.objects_apart and options.faults is None
    service.inject(options.faults)
    auditor = Auditor(service, sealed)
    await auditor.start(_told(options))
    stack.push_async_callback(auditor.stop)
    return service, trust, auditor, storage


def _told(options: Options) -> dict[str, str]:
    """What the audit log says of how a server was started."""
    places = {"http": options.http, "https": options.https, "mqtts": options.mqtts, "objects": options.objects_listen}
    return {
        "version": __version__,
        "auth": "on" if options.auth else "off",
        "clock": options.clock,
        **{name: str(address) for name, address in places.items()},
        **({} if options.shared is None else {"shared": str(options.shared)}),
        **({} if options.console is None else {"console": str(options.console)}),
    }


def _relay(database: Database, work: Unit, ids: Ids) -> Relay | None:
    """The way to the other servers on a store, where there can be others."""
    if isinstance(database, SqliteDatabase):
        return None
    from tidegate.store import channel  # the driver is an extra
    from tidegate.store.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    name = ids.uuid()
    return Relay(work, database.channel(name), name, limit=channel.LIMIT)


def limits_of(options: Options) -> Limits:
    """The quotas, with the ceiling of rollouts."""
    ceiling = options.rollout_ceiling
    return options.limits if ceiling is None else options.limits._replace(rollout_per_minute=ceiling)


async def _adopt_keys(work: Unit, sealed: Vault, *, auth: bool) -> None:
    """Seal what an older tidegate kept as it was. Raises ``VaultError`` if keys are there that we cannot open."""
    adopted = await work.transact(lambda tx: iam.seal_secrets(tx, sealed))
    if adopted:
        log.info("the secrets of %d access keys were sealed with the master key", adopted)
    foreign = await work.read(lambda tx: iam.sealed_elsewhere(tx, sealed))
    if foreign and auth:
        raise VaultError(
            f"the secrets of {len(foreign)} access keys ({foreign[0]} …) are sealed with another master key: start "
            "with the --master-key of the server that made them, or revoke them with `tidegate keys revoke`"
        )
