"""Records in batches as delivery makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask_chest.exporter import Batch, Exporter
from flask_chest.record import RecordData
from flask_chest.testing.records import make_batch


def batches(exporter: Exporter, records: Sequence[RecordData]) -> Iterator[Batch]:
    """Yield batches of these records, none of them larger than the exporter's `Batching` says."""
    policy = exporter.batching
    most = policy.max_records or len(records)
    begin = 0
    while begin < len(records):
        end = min(begin + most, len(records))
        batch = make_batch(*records[begin:end])
        while policy.max_bytes and len(batch.lines) > policy.max_bytes and end - begin > 1:
            end = begin + (end - begin + 1) // 2
            batch = make_batch(*records[begin:end])
        yield batch
        begin = end


def deliver(exporter: Exporter, *records: RecordData) -> None:
    """Export records to an open exporter, in as many batches as it takes."""
    for batch in batches(exporter, records):
        exporter.export(batch)
