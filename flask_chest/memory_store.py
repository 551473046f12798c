"""`MemoryStore`: the records of an application under test, in memory."""

from __future__ import annotations

import builtins
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel
from pydantic_core import from_json

from flask_chest import query
from flask_chest.exporter import Batch
from flask_chest.record import Record
from flask_chest.store import Store, aware

if TYPE_CHECKING:
    from flask_chest.query import Selection


class MemoryConfig(BaseModel):
    """Has no fields."""


class MemoryStore(Store):
    """Keeps the newest records of this process, up to a number of bytes, and answers from them.

    Args:
        max_bytes: Most bytes of JSON. The oldest records make room.
    """

    type: ClassVar[str] = "memory"
    config_model: ClassVar[builtins.type[BaseModel]] = MemoryConfig

    def __init__(self, max_bytes: int) -> None:
        super().__init__(MemoryConfig())
        self._max_bytes = max_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._lock = threading.RLock()  # a signal handler may record what it interrupts

    def after_fork(self) -> None:
        """Leave the parent's records to the parent."""
        self._lock = threading.RLock()
        self._keep(())

    def append(self, line: bytes) -> int:
        """Keep one record, a line of JSON; return how many had to make room."""
        dropped = 0
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._lines.popleft())
                dropped += 1
        return dropped

    # -- Exporter --------------------------------------------------------------------------------

    def open(self) -> None:
        """Do nothing."""

    def export(self, batch: Batch) -> None:
        """Keep the records of a batch that are not here yet."""
        with self._lock:
            known = {_decoded(line).id for line in self._lines}
            for line in batch.lines.split(b"\n")[:-1]:
                if (record_id := _decoded(line).id) not in known:
                    known.add(record_id)
                    self.append(line + b"\n")

    def close(self) -> None:
        """Do nothing. The records remain."""

    # -- Store -----------------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection."""
        return query.select(self._records(), selection)

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records; return how many were there."""
        return self._delete({record.id for record in records})

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that started before `before`; return the number."""
        aware("before", before)
        purged = self._delete({r.id for r in self._records() if r.started_at < before})
        if progress is not None:
            progress(purged)
        return purged

    def _records(self) -> Iterator[Record]:
        with self._lock:
            lines = list(self._lines)
        return map(_decoded, lines)

    def _delete(self, ids: Collection[str]) -> int:
        with self._lock:
            before = len(self._lines)
            self._keep([line for line in self._lines if _decoded(line).id not in ids])
            return before - len(self._lines)

    def _keep(self, lines: Collection[bytes]) -> None:
        self._lines = deque(lines)
        self._bytes = sum(map(len, lines))


def _decoded(line: bytes) -> Record:
    return Record.from_data(from_json(line))
