"""`Asking`: one attempt to answer a question, from the files that count now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from flask_chest_parquet import queries
from flask_chest_parquet.schema import ALL, Path, column_names

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Select

    from flask_chest_parquet.engine import TimeLimit
    from flask_chest_parquet.expressions import LakeExpressions
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.manifest import LakeFile
    from flask_chest_parquet.queries import Statement
    from flask_chest_parquet.sources import Source, Sources
    from flask_chest_parquet.variables import Names

_ROWS_AT_ONCE: Final = 2_000


class Asking:
    """An attempt at a question. All its statements see the same files.

    Args:
        lake: Where the files are.
        sources: Makes tables of them.
        cursor: A connection of its own.
        limit: The time that is left.
    """

    def __init__(
        self,
        lake: Lake,
        sources: Sources,
        cursor: duckdb.DuckDBPyConnection,
        limit: TimeLimit,
    ) -> None:
        self._lake = lake
        self._sources = sources
        self._cursor = cursor
        self._limit = limit
        self._range: tuple[date | None, date | None] = (None, None)
        self._files: list[LakeFile] = []
        self._faults: list[Exception] = []

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()

    def look(self, since: date | None, until: date | None) -> list[LakeFile]:
        """Return the files of a range of days, which all statements see from now on."""
        # None for an end of all time, beyond which there is no day.
        self._range = None if since == date.min else since, None if until == date.max else until
        self._files = self._lake.live(*self._range)
        return self._files

    def is_outdated(self) -> bool:
        """Return whether a file that was looked at no longer counts, and may be gone."""
        return not set(self._files) <= set(self._lake.live(*self._range))

    def corrupt(self) -> str | None:
        """Return the key of one of the files that cannot be read; None when all can."""
        return self._sources.corrupt(self._files)

    def of_days(self, first: date, last: date) -> list[LakeFile]:
        """Return those of the files that are of some days."""
        return [file for file in self._files if first <= file.day <= last]

    def rows(
        self, statement: Select[Any], expressions: LakeExpressions, files: Sequence[LakeFile]
    ) -> Iterator[Sequence[Any]]:
        """Return the rows of a statement over files, which has begun."""
        found = [source.files for source in self.sources(files)]
        return self.run(queries.compiled(statement, expressions, found, _names))

    def sources(self, files: Sequence[LakeFile]) -> list[Source]:
        """Return files as tables."""
        return self._sources.of(files, self._cursor, self._faults)

    def run(self, statement: Statement) -> Iterator[Sequence[Any]]:
        """Run a statement, and return its rows. The first are there.

        Raises:
            Gone: A file was deleted meanwhile.
            ExporterUnavailable: A file cannot be read now.
        """
        with self._read():
            self._cursor.execute(*statement)
            first = self._cursor.fetchmany(_ROWS_AT_ONCE)
        return self._fetched(first)

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Let DuckDB read in the block. Raise why it could not read a file, whatever it says."""
        try:
            with self._limit.spent(self._cursor):
                yield
        finally:
            if self._faults:
                raise self._faults[0]

    def _fetched(self, rows: list[Any]) -> Iterator[Sequence[Any]]:
        while rows:
            yield from rows
            if len(rows) < _ROWS_AT_ONCE:
                return
            with self._read():
                rows = self._cursor.fetchmany(_ROWS_AT_ONCE)


def _names(path: Path) -> Names:
    found = column_names(path)
    text, number, integer, boolean = (found[kind] for kind in ALL)
    return text, number, integer, boolean
