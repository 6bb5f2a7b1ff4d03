"""The dearest request of each operation: how long a single turn of the event loop may take for a stranger's choosing.

Requests are built from the service models, one for each member and each kind of filling: as long, as many and as deep
as the server takes, the rest of the request as it should be. What counts is the processor time of the longest turn of
the server's loop, whether the request is accepted or refused. A few that a model does not show are written by hand.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from bench.measure import Aim, Figure
from tidegate.ops.table import HANDLERS
from tidegate.server import Address, Options, assembly

LONGEST_MS = 50.0
PAGE = Path("docs/dearest.md")
_HEAD_OF_ROWS = "| plane | operation | dearest member and filling | ms |\n|---|---|---|---|\n"
_BODY = 900_000
"""Bytes of the longest filling; a body may have 1 MiB."""
_HEAD = 40_000
"""The same for what stands in the URL or in a header."""
_FILLINGS = {
    "plain": "a",
    "wide": "\u2003",
    "digits": "9",
    "brackets": "[",
    "objects": '{"a":',
    "placeholders": "${",
    "wildcards": "?*",
    "escaped": '\\"',
}
ACCOUNT = "000000000000"
_HEADS = {"arn": f"arn:aws:iot:us-east-1:{ACCOUNT}:", "document": "{}"}


class Meter:
    """The longest turn of a loop since it was last read."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None
        """The server's."""

    def read(self) -> float:
        """Milliseconds; once the turn is over in which the answer was written, which a client has before."""
        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop).result()
        found, self.longest = self.longest, 0.0
        return found * 1000


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure every callback that any of asyncio's own loops runs."""
    meter, run = Meter(), asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        started = time.thread_time()
        run(handle)
        meter.longest = max(meter.longest, time.thread_time() - started)

    asyncio.Handle._run = measured  # type: ignore[method-assign]
    try:
        yield meter
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]


@contextmanager
def serving(folder: Path, meter: Meter) -> Iterator[assembly.Running]:
    """A whole server on a loop of its own thread."""
    anywhere = Address("127.0.0.1", 0)
    options = Options(data=folder, http=anywhere, https=anywhere, mqtts=anywhere, objects_listen=anywhere)
    started: list[assembly.Running] = []
    ready, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with assembly.running(options._replace(objects_apart=False, grace_s=0.5)) as running:
            started.append(running)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not ready.wait(60):
            raise TimeoutError("the server did not start")
        meter.loop = loop
        yield started[0]
    finally:
        meter.loop = None
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


class _Requests:
    """Requests of one operation."""

    def __init__(self, shape: StructureShape) -> None:
        self._shape = shape

    def plain(self) -> dict[str, Any]:
        return {name: self._least(self._shape.members[name], name) for name in self._shape.required_members}

    def nasty(self, fillings: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each with a name."""
        yield "plain", self.plain()
        for name, member in self._shape.members.items():
            room = _HEAD if member.serialization.get("location") else _BODY
            for kind, text in fillings.items():
                yield f"{name}, {kind}", {**self.plain(), name: self._full(member, name, text, room, 4)}

    def _least(self, shape: Shape, name: str) -> Any:
        if isinstance(shape, StructureShape):
            return {each: self._least(shape.members[each], each) for each in shape.required_members}
        if isinstance(shape, ListShape):
            return [self._least(shape.member, name)]
        if isinstance(shape, MapShape):
            return {"a": self._least(shape.value, name)}
        if shape.type_name == "string":
            return shape.enum[0] if shape.enum else _known(name)
        return {"boolean": True, "blob": b"{}", "timestamp": 1_800_000_000}.get(shape.type_name, 1)

    def _full(self, shape: Shape, name: str, text: str, room: int, depth: int) -> Any:
        if depth == 0:
            return self._least(shape, name)
        if isinstance(shape, StructureShape):
            share = room // max(len(shape.members), 1)
            return {each: self._full(member, each, text, share, depth - 1) for each, member in shape.members.items()}
        if isinstance(shape, ListShape):
            one = self._full(shape.member, name, text, 40, depth - 1)
            size = max(len(json.dumps(one, default=str)), 4)
            most = int(shape.metadata.get("max", 1 << 30))
            if most < 1 << 30:
                return [self._full(shape.member, name, text, room // most, depth - 1) for _ in range(most)]
            return [one] * (room // size)
        if isinstance(shape, MapShape):
            value = self._full(shape.value, name, text, 40, depth - 1)
            count = min(int(shape.metadata.get("max", 1 << 30)), room // (len(json.dumps(value, default=str)) + 12))
            return {f"{text[:1]}{number}": value for number in range(max(count, 1))}
        if shape.type_name == "string":
            if shape.enum:
                return shape.enum[-1]
            most = min(int(shape.metadata.get("max", 1 << 30)), room // len(text.encode()))
            return (text * most)[:most]
        if shape.type_name == "blob":
            return (text * (room // len(text.encode()))).encode()
        return {"boolean": True, "timestamp": 1_800_000_000}.get(shape.type_name, 2**31 - 1)


def _known(name: str) -> str:
    folded = name.lower()
    return next((text for key, text in _HEADS.items() if key in folded), "known")


class Found(NamedTuple):
    """The dearest request of an operation."""

    plane: str
    name: str
    ms: float
    request: str


def clients(address: str) -> dict[str, Any]:
    """A client for each plane, which sends whatever it is given."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=300)
    return {
        plane: boto3.session.Session(ACCOUNT, "any", region_name="us-east-1").client(
            plane, endpoint_url=address, config=config
        )
        for plane in ("iot", "iot-data", "iot-jobs-data")
    }


def search(
    running: assembly.Running, meter: Meter, wanted: Iterable[tuple[str, str]], *, quick: bool = False
) -> Iterator[Found]:
    """The dearest request of each operation, by plane and name."""
    by_plane = clients(running.addresses.http)
    fillings = dict(list(_FILLINGS.items())[:2]) if quick else _FILLINGS
    for plane, name in wanted:
        client = by_plane[plane]
        method = client.meta.method_to_api_mapping
        call = getattr(client, next(python for python, aws in method.items() if aws == name))
        shape = client.meta.service_model.operation_model(name).input_shape
        dearest = Found(plane, name, 0.0, "")
        for which, members in [("plain", {})] if shape is None else _Requests(shape).nasty(fillings):
            ms = _cost(meter, call, members)
            if ms > dearest.ms:  # once more: what is made at first use is not the request's
                ms = min(ms, _cost(meter, call, members))
            if ms > dearest.ms:
                dearest = Found(plane, name, ms, which)
        yield dearest


def _cost(meter: Meter, call: Callable[..., Any], members: dict[str, Any]) -> float:
    meter.read()
    try:
        call(**members)
    except ClientError:
        pass
    except (BotoCoreError, ValueError):  # what the client itself cannot send is no request
        return 0.0
    return meter.read()


def run(*, quick: bool) -> list[Figure]:
    """One figure for all operations, the dearest of them by name; what was measured goes to ``PAGE``, unless quick."""
    found = measured(list(HANDLERS)[:: 20 if quick else 1], quick=quick)
    found.sort(key=lambda each: -each.ms)
    return [
        Figure(
            "Longest turn of the loop for one request, over all operations",
            "ms of CPU",
            (found[0].ms,),
            "",
            (),
            Aim(LONGEST_MS, at_least=False),
            tuple(f"{each.name} ({each.request}): {each.ms:.1f} ms" for each in found),
        )
    ]


def measured(wanted: list[tuple[str, str]], *, quick: bool = False) -> list[Found]:
    """Measure some operations, each of which is kept at once unless it is done quickly."""
    every = []
    with tempfile.TemporaryDirectory() as folder, metered() as meter, serving(Path(folder), meter) as running:
        for found in search(running, meter, wanted, quick=quick):
            every.append(found)
            if not quick:
                keep(found)
    return every


def kept(page: Path = PAGE) -> dict[tuple[str, str], Found]:
    """What was measured of each operation, by plane and name."""
    rows = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| iot")]
    return {(plane, name): Found(plane, name, float(ms), request) for plane, name, request, ms in rows}


def keep(found: Found, page: Path = PAGE) -> None:
    """Write one operation's row, the dearest first; what is no operation any more goes."""
    rows = {**kept(page), (found.plane, found.name): found}
    head = page.read_text().partition(_HEAD_OF_ROWS)[0]
    lines = [
        f"| {each.plane} | {each.name} | {each.request} | {each.ms:.1f} |\n"
        for key, each in sorted(rows.items(), key=lambda row: -row[1].ms)
        if key in HANDLERS
    ]
    page.write_text("".join([head, _HEAD_OF_ROWS, *lines]))


if __name__ == "__main__":
    measured([key for key in HANDLERS if key[1] in sys.argv[1:]])
