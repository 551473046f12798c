"""How the values of a record stand in PostgreSQL, and how they come back."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator

from flask_chest_postgres.partitions import qualified

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Table

_TYPES: Final = {
    "id": "uuid",
    "status_code": "int2",
    "started_at": "timestamptz",
    "duration_ms": "float8",
    "weight": "float8",
    "variables": "jsonb",
}
"""Types of the fields that are no text."""

CHECKS: Final = (
    # A record whose variables are no object would not show in the view.
    "jsonb_typeof(variables) = 'object'",
    # `infinity`, and the years that Python has not, could be stored but not read.
    "started_at >= '0001-01-01 00:00:00+00' AND started_at < '10000-01-01 00:00:00+00'",
    # PostgreSQL takes the texts "NaN" and "Infinity" for numbers, and NaN for the greatest.
    "duration_ms > '-Infinity' AND duration_ms < 'Infinity'",
    "weight > '-Infinity' AND weight < 'Infinity'",
)
"""What the column types alone would let in."""

_MAX_INTEGER_DIGITS: Final = 19


class Timestamp(TypeDecorator[datetime]):
    """An aware datetime, which comes back with `timezone.utc`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC."""
        del dialect
        return None if value is None else value.astimezone(timezone.utc)


def insertion(records: Table) -> str:
    """Return the statement that inserts a JSON array of records.

    Only a record ID that is there already is passed over. Fields that are no columns are, too.
    In the order of their IDs, so that two exporters of the same records do not lock each other out.
    """
    columns = [column.name for column in records.columns]
    typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in columns)
    key = ", ".join(column.name for column in records.primary_key.columns)
    return (
        f"INSERT INTO {qualified(records.schema or 'public', records.name)} ({', '.join(columns)})"
        f" SELECT {', '.join(columns)} FROM jsonb_to_recordset(%s) AS r ({typed})"
        f" ORDER BY id ON CONFLICT ({key}) DO NOTHING"
    )


def loads(document: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode what `jsonb` has kept, in which a number has neither exponent nor type.

    A record has no integer beyond 64 bits, so what has more digits was a float.
    """
    return json.loads(document, parse_int=_number)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= _MAX_INTEGER_DIGITS else float(digits)
