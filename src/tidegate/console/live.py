"""Pages that change under the eyes of whoever looks: server-sent events with the parts that have changed.

Whoever looks at the same page in the same name shares one **show**: the page is made once for all of them, again and
again, as long as somebody looks, and a show takes at most a tenth of the time. What is sent is bytes made once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from tidegate.clock import monotonic
from tidegate.console import render
from tidegate.console.routes import Route
from tidegate.console.visit import NotFoundError, Page, Visit
from tidegate.net.http1.messages import Answer, Stream
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.store.database import StoreError
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.console")

Again = Callable[[Visit, Mapping[str, str]], Awaitable[Visit | None]]
"""The same visit, now; None if whoever made it is not signed in any more."""

EVERY_S: Final = 1.0
_SHARE: Final = 10
"""A show rests this many times as long as it took."""
_HEARTBEAT_S: Final = 15.0
_MOST_WATCHERS: Final = 1000
_MOST_SHOWS: Final = 50
_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_FULL: Final[Answer] = (503, [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")], b"Too many look.")


class _Show:
    """One page, as one principal may see it."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.watchers: dict[int, tuple[Visit, Mapping[str, str]]] = {}
        self.parts: dict[str, str] = {}
        self.changes = 0
        self.event = b""
        """The last change; a watcher that missed one gets the whole."""
        self.changed = asyncio.Condition()
        self.task: asyncio.Task[None] | None = None

    def beyond(self, seen: int) -> bool:
        """Whether it has changed since somebody looked."""
        return self.changes != seen

    @property
    def whole(self) -> bytes:
        return _event(self.parts)


class Live:
    """The shows of one server. Lives on its event loop."""

    def __init__(self, again: Again) -> None:
        self._again = again
        self._shows: dict[tuple[object, ...], _Show] = {}
        self._limited_log = RateLimitedLog(log)
        self._count = 0

    @property
    def watchers(self) -> int:
        """How many look."""
        return sum(len(show.watchers) for show in self._shows.values())

    def stream(self, visit: Visit, route: Route, cookies: Mapping[str, str]) -> Stream | Answer:
        """What is sent to a browser that looks at a page, as long as it does."""
        key = (*visit.caller[:3], visit.request.raw_path, visit.request.query_string)
        if self.watchers >= _MOST_WATCHERS or (key not in self._shows and len(self._shows) >= _MOST_SHOWS):
            return _FULL
        return Stream(200, list(_HEADERS), self._watch(key, visit, route, cookies), endless=True)

    async def _watch(
        self, key: tuple[object, ...], visit: Visit, route: Route, cookies: Mapping[str, str]
    ) -> AsyncGenerator[bytes, None]:
        show = self._shows.setdefault(key, _Show(route))
        self._count += 1
        number, seen = self._count, 0
        show.watchers[number] = visit, cookies
        if show.task is None:
            show.task = asyncio.get_running_loop().create_task(self._run(show))
        try:
            yield b": tidegate\n\n"
            while not show.task.done() and await self._again(visit, cookies) is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_S), show.changed:
                        await show.changed.wait_for(partial(show.beyond, seen))
                if show.changes == seen:
                    yield b": still here\n\n"
                    continue
                missed, seen = show.changes - seen > 1, show.changes
                yield show.whole if missed else show.event
        finally:
            del show.watchers[number]
            if not show.watchers:
                self._shows.pop(key, None)
                show.task.cancel()

    async def _run(self, show: _Show) -> None:
        while show.watchers:
            begun = monotonic()
            visit = await self._anybody(show)
            if visit is None:
                break
            try:
                page = await show.route.run(visit)
            except (WireError, StoreError, NotFoundError) as error:
                changed = {"trouble": f"This page stands still: {error}"}
            else:
                changed = {"trouble": "", **_parts(page)} if isinstance(page, Page) else {}
            changed = {name: text for name, text in changed.items() if show.parts.get(name) != text}
            if changed:
                show.parts |= changed
                show.event = _event(changed)
                show.changes += 1
                async with show.changed:
                    show.changed.notify_all()
            await asyncio.sleep(max(EVERY_S, _SHARE * (monotonic() - begun)))

    async def _anybody(self, show: _Show) -> Visit | None:
        """In whose name the page is made: of whoever is still signed in."""
        for visit, cookies in list(show.watchers.values()):
            found = await self._again(visit, cookies)
            if found is not None:
                return found
        return None


def _parts(page: Page) -> dict[str, str]:
    return {name: render.part(page.template, name, page.values) for name in page.live}


def _event(parts: Mapping[str, str]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(parts)
