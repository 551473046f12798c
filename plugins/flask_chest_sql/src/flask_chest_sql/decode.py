"""Rows as records, and the count of those that are none, as after a change by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Table, type_coerce
from sqlalchemy.types import NullType

from flask_chest.record import JsonValue, Record
from flask_chest.runtime.log import Throttle

_TEXT: Final = (str,)
_OPTIONAL_TEXT: Final = (str, type(None))
_NUMBER: Final = (float, int)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "id": _TEXT,
    "request_id": _TEXT,
    "trace_id": _OPTIONAL_TEXT,
    "service": _TEXT,
    "instance": _TEXT,
    "endpoint": _OPTIONAL_TEXT,
    "route": _OPTIONAL_TEXT,
    "method": _TEXT,
    "path": _TEXT,
    "status_code": (int, type(None)),
    "error": _OPTIONAL_TEXT,
    "duration_ms": _NUMBER,
    "weight": _NUMBER,
}
"""Of the values that a row and a record have alike."""

_RAW: Final = ("started_at", "variables")
_SEEN: Final = 10_000


def columns(records: Table) -> list[ColumnElement[Any]]:
    """Return the columns to select for `Rows.records`.

    SQLAlchemy would decode times and JSON while it fetches, and one malformed value would end the
    whole query. So these come as the driver has them.
    """
    return [
        type_coerce(column, NullType()).label(column.name) if column.name in _RAW else column
        for column in records.columns
    ]


def moment(value: object) -> datetime:
    """Return a time of the driver's as an aware datetime in UTC.

    Raises:
        TypeError: It is no datetime, as MySQL's '0000-00-00', which comes as a text.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no time")
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc)


def document(value: object) -> dict[str, JsonValue]:
    """Return the variables, which a driver gives as JSON or decoded.

    Raises:
        ValueError: It is no JSON.
        TypeError: It is no object.
    """
    found = from_json(value) if isinstance(value, (str, bytes)) else value
    if not isinstance(found, dict):
        raise TypeError(f"variables is a {type(found).__name__}")
    return found


class Rows:
    """Makes records of rows. A row that is no record is passed over, counted, and said.

    Args:
        location: Returns where the database is, for the log.
        moment: Decodes `started_at`.
    """

    def __init__(
        self, location: Callable[[], str], moment: Callable[[object], datetime] = moment
    ) -> None:
        self._location = location
        self._moment = moment
        self._seen: set[object] = set()
        self._throttle = Throttle()

    @property
    def unreadable(self) -> int:
        """Number of rows, each counted once, that were no records; at most 10,000."""
        return len(self._seen)

    def records(self, rows: Iterable[Mapping[Any, Any]]) -> list[Record]:
        """Return the records among the rows, in their order."""
        found = []
        for row in rows:
            try:
                found.append(self._record(row))
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                self._pass_over(row, error)
        return found

    def _record(self, row: Mapping[Any, Any]) -> Record:
        for name, types in _TYPES.items():
            if type(row[name]) not in types:
                raise TypeError(f"{name} is a {type(row[name]).__name__}")
        return Record(
            **{
                **row,
                "started_at": self._moment(row["started_at"]),
                "variables": document(row["variables"]),
            }
        )

    def _pass_over(self, row: Mapping[Any, Any], error: Exception) -> None:
        if len(self._seen) < _SEEN:
            self._seen.add(row["id"])
        # Not the error's text, which may quote the value.
        self._throttle.log(
            logging.WARNING,
            "unreadable",
            f"{self._location()} has {self.unreadable} rows in its table of records that are no "
            f"records, as after a change by hand. They are passed over. One of them has the id "
            f"{row['id']!r} ({type(error).__name__})",
        )
