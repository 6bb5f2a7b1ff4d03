"""The baseline of request and response over MQTT: a stateless responder behind mosquitto with one answer for all."""

from __future__ import annotations

import asyncio
from functools import partial

import uvloop

from bench import mqtt_client, processes

_ANSWER = b'{"clientToken":"bench","timestamp":1767225600,"inProgressJobs":[],"queuedJobs":[]}'


class _Responder(mqtt_client.Client):
    def message(self, topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/get"):
            self.write(mqtt_client.publish(topic + b"/accepted", _ANSWER))


def _same(responder: _Responder) -> _Responder:
    return responder


async def _main() -> None:
    given = processes.options()
    loop = asyncio.get_running_loop()
    responder = _Responder("responder", b"things/+/jobs/get")
    await loop.create_connection(partial(_same, responder), "127.0.0.1", given["port"])
    await responder.ready
    processes.say("ready")
    await processes.obey({})


if __name__ == "__main__":
    uvloop.run(_main())
