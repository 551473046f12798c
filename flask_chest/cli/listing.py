"""Records as a table, as lines of JSON, or as CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flask_chest.cli.missing import Unseen
from flask_chest.cli.names import SHORT_TITLES, Name, read_names
from flask_chest.cli.spool import Spool
from flask_chest.cli.streams import has_reader, write
from flask_chest.cli.tables import Table, cell, terminal_width
from flask_chest.query.sheets import csv_line
from flask_chest.record import Record, RecordData
from flask_chest.runtime.printable import printable

_DEFAULT: Final = (
    *("started_at", "status_code", "duration_ms", "method", "path", "request_id", "variables"),
)
_ROOM: Final = 120
"""Columns of a terminal from which on there is room for the request's ID."""

_NUMBERS: Final = ("status_code", "duration_ms", "weight")
_WHOLE: Final = ("started_at", "method", "id", "request_id", "trace_id")
_PLAIN: Final = re.compile(r"[^\s\"'={}\[\],]+")


class RecordTable:
    """A table of records.

    Args:
        names: Its columns; none for the usual ones.
    """

    def __init__(self, names: Sequence[Name] = ()) -> None:
        columns = terminal_width()
        self._is_chosen = bool(names)
        self._names = names or [
            name
            for name in read_names(_DEFAULT)
            if columns is None or columns >= _ROOM or name.text != "request_id"
        ]
        short = {} if names else SHORT_TITLES
        self.table = Table(
            [short.get(name.text, name.text) for name in self._names],
            right=(*_NUMBERS, *SHORT_TITLES.values()),
            whole=_WHOLE,
            columns=columns,
        )

    def row(self, record: RecordData) -> list[str]:
        """Return the texts of one row."""
        return [_text(name, record) or self._instead(name, record) for name in self._names]

    def _instead(self, name: Name, record: RecordData) -> str:
        """Return what an empty cell shows: the name of a job, as it has no path."""
        return cell(record["route"]) if name.text == "path" and not self._is_chosen else ""


def _text(name: Name, record: RecordData) -> str:
    value = name.of(record)
    if name.operand is None:
        return pairs(value)
    if name.text == "started_at":
        return f"{value[:10]} {value[11:23]}"  # of a text of one width, to the millisecond
    if name.text == "duration_ms":
        return f"{value:,.3f}"
    return cell(value)


def pairs(variables: Mapping[str, Any]) -> str:
    """Return variables as a person reads them, such as ``user=ada note="two words"``."""
    return " ".join(f"{printable(name)}={_short(value)}" for name, value in variables.items())


def _short(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return printable(value)
    return printable(json.dumps(value, ensure_ascii=False))


class _Counted:
    """Counts records while they are read."""

    def __init__(self, records: Iterable[Record], unseen: Unseen | None) -> None:
        self._records = records
        self._unseen = unseen
        self.number = 0

    def __iter__(self) -> Iterator[RecordData]:
        for record in self._records:
            self.number += 1
            data = record.as_data()
            if self._unseen is not None:
                self._unseen.look(data)
            yield data


def print_records(
    records: Iterable[Record],
    format_: str,
    names: Sequence[Name] = (),
    unseen: Unseen | None = None,
) -> int:
    """Print records until there are no more, or nobody reads them; return how many there were.

    Args:
        records: They are read one by one.
        format_: ``table``, ``json`` or ``csv``.
        names: What is shown of each; none for all of it, or for what a table has room for.
        unseen: Looks at each; None where nobody has named a variable.
    """
    counted = _Counted(records, unseen)
    for line in _LINES[format_](counted, names):
        write(line)
        if not has_reader():
            break
    return counted.number


def _as_table(records: Iterable[RecordData], names: Sequence[Name]) -> Iterator[str]:
    shown = RecordTable(names)
    return shown.table.lines(map(shown.row, records))


def _as_json(records: Iterable[RecordData], names: Sequence[Name]) -> Iterator[str]:
    return (json_line(record, names) for record in records)


def csv_lines(
    records: Iterable[RecordData],
    names: Sequence[Name] = (),
    *,
    raw: bool = False,
    folder: Path | None = None,
) -> Iterator[str]:
    """Yield the lines of CSV, the titles first.

    Args:
        records: They are kept in a file until all columns are known.
        names: Of the columns; none for all fields and variables.
        raw: Whether to leave texts as they are.
        folder: Where the file is; None for that of temporary files.
    """
    if names:
        yield csv_line((name.text for name in names), raw=raw)
        for record in records:
            yield csv_line((name.of(record) for name in names), raw=raw)
        return
    with Spool(folder=folder) as spool:
        for record in records:
            spool.add(record)
        yield csv_line((column.title for column in spool.columns), raw=raw)
        for row in spool.rows():
            yield csv_line(row, raw=raw)


_LINES: Final = {"table": _as_table, "json": _as_json, "csv": csv_lines}


def json_line(record: RecordData, names: Sequence[Name] = ()) -> str:
    """Return a record, or some of it, as one line of JSON."""
    data = {name.text: name.of(record) for name in names} if names else record
    return printable(json.dumps(data, ensure_ascii=False))
