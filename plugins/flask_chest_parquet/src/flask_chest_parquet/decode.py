"""Rows of files as records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pydantic_core import from_json

from flask_chest.query.nodes import FIELDS
from flask_chest.record import JsonValue, Record
from flask_chest.runtime.log import Throttle
from flask_chest_parquet import windows
from flask_chest_parquet.schema import Column

_NAMES: Final = tuple(name for name in FIELDS if name != "started_at")
_FIRST: Final = (*_NAMES, "epoch_us(started_at)", "variables")
_NULLABLE: Final = frozenset({"trace_id", "endpoint", "route", "status_code", "error"})
NEVER_NULL: Final = tuple(name for name in _NAMES if name not in _NULLABLE)
_NEVER_NULL: Final = [at for at, name in enumerate(_NAMES) if name not in _NULLABLE]
_SEEN: Final = 10_000

_Value = Callable[[Sequence[Any]], JsonValue]


class Decoder:
    """Makes records of the rows of files that have the same columns.

    Args:
        typed: The typed columns of the files.
    """

    def __init__(self, typed: Iterable[Column]) -> None:
        by_name: dict[str, dict[str, int]] = {}
        self.columns: list[str] = list(_FIRST)
        """What a row has to have, as SQL."""
        for column in typed:
            if column.is_moved:
                by_name.setdefault(column.path[0], {})[column.kind] = len(self.columns)
                self.columns.append(f'"{column.name}"')
        self._moved = list(by_name.items())

    def record(self, row: Sequence[Any]) -> Record:
        """Return the record of a row.

        Raises:
            TypeError: A field is null, or the variables are no object.
            ValueError: The variables are no JSON, or there is no such time.
            OverflowError: The same.
        """
        fields = len(_NAMES)
        if any(row[at] is None for at in _NEVER_NULL):
            raise TypeError("a field is null")
        variables = _document(row[fields + 1])
        for name, at in self._moved:
            value = _moved(row, at)
            if value is not None:
                variables[name] = value
        return Record(
            **dict(zip(_NAMES, row, strict=False)),
            started_at=windows.moment(row[fields]),
            variables=variables,
        )


def _document(text: str) -> dict[str, JsonValue]:
    found = from_json(text)
    if not isinstance(found, dict):
        raise TypeError("the variables are no object")
    return found


def are_variables(text: str | None) -> bool:
    """Return whether a record may have these variables."""
    try:
        if text is not None:
            _document(text)
    except (TypeError, ValueError):
        return False
    return text is not None


def _moved(row: Sequence[Any], at: dict[str, int]) -> JsonValue:
    """Return the value that a variable has in typed columns; None when it has none there."""
    for kind in ("text", "boolean"):
        if kind in at and row[at[kind]] is not None:
            found: JsonValue = row[at[kind]]
            return found
    number: float | None = row[at["number"]] if "number" in at else None
    if number is not None and row[at["integer"]]:
        return int(number)
    return number


class Rows:
    """Counts the rows that are no records, as after a change by hand, and says so.

    Args:
        location: Where the records are.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._seen: set[object] = set()
        self._throttle = Throttle()

    @property
    def unreadable(self) -> int:
        """Number of rows, each counted once, that were no records; at most 10,000."""
        return len(self._seen)

    def records(self, decoder: Decoder, rows: Iterable[Sequence[Any]]) -> list[Record]:
        """Return the records among the rows."""
        found = []
        for row in rows:
            try:
                found.append(decoder.record(row))
            except (TypeError, ValueError, OverflowError) as error:
                self._pass_over(row[0], error)
        return found

    def _pass_over(self, identity: object, error: Exception) -> None:
        if len(self._seen) < _SEEN:
            self._seen.add(identity)
        # Not the error's text, which may quote the value.
        self._throttle.log(
            logging.WARNING,
            "unreadable",
            f"{self._location} has {self.unreadable} rows that are no records, as after a change "
            f"by hand. They are passed over. One of them has the id {identity!r} "
            f"({type(error).__name__})",
        )
