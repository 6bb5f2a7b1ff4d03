"""The authorities of the servers that share the store."""

from __future__ import annotations

from tidegate.store.database import Tx


def put(tx: Tx, fingerprint: str, pem: str) -> bool:
    """Make an authority known by the SHA-256 of its certificate; False if it is."""
    return tx.run("server_authority_put", {"fingerprint": fingerprint, "pem": pem}) == 1


def published(tx: Tx, after: int, limit: int) -> list[tuple[int, str]]:
    """(inner id, PEM) of every authority after an inner id."""
    return [(row[0], row[1]) for row in tx.all("server_authority_list", {"after": after, "limit": limit})]
