"""The data directory: whose it is, and what a server or a command opens in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tidegate.clock import Ids, wall_now
from tidegate.faults import ToldError
from tidegate.pki import authority, certificates, vault
from tidegate.pki.authority import Authority
from tidegate.pki.keys_ahead import Keys
from tidegate.pki.vault import Vault
from tidegate.runtime import unit
from tidegate.runtime.trust import Credentials
from tidegate.server.options import Options
from tidegate.store.database import Database, StoreError
from tidegate.store.sqlite import PATIENCE_SECONDS, SqliteDatabase

SERVED = ("server.pem", "server.key", "server-rsa.pem", "server-rsa.key")


class InUseError(ToldError):
    """Another server works on the data directory."""


RESTORING = "restoring"
"""Below the data directory while a backup is brought back into it."""


@contextmanager
def alone(data: Path, *, restoring: bool = False) -> Iterator[None]:
    """Hold the data directory: two servers on one SQLite file would each be right alone and wrong together.

    Raises:
        InUseError: somebody holds it, or a backup was brought back into it by half.
    """
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"another server is running on {data}") from None
        if not restoring and (data / RESTORING).exists():
            raise InUseError(f"a backup was not brought back into {data} to the end: give `tidegate restore` again")
        yield
    finally:
        os.close(descriptor)


def node(data: Path, ids: Ids) -> int:
    """This server's number among those on a shared store: its MQTT sessions are kept under it."""
    path = data / "node"
    if not path.exists():
        path.write_text(f"{int(ids.uuid().replace('-', '')[:15], 16)}\n")
    try:
        return int(path.read_text())
    except ValueError:
        raise StoreError(
            f"{path} is damaged: it holds no number. Remove it and start again; devices then begin new sessions"
        ) from None


def open_vault(data: Path, master_key: Path | None, ids: Ids) -> Vault:
    """The vault of a server or command: of the key that was named, or of the data directory's own.

    Raises:
        VaultError: the key cannot be used.
    """
    return vault.load_or_create(data, ids) if master_key is None else vault.load(master_key, ids)


def open_store(data: Path, store: str, now: int, *, serving: bool = False) -> Database:
    """Open the store that ``store`` names: ``sqlite`` in the data directory, or a PostgreSQL URL. Blocks.

    ``serving``: it will be used through a ``Unit``, which tries again by itself what meets a lock.

    Raises:
        StoreError: it cannot be opened.
    """
    if store == "sqlite":
        return SqliteDatabase(data / "tidegate.db", now=now, patience_seconds=0 if serving else PATIENCE_SECONDS)
    try:
        from tidegate.store.postgres import LOCK_WAIT_MS, PostgresDatabase  # the driver is an extra
    except ImportError:
        raise StoreError("a PostgreSQL store needs its driver: pip install 'tidegate[postgres]'") from None
    return PostgresDatabase(store, now=now, lock_wait_ms=unit.LOCK_WAIT_MS if serving else LOCK_WAIT_MS)


class Issuer:
    """Our authority as the operations ask for it, and as listeners do."""

    def __init__(self, options: Options, ids: Ids) -> None:
        self._options = options
        self._ids = ids
        self._signer = self._load()
        self._keys = Keys(options.keys_ahead)

    def _load(self) -> Authority:
        return authority.load_or_create(self._options.data, now=wall_now(), ids=self._ids, rsa_too=True)

    def own(self) -> Credentials:
        """Read the files again; they may have changed. Blocks."""
        self._signer = signer = self._load()
        chains = signer.server_files(self._options.data, self._options.names, now=wall_now(), ids=self._ids)
        return Credentials(signer.trusted, chains)

    def new_keys(self) -> certificates.KeyPair:
        return self._keys.take()

    def issue(self, public_key_pem: str, *, lasts_ms: int | None = None) -> str:
        key, now = certificates.accepted_key(load_pem_public_key(public_key_pem.encode())), wall_now()
        end = None if lasts_ms is None else now + lasts_ms
        return self._signer.issue_device(key, now=now, ids=self._ids, end=end).pem

    def issue_for_request(self, csr_pem: str) -> str:
        return self._signer.issue_for_request(csr_pem, now=wall_now(), ids=self._ids).pem
