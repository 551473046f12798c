"""Make records and batches as the journal has them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final, cast

from flask_chest.exporter import Batch
from flask_chest.record import Record, RecordData, encode, uuid7

START: Final = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
"""The default `started_at` of `make_record`."""


def make_record(**fields: Any) -> RecordData:  # noqa: ANN401 - invalid values are tested too
    """Return a record as the journal has it, with a new ID.

    Args:
        **fields: Replace the default fields. `started_at` may be an aware datetime.
    """
    moment = fields.pop("started_at", START)
    if isinstance(moment, datetime):
        moment = rfc3339(moment)
    record = {
        "id": uuid7(),
        "request_id": "r-1",
        "trace_id": None,
        "service": "shop",
        "instance": "host:1",
        "endpoint": "cart",
        "route": "/cart/<int:id>",
        "method": "GET",
        "path": "/cart/1",
        "status_code": 200,
        "error": None,
        "started_at": moment,
        "duration_ms": 1.5,
        "weight": 1.0,
        "variables": {},
        **fields,
    }
    return cast("RecordData", record)


def make_batch(*records: RecordData) -> Batch:
    """Return a batch of these records."""
    return Batch(b"".join(encode(record) for record in records), len(records))


def as_stored(record: RecordData) -> Record:
    """Return a record as `Store.query` must return it."""
    return Record.from_data(record)


def rfc3339(moment: datetime) -> str:
    """Return a moment in the form of `started_at`: in UTC, of fixed width."""
    naive = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{naive.isoformat(timespec='microseconds')}Z"
