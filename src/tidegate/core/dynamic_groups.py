"""Which of the dynamic groups that want a thing get it (control reference 17.4)."""

from __future__ import annotations

from collections.abc import Iterable


def granted(matching: Iterable[int], static: int, most: int) -> list[int]:
    """The groups a thing is in, of those whose query finds it.

    Ids are in the order of creation: older groups come first, and a newer one gives way to an older one. ``static`` is
    how many places the thing's static groups take, ``most`` how many there are.
    """
    return sorted(matching)[: max(0, most - static)]
