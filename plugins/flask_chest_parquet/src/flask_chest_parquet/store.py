"""The store of a lake: Parquet files by day, in a folder or in S3."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, cast

from flask_chest import query
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.store import Store, aware
from flask_chest_parquet import compaction, erasing, findings, removal
from flask_chest_parquet.batching import batching
from flask_chest_parquet.config import ParquetConfig
from flask_chest_parquet.connection import objects_of, typed_columns
from flask_chest_parquet.decode import Rows
from flask_chest_parquet.lake import Lake
from flask_chest_parquet.rewriting import Rewriter
from flask_chest_parquet.writing import Writer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Finding
    from flask_chest.query import Filter
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest_parquet.reading import Reader

_STEP_ROWS: Final = 250_000
"""Most records of a file that is written between two batches: it takes about a second."""

_STEP_SECONDS: Final = 2.0
_STEP_DAYS: Final = 2
_MANY_BATCHES: Final = 200


class _Open(NamedTuple):
    """What an open store has."""

    lake: Lake
    writer: Writer
    rewriter: Rewriter
    rows: Rows


class ParquetStore(Store):
    """Stores records in a lake. Several processes may write it and read it."""

    type: ClassVar[str] = "parquet"
    schemes: ClassVar[tuple[str, ...]] = ("s3",)
    config_model: ClassVar[builtins.type[BaseModel]] = ParquetConfig

    _opened: _Open | None = None
    _reader: Reader | None = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        self.batching = batching(self._config)
        self._compacted_at = time.monotonic()
        self._written = 0
        self._lock = threading.Lock()

    @property
    def _config(self) -> ParquetConfig:
        return cast("ParquetConfig", self.config)

    @property
    def location(self) -> str:
        """The folder, or bucket and prefix."""
        return self._config.location

    # -- Exporter ------------------------------------------------------------------------------

    def refuse_missing(self) -> None:
        """Raise an error if there is no lake yet."""
        lake = Lake(objects_of(self._config))
        try:
            if not lake.exists():
                raise ConfigurationError(
                    f"{self.location} is not there. Deliver to it first, or correct its name"
                )
        finally:
            lake.objects.close()

    def open(self) -> None:
        """Connect, and create the lake if it is not there.

        Raises:
            ExporterUnavailable: It cannot be reached.
            ConfigurationError: It may not be read or written.
            SchemaMismatch: It is newer than this version, or has files of somebody else.
        """
        self.close()
        declared = None if isinstance(self.rollups, bool) else self.rollups
        typed = typed_columns(self._config, self.indexed_variables, declared)
        lake = Lake(objects_of(self._config))
        delta = not self._config.plain_encodings
        try:
            lake.open()
        except BaseException:
            lake.objects.close()
            raise
        self._opened = _Open(
            lake,
            Writer(lake, typed, delta=delta),
            Rewriter(lake, typed, delta=delta),
            Rows(lake.location),
        )

    def export(self, batch: Batch) -> None:
        """Store a batch, except the records that are there already.

        Raises:
            ExporterUnavailable: The lake cannot take it now.
            BatchRejected: A record is malformed.
        """
        self._are_open.writer.write(batch)
        self._written += 1
        if self._written >= _MANY_BATCHES:  # under a load that leaves no idle moment
            self._compact_a_little()

    def idle(self) -> None:
        """Compact the last days for a moment, if that is due."""
        if time.monotonic() - self._compacted_at >= self._config.compact_seconds:
            self._compact_a_little()

    def _compact_a_little(self) -> None:
        self._compacted_at, self._written = time.monotonic(), 0
        most = min(_STEP_ROWS, self._config.compact_rows)
        with suppress(ExporterUnavailable):  # a later step makes up for it
            compaction.compact_days(self._are_open.rewriter, most, _STEP_DAYS, _STEP_SECONDS)

    def compact(self) -> int:
        """Join small files of all days; return how many were joined."""
        return compaction.compact_days(self._are_open.rewriter, self._config.compact_rows)

    def findings(self) -> list[Finding]:
        """Return version, privileges, files and columns."""
        with self._looking() as opened:
            return findings.findings(opened.lake, opened.writer.typed)

    def repair(self) -> list[str]:
        """Delete what killed processes have left, and compact all days.

        Raises:
            ExporterUnavailable: The lake cannot be reached.
            ConfigurationError: It may not be written.
            SchemaMismatch: It is somebody else's.
        """
        with self._looking() as opened:
            return compaction.repair(opened.rewriter, self._config.compact_rows)

    @contextmanager
    def _looking(self) -> Iterator[_Open]:
        self.open()
        try:
            yield self._are_open
        finally:
            self.close()

    def close(self) -> None:
        """Close all connections."""
        opened, self._opened = self._opened, None
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        if opened is not None:
            opened.lake.objects.close()

    # -- Read side -----------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        return self._reading().select(selection)

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        return self._reading().tally(asked)

    @property
    def unreadable(self) -> int:
        """Number of rows that were passed over because they are no records."""
        return 0 if self._opened is None else self._opened.rows.unreadable

    def _reading(self) -> Reader:
        opened = self._are_open
        with self._lock:
            if self._reader is None:
                self._reader = _make_reader(opened.lake, self._config, opened.rows)
            return self._reader

    # -- Deletion ------------------------------------------------------------------------------

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records by their IDs; return how many were there."""
        return removal.delete(self._are_open.rewriter, records)

    def purge(self, *, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that started before `before`, whole days first; return how many."""
        return removal.purge(self._are_open.rewriter, aware("before", before), progress)

    def erase(self, where: str | Filter, *, progress: Callable[[int], None] | None = None) -> int:
        """Delete the records that satisfy a filter, a file at a time; return the number."""
        chosen = query.parse(where) if isinstance(where, str) else where

        def ids_of_day(day: date) -> Iterator[str]:
            since = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            until = None if day == date.max else since + timedelta(days=1)
            return (record.id for record in self.records(chosen, since=since, until=until))

        opened = self._are_open
        return erasing.erase(opened.rewriter, opened.rows, chosen, ids_of_day, progress)

    # -- Helpers -------------------------------------------------------------------------------

    @property
    def _are_open(self) -> _Open:
        opened = self._opened
        if opened is None:
            raise ExporterUnavailable(f"{self.location} is not open")
        return opened


def _make_reader(lake: Lake, config: ParquetConfig, rows: Rows) -> Reader:
    # The process that delivers asks nothing, and has no need of DuckDB.
    from flask_chest_parquet.reading import Reader  # noqa: PLC0415 - see above

    return Reader(lake, config, rows)
