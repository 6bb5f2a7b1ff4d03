"""Instants as answers write them."""

from __future__ import annotations


def seconds(instant: int | None) -> float | None:
    """An instant (epoch ms) as the control plane writes it: epoch seconds with milliseconds (control reference 1.3)."""
    return None if instant is None else instant / 1000
