"""The audit log: one entry for each change, in the transaction that makes it.

Every operation that does not only read gets its entry here, in one place (``recorded``), so that none can do without.
What devices report about themselves is no change by an operator and leaves none: it has its events. What no transaction
covers (connections, retained messages, a clock that is moved) has its entry before it is done, with the outcome
``asked``.

An entry is written unchained, so that writers do not wait for each other; ``seal`` chains those that are committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from tidegate.clock import wall_now
from tidegate.core import audit, permissions
from tidegate.core.arn import Names
from tidegate.core.audit import PRUNED, Exported, Head, Image, Sealed
from tidegate.ops.call import Call, Origin
from tidegate.ops.handler import Handler, Write
from tidegate.store import audit as stored
from tidegate.store import scopes
from tidegate.store.database import Tx, Work, marked

T = TypeVar("T")

SEALED_AT_ONCE: Final = 250
"""About two milliseconds."""
_ROWS: Final = 32
_PAGE: Final = 1000
_LOOKED_THROUGH: Final = 5000
_AWRY: Final = 3_600_000
"""How far (ms) the clocks of servers on one store may be apart for an entry to be found by its time."""
_APART: Final = 1000
"""Milliseconds by which the service's clock must differ from the wall clock to be told."""


class Entry(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """What the log says of a change. Its JSON, members in this order, is what is kept, hashed and exported."""

    time: int
    """Epoch ms of the wall clock."""
    service_time: int | None = None
    """The service's clock, where it is another."""
    account: str = ""
    region: str = ""
    principal: str
    access_key_id: str = ""
    source: str = ""
    edge: str
    request_id: str = ""
    operation: str
    """Named like the permission it takes: ``iot:CreateJob``, ``tidegate:MoveClock``."""
    resources: list[str] = []
    outcome: str = "done"
    """``done``, ``asked`` or ``refused``."""
    parameters: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    before: dict[str, str] | None = None
    after: dict[str, str] | None = None


_ENCODE = msgspec.json.Encoder().encode


def append(tx: Tx, entry: Entry) -> None:
    """Put an entry into the log."""
    stored.put(tx, _ENCODE(entry).decode())


def entry(call: Call, request: Any, **more: Any) -> Entry:
    """The entry of a request to an operation."""
    origin = call.origin
    names = Names(call.partition, call.region, call.account)
    return _of_call(
        call,
        permissions.actions(origin.plane, origin.operation)[0],
        _named(origin, request, names),
        parameters=audit.parameters(request),
        **more,
    )


def _of_call(call: Call, operation: str, resources: list[str], **more: Any) -> Entry:
    origin, now = call.origin, wall_now()
    return Entry(
        time=now,
        service_time=service_time(call.now, now),
        account=call.account,
        region=call.region,
        principal=call.principal,
        access_key_id=origin.access_key_id,
        source=origin.source,
        edge=origin.edge,
        request_id=origin.request_id,
        operation=operation,
        resources=resources,
        **more,
    )


def _named(origin: Origin, request: Any, names: Names) -> list[str]:
    found = permissions.named(origin.plane, origin.operation, request, names, unmodelled=origin.resources)
    return [] if found == [permissions.ANY] else found[: audit.MOST]


def service_time(service: int, wall: int) -> int | None:
    """The service's clock for an entry, where it is another than the wall clock."""
    return service if abs(service - wall) > _APART else None


# --- operations -----------------------------------------------------------------------------------------------------


def counts(handler: Handler, call: Call, request: Any) -> bool:
    """Whether a request leaves an entry if it succeeds."""
    return not call.origin.device and handler.changes(request)


def recorded(work: Work[Any], handler: Handler, call: Call, request: Any) -> Work[Any]:
    """A work that carries out an operation, and then puts its entry into the log; it is run as ``work`` would be."""
    image = handler.image if isinstance(handler, Write) else None

    def look(tx: Tx) -> Image:
        return {} if image is None else image(tx, call, request)

    def both(tx: Tx) -> Any:
        before = look(tx)
        response = work(tx)
        gone, come = audit.difference(before, look(tx))
        made = entry(call, request, before=gone, after=come)
        arn = _made(response)
        if arn is not None and arn not in made.resources:
            made.resources.append(arn)
        append(tx, made)
        return response

    return marked(work).doing(both)


def _made(response: Any) -> str | None:
    """The ARN of what an operation made, where only its answer names it."""
    arn: str | None = getattr(response, "certificate_arn", None)
    return arn


def asked(call: Call, request: Any) -> Work[None]:
    """A work that notes what is about to be done outside the store."""
    made = entry(call, request, outcome="asked")
    return lambda tx: append(tx, made)


def asked_outside(call: Call, operation: str, resource: str) -> Entry:
    """The entry of what is about to be done to something that is not in the store, as objects are."""
    return _of_call(call, operation, [resource], outcome="asked")


# --- the service itself ---------------------------------------------------------------------------------------------


def _by_service(account: str, region: str, now: int, **more: Any) -> Entry:
    wall = wall_now()
    return Entry(time=wall, service_time=service_time(now, wall), account=account, region=region, **more)


def by_engine(tx: Tx, scope: int, now: int, operation: str, job: str, why: str) -> None:
    """Note what the engine did to a job because its configuration or a limit said so."""
    account, region = scopes.name(tx, scope) or ("", "")
    append(
        tx,
        _by_service(
            account,
            region,
            now,
            principal="engine",
            edge="engine",
            operation=f"tidegate:{operation}",
            resources=[Names("aws", region, account).job(job)],
            after={"reason": why},
        ),
    )


def registered_itself(tx: Tx, account: str, region: str, certificate_id: str, now: int, source: str) -> None:
    """Note that a device's certificate was registered because its authority lets it."""
    arn = Names("aws", region, account).certificate(certificate_id)
    append(
        tx,
        _by_service(
            account,
            region,
            now,
            principal=arn,
            source=source,
            edge="mqtt",
            operation="tidegate:RegisterItself",
            resources=[arn],
        ),
    )


def provisioned(tx: Tx, call: Call, template: str, resources: list[str]) -> None:
    """Note that a device got what a template names, which may have none itself: it asked, and no operator did."""
    names = Names(call.partition, call.region, call.account)
    certificate = names.certificate(call.principal) if call.origin.device else call.principal
    append(
        tx,
        _by_service(
            call.account,
            call.region,
            call.now,
            principal=certificate,
            source=call.origin.source,
            edge=call.origin.edge,
            operation="tidegate:Provision",
            resources=[*([call.arn(f"provisioningtemplate/{template}")] if template else []), *resources],
        ),
    )


def _by_command(user: str, operation: str, **more: Any) -> Entry:
    return Entry(time=wall_now(), principal=user, edge="command", operation=operation, **more)


def asked_by_command(operation: str, parameters: Any, *, user: str, resource: str, before: Image) -> Work[None]:
    """A work that notes what a command is about to do outside the store."""
    made = _by_command(
        user,
        f"tidegate:{operation}",
        resources=[resource],
        outcome="asked",
        parameters=audit.parameters(parameters),
        before=dict(before) or None,
    )
    return lambda tx: append(tx, made)


def by_command(
    work: Work[T], operation: str, parameters: Any, *, user: str, resource: str, look: Callable[[Tx], Image]
) -> Work[T]:
    """A work of a command beside the server, with its entry; ``look`` reads what it changes."""

    def both(tx: Tx) -> T:
        before = look(tx)
        result = work(tx)
        gone, come = audit.difference(before, look(tx))
        append(
            tx,
            _by_command(
                user,
                f"tidegate:{operation}",
                resources=[resource],
                parameters=audit.parameters(parameters),
                before=gone,
                after=come,
            ),
        )
        return result

    return both


# --- sealing --------------------------------------------------------------------------------------------------------


def seal(tx: Tx, prove: Callable[[str], str]) -> int:
    """Chain entries that are committed, a bounded number of them; how many.

    Done again after a failure it goes on where the chain ends. The work must lock rows (``database.locks_rows``).
    """
    if not stored.take_turn(tx):
        return 0
    last, count = stored.head(tx), 0
    taken: list[tuple[int, Sealed]] = []
    for one in stored.unsealed(tx, _ROWS):
        if count >= SEALED_AT_ONCE:
            break
        first = last.seq + 1
        *_, last = audit.follow(last, one.entries.split("\n"))
        taken.append((one.id, Sealed(first, last.seq - first + 1, one.entries, last.hash, "")))
        count += last.seq - first + 1
    if taken:
        end, row = taken.pop()
        stored.seal(tx, [*taken, (end, row._replace(mac=prove(row.hash)))])
    return count


# --- reading --------------------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """Which entries are looked for. Instants are epoch ms, the end excluded; texts are parts of what is compared."""

    since: int | None = None
    until: int | None = None
    principal: str = ""
    operation: str = ""
    resource: str = ""
    account: str | None = None

    def fits(self, one: Entry) -> bool:
        """Whether an entry is one of them."""
        if one.time < (self.since or 0) or (self.until is not None and one.time >= self.until):
            return False
        told = bytes(one.parameters).decode() if isinstance(one.parameters, msgspec.Raw) else ""
        return (
            (self.account is None or self.account == one.account)
            and (self.principal in one.principal or self.principal in one.access_key_id)
            and self.operation.lower() in one.operation.lower()
            and any(self.resource in text for text in (*one.resources, told))
        )


_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def read(text: str) -> Entry:
    """A sealed entry; one that says nothing for a text that somebody else put into the store."""
    try:
        return _ENTRY.decode(text)
    except msgspec.DecodeError:
        return Entry(time=0, principal="unreadable", edge="unknown", operation="unreadable")


def unsealed(tx: Tx) -> list[str]:
    """The entries that are not sealed yet."""
    return [text for row in stored.unsealed(tx) for text in row.entries.split("\n")]


def following(tx: Tx, after: int) -> Iterator[Sealed]:
    """Every sealed row that begins after a number, in order, read page by page."""
    while rows := stored.page(tx, after, _PAGE):
        yield from rows
        after = rows[-1].seq


def exported(tx: Tx, after: int) -> Iterator[Exported]:
    """Every sealed entry after a number, with what it is verified by."""
    holding = stored.holding(tx, after + 1)
    before = stored.holding(tx, holding.seq - 1) if holding else None
    last = before.end if before else Head()
    for row in following(tx, last.seq):
        yield from (one for one in audit.export(row, last) if one.seq > after)
        last = row.end


def find(tx: Tx, wanted: Wanted, after: int = 0) -> Iterator[tuple[Exported, Entry]]:
    """The sealed entries after a number that are looked for."""
    if wanted.since is not None:
        after = max(after, _older(tx, wanted.since - _AWRY))
    found = ((one, read(bytes(one.entry).decode())) for one in exported(tx, after))
    return ((one, entry) for one, entry in found if wanted.fits(entry))


def about(tx: Tx, resource: str, account: str) -> list[Entry]:
    """The entries of an account about one resource among the last ones, as far as one look goes; the oldest first."""
    after = max(0, stored.head(tx).seq - _LOOKED_THROUGH)
    texts = [bytes(one.entry).decode() for one in exported(tx, after)] + unsealed(tx)
    found = [read(text) for text in texts if resource in text]
    return [one for one in found if one.account == account and resource in one.resources]


def _older(tx: Tx, at: int) -> int:
    """The number of the last entry that is older than an instant, as far as clocks and transactions kept their order.

    Exact to a row, none of whose entries is younger.
    """
    low, high = stored.first(tx) - 1, stored.head(tx).seq
    while low < high:
        middle = (low + high + 1) // 2
        row = stored.holding(tx, middle)
        if row is None or all(read(line).time < at for line in row.lines):
            low = high if row is None else row.end.seq
        else:
            high = row.seq - 1
    return low


def prune(tx: Tx, before: int, user: str) -> int:
    """Remove the sealed entries from before an instant (epoch ms); how many.

    The last of them stays as a number and a hash, for the chain to hang on, and an entry says so.
    """
    last = stored.holding(tx, _older(tx, before))
    if last is None or not last.entries:
        return 0
    first = stored.holding(tx, stored.first(tx))
    gone = first.end.seq if first and not first.entries else stored.first(tx) - 1
    stored.prune(tx, last.seq)
    append(tx, _by_command(user, PRUNED, after={"pruned through": str(last.end)}))
    return last.end.seq - gone
