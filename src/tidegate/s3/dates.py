"""Instants as S3 writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import formatdate

from tidegate.clock import Millis


def iso(instant: Millis) -> str:
    """As in listings: ``2026-01-01T00:00:00.000Z``."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{instant % 1000:03d}Z"


def http(instant: Millis) -> str:
    """As in ``Last-Modified``."""
    return formatdate(instant // 1000, usegmt=True)
