"""Writes records to an exporter in batches, and passes over those that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from flask_chest.errors import BatchRejected
from flask_chest.exporter import Batch, Exporter
from flask_chest.record import Record, encode
from flask_chest.runtime.log import logger

_BATCH_BYTES: Final = 1_048_576

OnRejected: TypeAlias = Callable[[Record, BatchRejected], None]
"""Called for each record that the target refuses."""


class Sending:
    """Counts what one target took, and what it refused.

    Args:
        target: An open exporter.
        on_rejected: See `OnRejected`. All of them are counted and logged.
        verb: What is done with a record, for the log, such as ``copied``.

    Attributes:
        sent: Number of records that the target took.
        rejected: Number of records that it refused.
    """

    def __init__(self, target: Exporter, on_rejected: OnRejected | None, verb: str) -> None:
        self._target = target
        self._on_rejected = on_rejected
        self._verb = verb
        self.sent = self.rejected = 0

    def send(self, records: Sequence[Record]) -> None:
        """Write records, as many as a page has.

        Raises:
            ExporterUnavailable: The target cannot be reached now. A part may be written.
        """
        for batch in _batches(records):
            self._send_or_halve(batch)

    def _send_or_halve(self, records: Sequence[tuple[Record, bytes]]) -> None:
        lines = b"".join(line for _, line in records)
        try:
            self._target.export(Batch(lines, len(records)))
        except BatchRejected as error:
            if len(records) > 1:
                middle = len(records) // 2
                self._send_or_halve(records[:middle])
                self._send_or_halve(records[middle:])
                return
            [(record, _)] = records
            self.rejected += 1
            logger.error(
                "The record %s is not %s, as it was refused: %s", record.id, self._verb, error
            )
            if self._on_rejected is not None:
                self._on_rejected(record, error)
        else:
            self.sent += len(records)


def _batches(records: Sequence[Record]) -> Iterator[list[tuple[Record, bytes]]]:
    """Yield the records in batches of about a megabyte, each with its line."""
    batch: list[tuple[Record, bytes]] = []
    size = 0
    for record in records:
        line = encode(record.as_data())
        if batch and size + len(line) > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((record, line))
        size += len(line)
    if batch:
        yield batch
