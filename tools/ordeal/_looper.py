"""``python -m tools.ordeal._looper PORT CA KEY NAME SECONDS``: publish without a pause; print bytes a second."""

from __future__ import annotations

import socket
import ssl
import sys
import time

from tidegate.mqtt import codec

_BURST = 256 * 1024


def main() -> None:
    """Do what the arguments say."""
    port, authority, certificate, name, seconds = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate)
    packet = codec.encode(codec.Publish(topic="loop", payload=bytes(200)), codec.V311)
    burst = packet * (_BURST // len(packet))
    with (
        socket.create_connection(("127.0.0.1", int(port)), 30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(codec.encode(codec.Connect(codec.V311, name, keep_alive=600), codec.V311))
        tls.recv(4)
        began, sent = time.monotonic(), 0
        while time.monotonic() - began < float(seconds):
            tls.sendall(burst)
            sent += len(burst)
        print(int(sent / (time.monotonic() - began)))


if __name__ == "__main__":
    main()
