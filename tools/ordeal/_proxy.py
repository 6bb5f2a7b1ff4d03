"""A TCP proxy before a PostgreSQL that can fall silent: it goes on taking what is sent, and passes nothing on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class _Link:
    """One connection through the proxy."""

    def __init__(self, near: socket.socket, far: socket.socket, *, silent: bool) -> None:
        self.near, self.far = near, far
        self.silent = silent
        self.deaf = False
        """Passes on what the client says, and swallows the answers."""


class Proxy:
    """Listens on loopback. Each pump of each connection is a thread."""

    def __init__(self, url: str) -> None:
        """``url`` is the server's; ``self.url`` the same through the proxy."""
        options = conninfo_to_dict(url)
        self._host, self._port = str(options.get("host") or "127.0.0.1"), int(options.get("port") or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        through = make_conninfo("", **{**options, "host": "127.0.0.1", "port": port, "sslmode": "disable"})
        self.conninfo = through
        user, name = options.get("user") or "postgres", options.get("dbname") or "postgres"
        password = f":{options['password']}" if options.get("password") else ""
        self.url = f"postgresql://{user}{password}@127.0.0.1:{port}/{name}?sslmode=disable"
        self.swallow_new = False
        self.swallow_answers_to: bytes | None = None
        """The answer to whatever contains this never arrives; the connection is cut a moment later."""
        self._links: list[_Link] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow_established(self) -> None:
        """Pass nothing on any more on what is connected now, in neither direction."""
        for link in self._links:
            link.silent = True

    def fall_silent(self) -> None:
        """The same, and for whoever comes."""
        self.swallow_new = True
        self.swallow_established()

    def heal(self) -> None:
        """Serve those who connect from now on; what was swallowed stays so."""
        self.swallow_new = False
        self.swallow_answers_to = None

    def close(self) -> None:
        """End every connection."""
        self._listener.close()
        for link in self._links:
            _end(link)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(near, self._reach(), silent=self.swallow_new)
            self._links.append(link)
            threading.Thread(target=self._say, args=(link,), daemon=True).start()
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _reach(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return far

    def _say(self, link: _Link) -> None:
        for data in _received(link.near):
            mark = self.swallow_answers_to
            link.deaf = link.deaf or (mark is not None and mark in data)
            if not link.silent:
                with contextlib.suppress(OSError):
                    link.far.sendall(data)
        _end(link)

    def _answer(self, link: _Link) -> None:
        for data in _received(link.far):
            if link.deaf:
                break
            if not link.silent:
                with contextlib.suppress(OSError):
                    link.near.sendall(data)
        _end(link)


def _received(source: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            yield data


def _end(link: _Link) -> None:
    for each in (link.near, link.far):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
