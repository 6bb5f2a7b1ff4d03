"""Tags of any resource, by its ARN."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.store.database import Tx


def put(tx: Tx, scope: int, arn: str, tags: Mapping[str, str]) -> None:
    """Set tags; one with the same key is overwritten."""
    tx.many("tag_put", [{"scope": scope, "arn": arn, "key": key, "value": value} for key, value in tags.items()])


def of(tx: Tx, scope: int, arn: str) -> dict[str, str]:
    """The tags of a resource, by key."""
    return dict(tx.all("tag_list", {"scope": scope, "arn": arn}))


def delete(tx: Tx, scope: int, arn: str, key: str) -> None:
    """Remove one tag, if there."""
    tx.run("tag_delete", {"scope": scope, "arn": arn, "key": key})


def delete_all(tx: Tx, scope: int, arn: str) -> None:
    """Remove every tag of a resource that is going away."""
    tx.run("tag_delete_all", {"scope": scope, "arn": arn})
