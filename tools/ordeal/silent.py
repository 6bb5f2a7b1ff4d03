"""Two thousand silent sockets of one address on each listener in turn, while a fleet of that address gets in."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from functools import partial

from tools.ordeal import Row
from tools.ordeal._fleet import PATIENCE, Device, Server, Watched, device, health, server

_SOCKETS = 2000
_DEVICES = 20
_IN_S, _HEALTH_S, _WORK_S = 5.0, 2.0, 2.0
_LISTENERS = ("http", "https", "mqtts", "shared", "objects")
_FILES = {0: "", 1024: ", 1,024 files"}
_WORDS = {"silent": b"", "half a ClientHello": b"\x16\x03\x01\x02\x00\x01"}


def run() -> list[Row]:
    """Each listener, what is said on it, and how many files the server may open."""
    rows = []
    for files, note in _FILES.items():
        with server(files=files) as running:
            context = device(running)
            for listener in _LISTENERS:
                for words, said in _WORDS.items():
                    rows += _flood(running, context, listener, f"{_SOCKETS:,} {words} on {listener}{note}", said)
    return rows


def _flood(running: Server, context: ssl.SSLContext, listener: str, scenario: str, said: bytes) -> list[Row]:
    with contextlib.ExitStack() as stack, Watched(partial(health, running)) as page:
        for _ in range(_SOCKETS):
            plug = socket.create_connection(("127.0.0.1", running.port(listener)), PATIENCE)
            stack.callback(plug.close)
            if said:
                with contextlib.suppress(ConnectionError):
                    plug.sendall(said)
        began = time.monotonic()
        fleet, last = [], 0.0
        for number in range(_DEVICES):
            try:
                port = running.port("mqtts" if number % 2 else "shared")
                fleet.append(Device(port, context, f"device-{number}"))
            except OSError:
                continue
            last = time.monotonic() - began
        worst = PATIENCE
        with contextlib.suppress(OSError):
            worst = max((_timed(each) for each in fleet), default=PATIENCE)
        for each in fleet:
            each.close()
    slowest = max(page.seconds)
    whole = len(fleet) == _DEVICES
    return [
        Row(scenario, f"{len(fleet)} of {_DEVICES} devices are in", _IN_S, last, whole and last <= _IN_S),
        Row(scenario, "a device publishes", _WORK_S, worst, worst <= _WORK_S),
        Row(scenario, "the health page answers", _HEALTH_S, slowest, slowest <= _HEALTH_S and not page.failures),
    ]


def _timed(each: Device) -> float:
    began = time.monotonic()
    each.work()
    return time.monotonic() - began
