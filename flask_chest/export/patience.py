"""`Patience`: how long the records for one exporter wait for others, by its policy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest.exporter import Batching
    from flask_chest.journal import Reader

_SHARE: Final = 4
"""Records wait for others until they fill such a part of the journal, which drops some when full.
"""


class Patience:
    """Says whether delivery is due, each time that a worker which leads looks.

    The first look of a worker finds it due: records may have waited for long when it becomes the
    leader, and processes that are killed again and again must not wait again and again.

    Args:
        batching: The exporter's policy.
        reader: Of this exporter.
        max_records: Most records in a batch, unless the policy says it.
        max_bytes: Most bytes in a batch, unless the policy says it.
        room: Bytes that the journal has room for. No policy fills it.
    """

    def __init__(
        self, batching: Batching, reader: Reader, *, max_records: int, max_bytes: int, room: int
    ) -> None:
        self._batching = batching
        self._reader = reader
        self.max_records = batching.max_records or max(max_records, batching.min_records)
        self.max_bytes = batching.max_bytes or max_bytes
        self._too_many_bytes = room // _SHARE
        self._waits_since: float | None = float("-inf")

    def min_records(self) -> int | None:
        """Return the fewest records that the last batch may have; None when no delivery is due."""
        least = self._batching.min_records
        if least == 1:
            return 1
        waiting_bytes, _ = self._reader.pending()
        if not waiting_bytes:
            self._waits_since = None
            return 1
        now = time.monotonic()
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since >= self._batching.max_seconds:
            return 1
        if waiting_bytes >= self._too_many_bytes:
            return 1
        if waiting_bytes >= self.max_bytes or self._reader.pending_records() >= least:
            return least
        return None

    def renew(self) -> None:
        """Note that nothing has been left."""
        self._waits_since = None
