"""Records and batches as they come out of the journal."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final, cast

from flask_chest.exporter import Batch
from flask_chest.record import Record, RecordData, encode, uuid7

START: Final = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
"""When a record began, unless the test says otherwise."""


def make_record(**fields: Any) -> RecordData:  # noqa: ANN401 - also what no record may have
    """Return a record as the journal has it, with a new ID.

    Args:
        **fields: What is different from the others; `started_at` may be an aware datetime.
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
    """Return what `Store.query` is to give back for a record of the journal."""
    moment = datetime.fromisoformat(record["started_at"].removesuffix("Z"))
    fields = cast("dict[str, Any]", record)
    return Record(**{**fields, "started_at": moment.replace(tzinfo=timezone.utc)})


def rfc3339(moment: datetime) -> str:
    """Return a moment as records have it: in UTC, of one width."""
    naive = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{naive.isoformat(timespec='microseconds')}Z"
