"""Tags (control reference 19)."""

from __future__ import annotations

from collections.abc import Iterable


def tags_duplicate(keys: Iterable[str]) -> str:
    """[R]"""
    return f"Duplicate tag keys: {', '.join(keys)}."


def tag_reserved(key: str) -> str:
    """[R]"""
    return f"Tag key {key} begins with aws:, which is reserved."


def too_many_tags(limit: int) -> str:
    """[R]"""
    return f"A resource cannot have more than {limit} tags"


def not_taggable(arn: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"{arn} is not the ARN of a resource that can have tags."


def resource_missing(arn: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"Resource {arn} cannot be found."
