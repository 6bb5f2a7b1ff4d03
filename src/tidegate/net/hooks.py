"""Asks an operator's own HTTP service for a decision: one POST, one answer, or a reason why there is none.

What AWS does with Lambda functions, for servers that have none. The URLs are the operator's, given when the server
starts; a host that is not loopback must be listed besides, and what is judged is the address that is connected to, so
that no name leads elsewhere. One attempt, no redirects, a bounded answer and a bounded time. Whoever asks takes every
``HookFaultError`` for a no.

A client of our own over ``httptools``, because what matters here is what others leave open: which address is connected
to, and that the bound is on the whole, not on each read.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

import httptools

SIGNATURE: Final = "X-Tidegate-Signature"
"""``sha256=`` and the hex HMAC-SHA256 of the body under the hook's secret."""
LARGEST_ANSWER: Final = 128 * 1024
"""Bytes, headers included."""
AT_ONCE: Final = 64
"""Questions that a hook is asked at the same time; further ones wait, no longer than they may take. Each hook has
places of its own: one that is slow, or asked by strangers without a pause, keeps nobody from another.
"""
_OPTIONS: Final = frozenset({"secret", "ca"})


class HookFaultError(Exception):
    """A hook gave no answer; the message says why, for the log."""


class Hook(NamedTuple):
    """Where a hook answers.

    ``secret`` signs the body if it is not empty; ``ca`` is a PEM file of the authorities that vouch for it, by default
    the system's.
    """

    url: str
    secret: bytes = b""
    ca: str = ""

    @property
    def is_service(self) -> bool:
        """Whether it can be asked anything; a list (``allow_list``) can only say which devices are on it."""
        return self.url.startswith(("http://", "https://"))


def parse(text: str) -> tuple[str, Hook]:
    """``ARN=URL``, and behind ``#`` what goes with it: ``…#secret=FILE&ca=FILE``. Reads the files.

    ``ARN=list:FILE`` is no service but a list (``allow_list``).

    Raises:
        ValueError: it is not that, with what is wrong.
        OSError: a file cannot be read.
    """
    arn, equals, address = text.partition("=")
    parts = urlsplit(address)
    if equals and arn.startswith("arn:") and parts.scheme == "list" and parts.path and not parts.netloc:
        Path(parts.path).open("rb").close()
        return arn, Hook(address)
    if not equals or not arn.startswith("arn:") or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is not ARN=http(s)://HOST[:PORT]/PATH")
    if parts.username or parts.password:
        raise ValueError(f"the URL of {arn} names a user: hooks are told by a signature, #secret=FILE")
    options = dict(parse_qsl(parts.fragment, keep_blank_values=True))
    if options.keys() - _OPTIONS:
        raise ValueError(
            f"{arn}: behind # there is secret=FILE and ca=FILE, not {', '.join(options.keys() - _OPTIONS)}"
        )
    if not 0 < _port(parts) < 65_536:
        raise ValueError(f"the URL of {arn} has no port that exists")
    secret = Path(options["secret"]).read_bytes().strip() if "secret" in options else b""
    if "secret" in options and not secret:
        raise ValueError(f"{options['secret']}, the secret of {arn}, is empty")
    ca = options.get("ca", "")
    if ca:
        ssl.create_default_context(cafile=ca)
    return arn, Hook(parts._replace(fragment="").geturl(), secret, ca)


def sign(secret: bytes, body: bytes) -> str:
    """The value of ``X-Tidegate-Signature``."""
    return f"sha256={hmac.digest(secret, body, 'sha256').hex()}"


class Hooks:
    """Calls hooks. Lives on one event loop."""

    def __init__(self, hosts: Collection[str] = (), *, at_once: int = AT_ONCE) -> None:
        """``hosts`` are the names, as URLs write them, that may lead to addresses beyond loopback."""
        self._hosts = frozenset(host.lower() for host in hosts)
        self._at_once = at_once
        self._places: dict[str, asyncio.Semaphore] = {}  # by URL, of which the operator has given a few
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def call(self, hook: Hook, body: bytes, *, timeout_s: float) -> bytes:
        """The body of the hook's 200 to a POST of JSON, within ``timeout_s`` in all once it is its turn.

        Raises:
            HookFaultError: there is none, whatever the reason.
        """
        places = self._places.setdefault(hook.url, asyncio.Semaphore(self._at_once))
        try:
            async with asyncio.timeout(timeout_s):
                await places.acquire()
        except TimeoutError:
            raise HookFaultError(f"it is asked too much already, and no answer came within {timeout_s:g} s") from None
        try:
            async with asyncio.timeout(timeout_s):
                return await self._call(hook, body)
        except TimeoutError:
            raise HookFaultError(f"no answer within {timeout_s:g} s") from None
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors; a name that is none is a ValueError
            raise HookFaultError(f"it cannot be reached: {error}") from None
        finally:
            places.release()

    async def _call(self, hook: Hook, body: bytes) -> bytes:
        parts = urlsplit(hook.url)
        host = parts.hostname or ""
        address = await self._address(host, _port(parts))
        secure = parts.scheme == "https"
        reader, writer = await asyncio.open_connection(
            address,
            _port(parts),
            ssl=self._context(hook.ca) if secure else None,
            server_hostname=host if secure else None,
        )
        try:
            writer.write(_request(parts, hook.secret, body))
            return await _answer(reader)
        finally:
            writer.transport.abort()  # nothing more is said, and nobody waits for a far end that does not close

    async def _address(self, host: str, port: int) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [each for each in addresses if host in self._hosts or ipaddress.ip_address(each).is_loopback]
        if not allowed:
            raise HookFaultError(f"{host} is not on this machine: allow it with --hook-host {host}")
        return allowed[0]

    def _context(self, ca: str) -> ssl.SSLContext:
        if ca not in self._contexts:
            self._contexts[ca] = ssl.create_default_context(cafile=ca or None)
        return self._contexts[ca]


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80


def _request(parts: SplitResult, secret: bytes, body: bytes) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: tidegate",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"{SIGNATURE}: {sign(secret, body)}"] if secret else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class _Answer:
    """What httptools tells of an answer; the names are its own."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.whole = False
        self.framed = False
        """Whether it says itself where it ends; else the connection does."""

    def on_header(self, name: bytes, _value: bytes) -> None:
        self.framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of a 200. Raises ``HookFaultError`` for anything else."""
    found, read = _Answer(), 0
    parser = httptools.HttpResponseParser(found)
    while not found.whole:
        data = await reader.read(16 * 1024)
        read += len(data)
        if read > LARGEST_ANSWER:
            raise HookFaultError(f"its answer has more than {LARGEST_ANSWER} bytes")
        if not data:
            if found.framed or not read:
                raise HookFaultError("it closed the connection before its answer was whole")
            break
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            raise HookFaultError("its answer is not HTTP") from None
    status = parser.get_status_code()
    if status != 200:
        raise HookFaultError(f"it answered with status {status}, not 200")
    return bytes(found.body)
