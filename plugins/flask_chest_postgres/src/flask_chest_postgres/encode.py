"""How a batch becomes rows of PostgreSQL, and how values are decoded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator

from flask_chest.schema import FIELDS

if TYPE_CHECKING:
    from sqlalchemy import Dialect

_TYPES: Final = {
    "id": "uuid",
    "status_code": "int2",
    "started_at": "timestamptz",
    "duration_ms": "float8",
    "weight": "float8",
    "variables": "jsonb",
}
"""Types of the fields that are not text."""

_INTEGERS: Final = range(-(2**63), 2**63)
_MAX_INTEGER_LENGTH: Final = len(str(_INTEGERS[0]))


class Timestamp(TypeDecorator[datetime]):
    """An aware datetime, which comes back with `timezone.utc`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC, also of a column that somebody has changed to have no time zone."""
        del dialect
        if not isinstance(value, datetime):
            return value
        return (
            value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)
        )


def insertion(table: str, key: Iterable[str]) -> str:
    """Return the statement that inserts a JSON array of records.

    Records whose ID is there already, and fields that are no columns, are left out. Rows are
    ordered by ID, so that two exporters of the same records do not deadlock.

    Args:
        table: The table of the records, qualified and quoted.
        key: Columns of its primary key.
    """
    columns = ", ".join(FIELDS)
    typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in FIELDS)
    return (
        f"INSERT INTO {table} ({columns})"
        f" SELECT {columns} FROM jsonb_to_recordset(%s) AS r ({typed})"
        f" ORDER BY id ON CONFLICT ({', '.join(key)}) DO NOTHING"
    )


def marking(inserted: str, marks: str) -> str:
    """Return the statement that also marks the minutes of the records that were inserted.

    Args:
        inserted: The statement from `insertion`.
        marks: The table of the marks, qualified and quoted.
    """
    return (
        f"WITH inserted AS ({inserted} RETURNING started_at)"
        f" INSERT INTO {marks} (minute)"
        " SELECT DISTINCT (floor(extract(epoch FROM started_at) / 60) * 60)::bigint FROM inserted"
    )


def loads(document: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode a `jsonb`, in which a number has neither an exponent nor a type.

    A record has no integer beyond 64 bits, so a number beyond them was a float.
    """
    return json.loads(document, parse_int=_number)


def _number(digits: str) -> int | float:
    if len(digits) <= _MAX_INTEGER_LENGTH:  # `int` refuses thousands of digits
        number = int(digits)
        if number in _INTEGERS:
            return number
    return float(digits)
