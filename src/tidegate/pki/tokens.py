"""Signatures of tokens that clients show to custom authorizers: RSA with SHA-256 (device reference 2.10)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SMALLEST: Final = 2048
"""Bits."""


def usable(pem: str) -> bool:
    """Whether a text is the PEM of a public RSA key that is large enough."""
    key = _key(pem)
    return key is not None and key.key_size >= SMALLEST


def verifies(keys: Iterable[str], token: str, signature: str) -> bool:
    """Whether a signature (base64) of a token was made with the private half of one of the keys (PEM)."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(_verifies(key, token.encode(), raw) for key in map(_key, keys) if key is not None)


def _verifies(key: rsa.RSAPublicKey, token: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, token, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _key(pem: str) -> rsa.RSAPublicKey | None:
    try:
        found = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, rsa.RSAPublicKey) else None
