"""Rows of ClickHouse as records, and the count of those that are none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pydantic_core import from_json

from flask_chest.record import JsonValue, Record
from flask_chest.runtime.log import Throttle
from flask_chest_clickhouse.values import moment_of

_COLUMNS: Final = {
    "id": "toString(id)",
    "request_id": "request_id",
    "trace_id": "trace_id",
    "service": "service",
    "instance": "instance",
    "endpoint": "endpoint",
    "route": "route",
    "method": "method",
    "path": "path",
    "status_code": "status_code",
    "error": "error",
    "started_at": "toUnixTimestamp64Micro(started_at)",
    "duration_ms": "duration_ms",
    "weight": "weight",
    "variables": "variables",
}
COLUMNS: Final = tuple(_COLUMNS.values())
"""What `Rows.records` is for, in its order."""

_NUMBERS: Final = ("duration_ms", "weight")
_SEEN: Final = 10_000


class Rows:
    """Makes records of rows. A row that is no record is passed over, counted, and said.

    The types of the columns leave little that is none, such as a NaN.

    Args:
        location: Returns where the database is, for the log.
    """

    def __init__(self, location: Callable[[], str]) -> None:
        self._location = location
        self._seen: set[str] = set()
        self._throttle = Throttle()

    @property
    def unreadable(self) -> int:
        """Number of rows, each counted once, that were no records; at most 10,000."""
        return len(self._seen)

    def records(self, columns: Sequence[Sequence[Any]]) -> list[Record]:
        """Return the records among the rows of an answer, in their order."""
        return list(self._records(columns))

    def _records(self, columns: Sequence[Sequence[Any]]) -> Iterator[Record]:
        for row in zip(*columns, strict=True):
            try:
                yield _record(row)
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                self._pass_over(row[0], error)

    def _pass_over(self, identity: str, error: Exception) -> None:
        if len(self._seen) < _SEEN:
            self._seen.add(identity)
        # Not the error's text, which may quote the value.
        self._throttle.log(
            logging.WARNING,
            "unreadable",
            f"{self._location()} has {self.unreadable} rows in its table of records that are no "
            f"records, as after a change by hand. They are passed over. One of them has the id "
            f"{identity!r} ({type(error).__name__})",
        )


def _record(row: Sequence[Any]) -> Record:
    fields = dict(zip(_COLUMNS, row, strict=True))
    for name in _NUMBERS:
        if type(fields[name]) not in (float, int):  # a NaN or an infinity comes as a text
            raise TypeError(f"{name} is a {type(fields[name]).__name__}")
        fields[name] = float(fields[name])
    fields["started_at"] = moment_of(fields["started_at"])
    fields["variables"] = _document(fields["variables"])
    return Record(**fields)


def _document(text: str) -> dict[str, JsonValue]:
    found = from_json(text)
    if not isinstance(found, dict):
        raise TypeError(f"variables is a {type(found).__name__}")
    return found
