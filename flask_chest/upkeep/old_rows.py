"""Reads the rows that Flask-Chest 0.0.10 wrote: one for each variable, in a SQLite file.

It had one table in a file, of any name, with `unique_id`, `request_id`, `name` and `value`. All
values are texts but null, and bytes. There are no times.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from typing_extensions import Self

from flask_chest.errors import ConfigurationError, ExporterUnavailable

COLUMNS: Final = ("unique_id", "request_id", "name", "value")

_SCHEME: Final = "sqlite"
_BUSY_SECONDS: Final = 10.0
_GIVE: Final = "Give the file that 0.0.10 wrote: its `db_uri`"

_REQUEST_ID: Final = (
    "CASE typeof(request_id) WHEN 'blob' THEN decoded(request_id) ELSE CAST(request_id AS TEXT) END"
)
"""One that somebody wrote as bytes is that of the rows that have it as a text."""

OldValue: TypeAlias = "str | bytes | int | float | None"


@dataclass(frozen=True)
class OldRequest:
    """The rows of one request ID; of a row that has none, the row alone.

    Attributes:
        request_id: As it was written; empty for none.
        table: Of the first row.
        unique_id: Of the first row.
        place: Of the first row among all rows of the file, in the order of writing.
        values: Name to value. Where a name is there twice, the later value.
        rows: Number of rows.
        replaced: Number of rows of which a later one has the name and another value.
        nameless: Number of rows without a name, which cannot be a variable.
    """

    request_id: str
    table: str
    unique_id: int
    place: int
    values: dict[str, OldValue]
    rows: int
    replaced: int
    nameless: int


class OldRows:
    """The rows of one file, as they were when it was opened. The file is not changed.

    They are copied to a temporary file first, so that an old application that still writes waits
    for a moment only.

    Args:
        place: A path, or a URL such as ``sqlite:////var/lib/shop/db.sqlite3``.

    Attributes:
        path: Of the file.
        last_write: When the file was last written.
        rows: Number of rows.
        requests: Number of request IDs, and of rows without one.

    Raises:
        ConfigurationError: There is no such file, or no table of 0.0.10 in it.
        ExporterUnavailable: It cannot be read now.
    """

    def __init__(self, place: str) -> None:
        self.path = path_of(place)
        try:
            found = self.path.stat()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        if stat.S_ISDIR(found.st_mode):
            raise ConfigurationError(f"{self.path} is a folder. {_GIVE}")
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise ConfigurationError(f"{self.path} is no file. {_GIVE}")
        self.last_write = datetime.fromtimestamp(int(found.st_mtime), timezone.utc)
        with _said(self.path):
            self._connection = sqlite3.connect(
                f"file:{quote(os.fsencode(self.path))}?mode=ro",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
            )
            try:
                # Whatever bytes there are, they can be read.
                self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
                self._connection.create_function("decoded", 1, _text, deterministic=True)
                self._copy(self._tables())
                self.rows, self.requests = self._connection.execute(
                    "SELECT count(*), count(DISTINCT first) FROM temp.old"
                ).fetchone()
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __iter__(self) -> Iterator[OldRequest]:
        with _said(self.path):
            rows = self._connection.execute(
                "SELECT first, source, unique_id, request_id, name, value "
                "FROM temp.old ORDER BY rowid"
            )
            for _, found in groupby(rows, itemgetter(0)):
                yield _request(list(found))

    def names(self) -> set[str]:
        """Return the names of all variables."""
        with _said(self.path):
            found = self._connection.execute("SELECT DISTINCT name FROM temp.old")
            return {_text(name) for (name,) in found} - {""}

    def _tables(self) -> list[str]:
        """Return the tables of 0.0.10. Only their columns tell them from others."""
        names = [
            name
            for (name,) in self._connection.execute(
                "SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY rowid"
            )
        ]
        found = [
            name
            for name in names
            if tuple(
                column
                for (column,) in self._connection.execute(
                    "SELECT name FROM pragma_table_info(?)", (name,)
                )
            )
            == COLUMNS
        ]
        if found:
            return found
        hint = ""
        if "chest_records" in names:
            hint = ". It has records of this version: `flask chest copy` is for those"
        raise ConfigurationError(
            f"{self.path} has no table that Flask-Chest 0.0.10 has written, with the columns "
            f"{', '.join(COLUMNS)}{hint}"
        )

    def _copy(self, tables: list[str]) -> None:
        """Copy the rows in the order of the first one of their request ID."""
        every = " UNION ALL ".join(
            f"SELECT {number} AS part, {_literal(name)} AS source, unique_id, "
            f"{_REQUEST_ID} AS request_id, name, value FROM main.{_identifier(name)}"
            for number, name in enumerate(tables)
        )
        self._connection.execute(
            "CREATE TEMP TABLE old AS WITH every AS ("
            "SELECT *, row_number() OVER (ORDER BY part, unique_id) AS place, "
            f"coalesce(request_id, '') = '' AS is_alone FROM ({every})) "
            "SELECT *, CASE WHEN is_alone THEN place ELSE "
            "min(place) OVER (PARTITION BY is_alone, request_id) END AS first FROM every "
            "ORDER BY first, place"
        )


def path_of(place: str) -> Path:
    """Return the path of a file that 0.0.10 wrote.

    Args:
        place: A path, as its `db_uri` was, or a URL.

    Raises:
        ConfigurationError: 0.0.10 wrote no tables there.
    """
    scheme, separator, rest = place.partition("://")
    if scheme.lower() == _SCHEME and separator:
        if not rest.startswith("/"):
            raise ConfigurationError(
                f"{_SCHEME}:// needs three slashes when the path of the file is relative "
                "(sqlite:///db.sqlite3) and four when it is absolute "
                "(sqlite:////var/lib/shop/db.sqlite3)"
            )
        # Not as a text, since a name on the disk may be no UTF-8.
        path = unquote_to_bytes(os.fsencode(rest[1:].partition("?")[0]))
        return Path(os.fsdecode(path)).expanduser().absolute()
    if separator:
        raise ConfigurationError(
            f"Flask-Chest 0.0.10 wrote tables to SQLite only, and none to {scheme}://. Give the "
            "file, as in sqlite:////var/lib/shop/db.sqlite3. The page 'From 0.0.10' of the "
            "documentation says what became of InfluxDB"
        )
    return Path(place).expanduser().absolute()


def _request(rows: list[tuple[int, str, int, object, object, OldValue]]) -> OldRequest:
    place, table, unique_id, request_id, _, _ = rows[0]
    values: dict[str, OldValue] = {}
    replaced = nameless = 0
    for *_, name, value in rows:
        key = _text(name)
        if not key:
            nameless += 1
            continue
        replaced += key in values and values[key] != value
        values[key] = value
    return OldRequest(
        _text(request_id), table, unique_id, place, values, len(rows), replaced, nameless
    )


def _text(value: object) -> str:
    """Return an ID or a name, which somebody may have written as something else."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _identifier(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _literal(name: str) -> str:
    doubled = name.replace("'", "''")
    return f"'{doubled}'"


def _hint(error: sqlite3.OperationalError) -> str:
    if "locked" in str(error):
        return ". Stop the old application, and try again"
    if "disk" in str(error):  # it is full, or fails
        return ". Its rows are copied to a temporary file: make room, or set SQLITE_TMPDIR"
    if "readonly" in str(error):  # which the import leaves as it is
        return (
            ". A process was killed while it wrote the file. Let SQLite roll that back: sqlite3 "
            'FILE "PRAGMA schema_version"'
        )
    return ""


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Raise what SQLite says as an error of ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ExporterUnavailable(f"{path} cannot be read now: {error}{_hint(error)}") from error
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
