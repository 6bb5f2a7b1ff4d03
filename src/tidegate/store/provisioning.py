"""What lasts for a while only: ownership tokens, and the certificates of CreateProvisioningClaim."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Token(NamedTuple):
    """An ownership token. ``inner_id`` and ``certificate_id`` are its certificate's, ``expires_at`` epoch ms.

    ``owner`` is the principal that was given it.
    """

    inner_id: int
    owner: str
    expires_at: int
    certificate_id: str


class NewClaim(NamedTuple):
    """What a claim certificate starts with: its validity, and when the service's clock ends it, in epoch ms."""

    certificate_id: str
    template: int
    pem: str
    not_before: int
    not_after: int
    expires_at: int


class Claim(NamedTuple):
    """A claim certificate, whose it is, and the name of the template it is good for."""

    scope: int
    account: str
    region: str
    certificate_id: str
    pem: str
    not_before: int
    not_after: int
    expires_at: int
    template: str


class Gone(NamedTuple):
    """A certificate that counts no more."""

    scope: int
    certificate_id: str


def put_token(tx: Tx, scope: int, digest: str, *, inner_id: int, owner: str, expires_at: int) -> None:
    """Keep a token by its digest."""
    values = {"scope": scope, "digest": digest, "certificate": inner_id, "owner": owner, "expires_at": expires_at}
    tx.run("ownership_token_insert", values)


def token(tx: Tx, scope: int, digest: str) -> Token | None:
    """A token whose certificate is there, expired or not."""
    row = tx.one("ownership_token_get", {"scope": scope, "digest": digest})
    return Token(*row) if row else None


def count_tokens(tx: Tx, scope: int, most: int) -> int:
    """How many tokens a scope has, ``most`` if it has more; those of claimed certificates count until they are over."""
    row = tx.one("ownership_token_count", {"scope": scope, "most": most})
    return row[0] if row else 0


def expire_tokens(tx: Tx, now: int, limit: int) -> list[Gone]:
    """Forget tokens whose time is over, a number of them, and delete their certificates that were never claimed."""
    return _forgotten(tx, tx.all("ownership_token_expired", {"now": now, "limit": limit}))


def drop_oldest_tokens(tx: Tx, scope: int, limit: int) -> list[Gone]:
    """The same for a scope's oldest tokens, whose time is not over."""
    return _forgotten(tx, tx.all("ownership_token_oldest", {"scope": scope, "limit": limit}))


def _forgotten(tx: Tx, rows: list[tuple[str, int]]) -> list[Gone]:
    gone = []
    for digest, inner_id in rows:
        tx.run("ownership_token_delete", {"digest": digest})
        row = tx.one("certificate_delete_unclaimed", {"id": inner_id})
        if row is not None:
            gone.append(Gone(*row))
    return gone


def put_claim(tx: Tx, scope: int, claim: NewClaim) -> None:
    """Keep a claim certificate."""
    tx.run("provisioning_claim_insert", {"scope": scope, **claim._asdict()})


def claim(tx: Tx, certificate_id: str) -> Claim | None:
    """A claim certificate whose template is there, expired or not."""
    row = tx.one("provisioning_claim_get", {"certificate_id": certificate_id})
    return Claim(*row) if row else None


def count_claims(tx: Tx, scope: int, most: int) -> int:
    """How many claim certificates a scope has, ``most`` if it has more."""
    row = tx.one("provisioning_claim_count", {"scope": scope, "most": most})
    return row[0] if row else 0


def drop_oldest_claims(tx: Tx, scope: int, limit: int) -> list[Gone]:
    """Delete a scope's oldest claim certificates, whose time is not over."""
    return _deleted(tx, tx.all("provisioning_claim_oldest", {"scope": scope, "limit": limit}))


def expire_claims(tx: Tx, now: int, limit: int) -> list[Gone]:
    """Delete claim certificates whose time is over, a number of them."""
    return _deleted(tx, tx.all("provisioning_claim_expired", {"now": now, "limit": limit}))


def delete_claims(tx: Tx, template_id: int) -> list[Gone]:
    """Delete the claim certificates of a template."""
    return _deleted(tx, tx.all("provisioning_claim_of_template", {"template": template_id}))


def _deleted(tx: Tx, rows: list[tuple[int, int, str]]) -> list[Gone]:
    for inner_id, _, _ in rows:
        tx.run("provisioning_claim_delete", {"id": inner_id})
    return [Gone(scope, certificate_id) for _, scope, certificate_id in rows]


def next_end(tx: Tx) -> int | None:
    """When (epoch ms) the first of all these is over; None if there is none."""
    ends = [tx.one(query, {}) for query in ("ownership_token_next", "provisioning_claim_next")]
    return min((row[0] for row in ends if row is not None and row[0] is not None), default=None)
