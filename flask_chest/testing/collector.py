"""`Collector`: the records that a test has collected."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import overload

from flask_chest.record import Record, RecordData
from flask_chest.testing.records import as_stored


class Collector(Sequence[Record]):
    """The records that have arrived, each once, in the order of arrival. Thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._records: dict[str, Record] = {}

    def add(self, records: Iterable[RecordData]) -> None:
        """Add records. Those that are there already are ignored."""
        taken = [as_stored(record) for record in records]
        with self._condition:
            for record in taken:
                self._records.setdefault(record.id, record)
            self._condition.notify_all()

    @property
    def records(self) -> list[Record]:
        """The records that have arrived so far."""
        with self._condition:
            return list(self._records.values())

    def wait_for(self, count: int, timeout_seconds: float = 5.0) -> list[Record]:
        """Wait until at least `count` records have arrived; return all.

        Raises:
            TimeoutError: Fewer records arrived in time.
        """
        with self._condition:
            if self._condition.wait_for(lambda: len(self._records) >= count, timeout_seconds):
                return list(self._records.values())
            found = [f"{record.method} {record.path}" for record in self._records.values()]
        raise TimeoutError(
            f"{len(found)} of {count} records arrived within {timeout_seconds:g} seconds: {found}"
        )

    def clear(self) -> None:
        """Remove all records."""
        with self._condition:
            self._records.clear()

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self.records[index]

    def __repr__(self) -> str:
        return f"Collector({self.records!r})"
