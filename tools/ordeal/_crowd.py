"""``python -m tools.ordeal._crowd ARGUMENTS``: many clients of one account that work without a pause; prints how much.

The arguments are JSON: ports, where the authority and the certificate are, a key, how many, how long.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from typing import Any, NamedTuple

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tidegate.mqtt import codec

_BURST = 64 * 1024


class Crowd(NamedTuple):
    """What the arguments say. ``mqtt`` and ``http`` are numbers of clients."""

    http_port: int
    mqtts_port: int
    ca: str
    pem: str
    key_id: str
    secret: str
    seconds: float
    http: int
    mqtt: int


def signed(crowd: Crowd, method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire; good for five minutes."""
    url = f"http://127.0.0.1:{crowd.http_port}{path}"
    request = AWSRequest(method, url, data=body, headers={"Host": f"127.0.0.1:{crowd.http_port}"})
    SigV4Auth(Credentials(crowd.key_id, crowd.secret), "iot", "us-east-1").add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _asks(crowd: Crowd, number: int, ended: asyncio.Event) -> int:
    """One who lists things or writes one again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", crowd.http_port)
    creates = signed(crowd, "POST", f"/things/crowd-{number}", b"{}")
    writes = signed(crowd, "PATCH", f"/things/crowd-{number}", b'{"attributePayload":{"attributes":{"a":"b"}}}')
    writer.write(creates)
    count = int(await answer(reader) == 200)
    request = writes if number % 2 else signed(crowd, "GET", "/things")
    while not ended.is_set():
        writer.write(request)
        count += await answer(reader) == 200
    writer.close()
    return count


async def _publishes(crowd: Crowd, number: int, ended: asyncio.Event) -> int:
    """One who publishes as fast as it is taken in."""
    context = ssl.create_default_context(cafile=crowd.ca)
    context.load_cert_chain(crowd.pem)
    _, writer = await asyncio.open_connection("127.0.0.1", crowd.mqtts_port, ssl=context, server_hostname="localhost")
    writer.write(codec.encode(codec.Connect(codec.V311, f"crowd-{os.getpid()}-{number}", keep_alive=600), codec.V311))
    packet = codec.encode(codec.Publish(topic="crowd", payload=bytes(200)), codec.V311)
    burst, count = packet * (_BURST // len(packet)), 0
    while not ended.is_set():
        writer.write(burst)
        await writer.drain()
        count += _BURST // len(packet)
    writer.transport.abort()
    return count


async def _work(crowd: Crowd) -> tuple[int, int]:
    ended = asyncio.Event()
    asked = [asyncio.ensure_future(_asks(crowd, number, ended)) for number in range(crowd.http)]
    published = [asyncio.ensure_future(_publishes(crowd, number, ended)) for number in range(crowd.mqtt)]
    await asyncio.sleep(crowd.seconds)
    ended.set()
    done: list[Any] = await asyncio.wait_for(asyncio.gather(*asked, *published, return_exceptions=True), 60)
    failed = [each for each in done if not isinstance(each, int)]
    if failed:
        raise failed[0]
    return sum(done[: crowd.http]), sum(done[crowd.http :])


if __name__ == "__main__":
    requests, publishes = uvloop.run(_work(Crowd(**json.loads(sys.argv[1]))))
    print(json.dumps([requests, publishes]))
