"""The baseline of the object benchmark: a plain file server. A thread a connection, ``sendfile``, no questions."""

from __future__ import annotations

import os
import re
import socket
import threading

from bench import processes


def _serve(connection: socket.socket, path: str) -> None:
    size = os.path.getsize(path)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
    with connection, open(path, "rb") as file:
        while text := _request(connection):
            wanted = _RANGE.search(text)
            if wanted is None:
                connection.sendall(head)
                connection.sendfile(file)
                file.seek(0)
                continue
            first, last = int(wanted[1]), int(wanted[2])
            connection.sendall(b"HTTP/1.1 206 Partial Content\r\ncontent-length: %d\r\n\r\n" % (last + 1 - first))
            connection.sendfile(file, first, last + 1 - first)


_RANGE = re.compile(rb"\r\nrange: *bytes=([0-9]+)-([0-9]+)", re.IGNORECASE)


def _request(connection: socket.socket) -> bytes:
    """A request; nothing if there is no more."""
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        data = connection.recv(65_536)
        if not data:
            return b""
        text += data
    return text


def _accept(listening: socket.socket, path: str) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_serve, args=(connection, path), daemon=True).start()


def _main() -> None:
    path = processes.options()["path"]
    os.nice(10)  # as the endpoint is: on a machine that is shared it would win by rank alone
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=_accept, args=(listening, path), daemon=True).start()
    processes.say({"port": listening.getsockname()[1]})
    processes.obey_plainly({})


if __name__ == "__main__":
    _main()
