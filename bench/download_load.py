"""The load process of the object benchmark: connections that download one thing again and again, and keep nothing."""

from __future__ import annotations

import os
import re
import socket
import threading
import time

from bench import processes

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_STEP = 1 << 20


class _Load:
    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._bytes = 0

    def run(self, port: int, path: str, connections: int, times: int) -> float:
        """Download so many times on each connection; bytes a second."""
        total: list[int] = []
        threads = [
            threading.Thread(target=lambda: total.append(_download(port, path, times))) for _ in range(connections)
        ]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(total) == connections, "a download failed"
        return sum(total) / (time.perf_counter() - begin)

    def begin(self, port: int, path: str, connections: int) -> None:
        """Download until told to stop, without taking time from others on this core."""
        os.nice(19)
        self._stop.clear()
        self._bytes = 0

        def again() -> None:
            while not self._stop.is_set():
                self._bytes += _download(port, path, 1)

        self._threads = [threading.Thread(target=again) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def end(self) -> int:
        """Stop; bytes downloaded."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self._bytes


def _download(port: int, path: str, times: int) -> int:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    buffer = bytearray(_STEP)
    total = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(times):
            connection.sendall(request)
            total += _answer(connection, buffer)
    return total


def _answer(connection: socket.socket, buffer: bytearray) -> int:
    text = b""
    while (end := text.find(b"\r\n\r\n")) < 0:
        text += connection.recv(4096)
    assert text.startswith(b"HTTP/1.1 200"), text
    found = _LENGTH.search(text)
    assert found is not None
    length = int(found[1])
    left = length - (len(text) - end - 4)
    while left:
        count = connection.recv_into(buffer)
        assert count, "the server closed a connection"
        left -= count
    return length


def _main() -> None:
    processes.options()
    load = _Load()
    processes.say("ready")
    processes.obey_plainly({"run": load.run, "begin": load.begin, "end": load.end})


if __name__ == "__main__":
    _main()
