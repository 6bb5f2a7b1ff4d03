"""How jobs went, minute by minute. Made for whoever looks, and kept for the next who does."""

from __future__ import annotations

from tidegate.runtime.service import Service


class Courses:
    """The courses of the jobs of one server."""

    def __init__(self, service: Service) -> None:
        self._service = service
