"""Who holds a certificate, without its policies holding up the loop while they are read for the first time.

The policies of one device can be 80 KB, and to parse them takes up to 50 ms. On SQLite that would be the event loop's
time: what is more than one policy is parsed on a thread, where accounts take turns, and kept. One thread only: each
that computes may keep the loop from its turn for 5 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tidegate.ops import identity
from tidegate.runtime.threads import Threads
from tidegate.runtime.unit import Unit
from tidegate.store.database import Lane, Tx, in_lane

AT_ONCE: Final = 2048
"""Characters of policies parsed on the loop: one of the largest, which takes a millisecond."""
_READER: Final = Threads(1, "policies")

Load = Callable[..., identity.Device | None]
"""``identity.load`` but for the transaction and ``unread``."""


async def device(unit: Unit, load: Load) -> identity.Device | None:
    """The device that ``load`` finds; None if there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    try:
        return await unit.read(in_lane(Lane.IDENTITY, partial(_read, load, unread=AT_ONCE)))
    except identity.UnreadError as error:
        await _READER.run(error.account, partial(identity.prepare, error.documents))
    # What was changed or forgotten meanwhile is parsed at once, whatever there is of it.
    return await unit.read(in_lane(Lane.IDENTITY, partial(_read, load, unread=None)))


def _read(load: Load, tx: Tx, *, unread: int | None) -> identity.Device | None:
    return load(tx, unread=unread)
