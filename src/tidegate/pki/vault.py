"""Secrets of access keys at rest: sealed with AES-256-GCM under one master key.

The key is a file of 32 bytes in base64, ``master.key`` in the data directory unless another is named. Servers that
share a store must share it. While the key is changed the file holds a second one. A sealed text is
``v1:<fingerprint of the master key>:<nonce and ciphertext>``; the name a secret is kept under is authenticated with it,
so that secrets cannot change places.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate import files
from tidegate.clock import Ids
from tidegate.faults import ToldError

log = logging.getLogger("tidegate.access")

FILE: Final = "master.key"
_FORMAT: Final = "v1"
_BYTES: Final = 32
_NONCE: Final = 12
_TOKEN: Final = 64
"""Characters of six random bits that a key or a nonce is drawn from."""


class VaultError(ToldError):
    """A master key that cannot be used, or a text it does not open; the message says what to do."""


class Ring(NamedTuple):
    """The keys of a file. The ``first`` seals; each of them opens."""

    first: bytes
    next: bytes | None = None
    """Will be the first: other servers must know it before."""
    previous: bytes | None = None

    @property
    def keys(self) -> list[bytes]:
        """All of them."""
        return [key for key in self if key is not None]


class Vault:
    """Seals and opens secrets. With a ``path`` it reads the file again when a text wants a key that it has not."""

    def __init__(self, key: bytes, ids: Ids, path: Path | None = None) -> None:
        self._ids = ids
        self._path = path
        self._hold(Ring(key))

    def _hold(self, ring: Ring) -> None:
        self._ciphers = {_fingerprint(key): AESGCM(key) for key in ring.keys}
        self._proofs = {_fingerprint(key): hmac.digest(key, b"tidegate audit log", "sha256") for key in ring.keys}
        self.fingerprint = _fingerprint(ring.first)
        """Tells one master key from another and says nothing about it."""

    def refresh(self) -> None:
        """Read the file again. Raises ``VaultError``."""
        if self._path is not None:
            self._hold(read(self._path))

    def knows(self, text: str) -> bool:
        """Whether a sealed text was sealed with one of our keys."""
        return self._cipher(text.split(":")[1]) is not None

    def current(self, text: str) -> bool:
        """Whether a sealed text was sealed with the key that seals now."""
        return text.split(":")[1] == self.fingerprint

    def _cipher(self, fingerprint: str) -> AESGCM | None:
        if fingerprint not in self._ciphers:
            try:
                self.refresh()
            except VaultError as error:
                log.error("the master key cannot be read again: %s", error)
        return self._ciphers.get(fingerprint)

    def seal(self, name: str, secret: str) -> str:
        """A secret as it may lie in a store, kept under ``name``."""
        nonce = hashlib.sha256(self._ids.token(_TOKEN).encode()).digest()[:_NONCE]
        sealed = nonce + self._ciphers[self.fingerprint].encrypt(nonce, secret.encode(), name.encode())
        return f"{_FORMAT}:{self.fingerprint}:{base64.b64encode(sealed).decode()}"

    def open(self, name: str, text: str) -> str:
        """The secret that was sealed under ``name``.

        Raises:
            VaultError: it was sealed with another master key or for another name, or is not sealed at all.
        """
        form, _, rest = text.partition(":")
        fingerprint, _, sealed = rest.partition(":")
        if form != _FORMAT or not sealed:
            raise VaultError(f"the secret of {name} is not sealed")
        cipher = self._cipher(fingerprint)
        if cipher is None:
            raise VaultError(
                f"the secret of {name} is sealed with master key {fingerprint}, and this server has "
                f"{self.fingerprint}: start it with the same --master-key as the server that made the access key"
            )
        try:
            data = base64.b64decode(sealed, validate=True)
            return cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise VaultError(f"the secret of {name} was changed in the store") from None

    def prove(self, text: str) -> str:
        """A proof that whoever has the master key wrote a text: its HMAC, with the fingerprint of the key."""
        return self._proof(self.fingerprint, text)

    def proves(self, proof: str, text: str) -> bool | None:
        """Whether a proof is of this text; None if a master key made it that is not in the file."""
        maker = proof.partition(":")[0]
        if maker not in self._proofs:
            return None
        return hmac.compare_digest(proof.encode(), self._proof(maker, text).encode())

    def _proof(self, fingerprint: str, text: str) -> str:
        return f"{fingerprint}:{hmac.digest(self._proofs[fingerprint], text.encode(), 'sha256').hex()}"


def is_sealed(text: str) -> bool:
    """Whether a text is one of ours; secrets of access keys hold no colon."""
    return text.startswith(f"{_FORMAT}:")


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"tidegate master key" + key).hexdigest()[:8]


def load(path: Path, ids: Ids) -> Vault:
    """The vault of a master key that an operator named.

    Raises:
        VaultError: the file cannot be read or holds no key.
    """
    made = Vault(read(path).first, ids, path)
    made.refresh()
    return made


def read(path: Path) -> Ring:
    """The keys of a file: the first on a line of its own, then perhaps ``next KEY`` or ``previous KEY``.

    Raises:
        VaultError: the file cannot be read or holds no key.
    """
    try:
        lines = path.read_bytes().decode("ascii", "replace").strip().splitlines() or [""]
    except OSError as error:
        raise VaultError(
            f"the master key cannot be read: {error}. "
            f"Make one with: (umask 077; openssl rand -base64 {_BYTES} > {path})"
        ) from None
    others: dict[str, bytes] = {}
    for line in lines[1:]:
        role, _, text = line.partition(" ")
        if role not in ("next", "previous") or role in others:
            raise VaultError(f"{path} is no master key: its line {role[:10]!r} is not understood")
        others[role] = _decoded(path, text)
    return Ring(_decoded(path, lines[0]), **others)


def _decoded(path: Path, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise VaultError(f"{path} is no master key: {_BYTES} bytes in base64 are wanted")
    return key


# --- another key ----------------------------------------------------------------------------------------------------


def prepare(path: Path, ids: Ids) -> None:
    """Put a new key into the file that opens and does not seal yet. Raises ``VaultError``."""
    ring = read(path)
    if ring.previous is not None:
        raise VaultError(f"{path} still holds a previous key: retire it first")
    if ring.next is None:
        _replace(path, ring._replace(next=_new(ids)))


def advance(path: Path, ids: Ids) -> None:
    """Have the new key seal, one that was prepared or made now. Does nothing if it does already."""
    ring = read(path)
    if ring.previous is None:
        _replace(path, Ring(ring.next or _new(ids), previous=ring.first))


def retire(path: Path) -> None:
    """Forget the previous key. What is sealed with it is lost."""
    _replace(path, Ring(read(path).first))


def _new(ids: Ids) -> bytes:
    return hashlib.sha256(ids.token(_TOKEN).encode()).digest()


def _replace(path: Path, ring: Ring) -> None:
    text = _text(ring.first)
    text += "".join(f"{role} {_text(key)}" for role in ("next", "previous") if (key := getattr(ring, role)))
    files.replace(path, text, mode=0o600)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode() + "\n"


def load_or_create(directory: Path, ids: Ids) -> Vault:
    """The vault of a data directory; its key is made with it at first. Raises ``VaultError`` and ``OSError``."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    if not path.exists():
        _create(path, ids)
    return load(path, ids)


def _create(path: Path, ids: Ids) -> None:
    """Write a new key as a whole; of several processes that do so at once, the first decides."""
    files.create(path, _text(_new(ids)), ids)
