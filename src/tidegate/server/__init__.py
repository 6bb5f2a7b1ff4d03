"""A whole server, assembled: store, service, engine, listeners. The command, the demo and the tests all start it here.

async with assembly.running(Options(data=Path("tidegate-data"))) as running:
    print(running.addresses.http)

``assembly`` is not imported here: commands that only open a store have no use for listeners and planes.
"""

from __future__ import annotations

from tidegate.server.addresses import Addresses
from tidegate.server.directory import InUseError, open_store, open_vault
from tidegate.server.options import CONSOLE, HTTP, HTTPS, LISTENERS, MQTTS, OBJECTS, Address, Options

__all__ = [
    "CONSOLE",
    "HTTP",
    "HTTPS",
    "LISTENERS",
    "MQTTS",
    "OBJECTS",
    "Address",
    "Addresses",
    "InUseError",
    "Options",
    "open_store",
    "open_vault",
]
