"""Secrets of access keys at rest: sealed with AES-256-GCM under one master key.

The key is a file of 32 bytes in base64, ``master.key`` in the data directory unless another is named. Servers that
share a store must share it. A sealed text is ``v1:<fingerprint of the master key>:<nonce and ciphertext>``; the name a
secret is kept under is authenticated with it, so that secrets cannot change places.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate.clock import Ids

FILE: Final = "master.key"
_FORMAT: Final = "v1"
_BYTES: Final = 32
_NONCE: Final = 12
_TOKEN: Final = 64
"""Characters of six random bits that a key or a nonce is drawn from."""


class VaultError(Exception):
    """A master key that cannot be used, or a text it does not open; the message says what to do."""


class Vault:
    """Seals and opens secrets."""

    def __init__(self, key: bytes, ids: Ids) -> None:
        self._cipher = AESGCM(key)
        self._ids = ids
        self._proof = hmac.digest(key, b"tidegate audit log", "sha256")
        self.fingerprint = hashlib.sha256(b"tidegate master key" + key).hexdigest()[:8]
        """Tells one master key from another and says nothing about it."""

    def seal(self, name: str, secret: str) -> str:
        """A secret as it may lie in a store, kept under ``name``."""
        nonce = hashlib.sha256(self._ids.token(_TOKEN).encode()).digest()[:_NONCE]
        sealed = nonce + self._cipher.encrypt(nonce, secret.encode(), name.encode())
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
        if fingerprint != self.fingerprint:
            raise VaultError(
                f"the secret of {name} is sealed with master key {fingerprint}, and this server has "
                f"{self.fingerprint}: start it with the same --master-key as the server that made the access key"
            )
        try:
            data = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise VaultError(f"the secret of {name} was changed in the store") from None

    def prove(self, text: str) -> str:
        """A proof that whoever has the master key wrote a text: its HMAC, with the fingerprint of the key."""
        return f"{self.fingerprint}:{hmac.digest(self._proof, text.encode(), 'sha256').hex()}"

    def proves(self, proof: str, text: str) -> bool | None:
        """Whether a proof is of this text; None if another master key made it."""
        if proof.partition(":")[0] != self.fingerprint:
            return None
        return hmac.compare_digest(proof.encode(), self.prove(text).encode())


def is_sealed(text: str) -> bool:
    """Whether a text is one of ours; secrets of access keys hold no colon."""
    return text.startswith(f"{_FORMAT}:")


def load(path: Path, ids: Ids) -> Vault:
    """The vault of a master key that an operator named.

    Raises:
        VaultError: the file cannot be read or holds no key.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise VaultError(
            f"the master key cannot be read: {error}. "
            f"Make one with: (umask 077; openssl rand -base64 {_BYTES} > {path})"
        ) from None
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise VaultError(f"{path} is no master key: {_BYTES} bytes in base64 are wanted")
    return Vault(key, ids)


def load_or_create(directory: Path, ids: Ids) -> Vault:
    """The vault of a data directory; its key is made with it at first. Raises ``VaultError`` and ``OSError``."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    if not path.exists():
        _create(path, ids)
    return load(path, ids)


def _create(path: Path, ids: Ids) -> None:
    """Write a new key as a whole; of several processes that do so at once, the first decides."""
    partial = path.with_name(f"{path.name}.{ids.uuid()}")
    key = hashlib.sha256(ids.token(_TOKEN).encode()).digest()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
