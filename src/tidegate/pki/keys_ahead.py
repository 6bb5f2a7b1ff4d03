"""RSA keys made ahead of time, so that many devices can ask for one at once.

A key takes some tenths of a second of a core. A thread of the lowest priority makes them while there is nothing else to
do; who finds none ready makes one. The thread does only what lets go of the interpreter: on a busy machine it may wait
for seconds at any place, and would keep everybody waiting if it held it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tidegate.pki.certificates import KeyPair, bare_rsa, key_pair

_IDLE: Final = 19
"""How nice the thread is (``nice(1)``), where the system has threads with a priority of their own."""


class Keys:
    """At most ``most`` keys that nobody has yet, in memory only. May be used from any thread.

    Nothing is made before the first is asked for: most servers never are.
    """

    def __init__(self, most: int, make: Callable[[], RSAPrivateKey] = bare_rsa) -> None:
        self._most = most
        self._make = make
        self._ready: deque[RSAPrivateKey] = deque()
        self._lock = threading.Lock()
        self._making = False

    def take(self) -> KeyPair:
        """A key that nobody else gets."""
        try:
            key = self._ready.popleft()
        except IndexError:
            key = self._make()
        self._refill()
        return key_pair(key)

    def _refill(self) -> None:
        with self._lock:
            if self._making or len(self._ready) >= self._most:
                return
            self._making = True
        threading.Thread(target=self._run, name="tidegate-keys", daemon=True).start()

    def _run(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _IDLE)
        while True:
            with self._lock:
                if len(self._ready) >= self._most:
                    self._making = False
                    return
            self._ready.append(self._make())
