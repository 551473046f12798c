"""`Lookout`: looks whether a database has rollups that a store does not use, and others do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

LOOK_SECONDS: Final = 60.0
"""What is stored unmarked meanwhile is recent, so the leader of the others finds it at once."""

_Found = TypeVar("_Found")


class Lookout(Generic[_Found]):
    """Looks whether a database has rollups that a store does not use.

    Others read them, perhaps of another service. So batches and deletions mark their minutes, too.

    Args:
        look: Returns them; None where there are none, or this user may not mark.
    """

    def __init__(self, look: Callable[[], _Found | None]) -> None:
        self._look = look
        self._found: _Found | None = None
        self._next = 0.0

    def found(self) -> _Found | None:
        """Return them. While there are none, look again once a minute."""
        now = time.monotonic()
        if self._found is None and now >= self._next:
            self._next = now + LOOK_SECONDS
            self._found = self._look()
        return self._found
