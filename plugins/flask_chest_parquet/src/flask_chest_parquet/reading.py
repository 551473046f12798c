"""`Reader`: answers selections and tallies from the files of a lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar, cast

import duckdb
import pyarrow as pa
from flask_chest_sql.tallying import TallyQuery

from flask_chest.errors import ChestError, ExporterUnavailable, QueryError
from flask_chest.query.questions import STARTED_AT
from flask_chest_parquet import windows
from flask_chest_parquet.answers import LARGEST, Answers, Question
from flask_chest_parquet.asking import Asking
from flask_chest_parquet.decode import Rows
from flask_chest_parquet.engine import Engine, TimeLimit
from flask_chest_parquet.expressions import LakeExpressions, with_microseconds
from flask_chest_parquet.objects import Gone
from flask_chest_parquet.selecting import Key, Selecting
from flask_chest_parquet.sources import Sources

if TYPE_CHECKING:
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest_parquet.config import ParquetConfig
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.manifest import LakeFile

_ATTEMPTS: Final = 5
"""At a question, each after files were replaced while it was answered."""

_FAULTS: Final = (Gone, duckdb.Error, pa.ArrowException, OSError)

_WORTHWHILE: Final = 50_000
"""Records from which on the answer is kept."""

_DAY: Final = timedelta(days=1)
_Of = TypeVar("_Of")


def _moment(value: object) -> datetime:
    return windows.moment(cast("int", value))


class Reader:
    """Answers questions. Any thread may ask.

    Args:
        lake: Where the files are.
        config: How long a query may take, and what it may use.
        rows: Counts what is no record.
    """

    def __init__(self, lake: Lake, config: ParquetConfig, rows: Rows) -> None:
        self._lake = lake
        self._config = config
        self._engine = Engine(config.query_memory_mb, config.query_threads)
        self._sources = Sources(lake, config)
        self._rows = rows
        self._answers = Answers()

    def close(self) -> None:
        """Close the database of the queries."""
        self._engine.close()

    # -- Questions ---------------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection, in its order."""
        with self._answered(lambda asking: self._select(asking, selection)) as found:
            return found

    def _select(self, asking: Asking, selection: Selection) -> list[Record]:
        found: dict[str, Record] = {}
        selecting = Selecting(asking, selection)
        seen = 0
        while True:  # what is passed over is made up for
            wanted = selection.limit - len(found)
            keys = selecting.keys(seen, wanted)
            found.update((record.id, record) for record in self._fetch(asking, keys))
            seen += len(keys)
            if len(keys) < wanted or len(found) >= selection.limit:
                return list(found.values())

    def _fetch(self, asking: Asking, keys: Sequence[Key]) -> list[Record]:
        """Return the records that have these keys, in their order."""
        if not keys:
            return []
        moments = sorted({key.started_at for key in keys})
        first, last = windows.day_of(moments[0]), windows.day_of(moments[-1])
        days = {windows.day_of(each) for each in moments}
        files = [file for file in asking.of_days(first, last) if file.day in days]
        found: dict[str, Record] = {}
        for source in asking.sources(files):
            columns = ", ".join(source.decoder.columns)
            condition = (
                f"started_at >= make_timestamptz({moments[0]}) "
                f"AND started_at <= make_timestamptz({moments[-1]}) "
                "AND id IN (SELECT unnest(CAST(? AS VARCHAR[])))"
            )
            statement = f"SELECT {columns} FROM {source.files.relation} WHERE {condition}"
            rows = asking.run((statement, [[key.id for key in keys]]))
            records = self._rows.records(source.decoder, rows)
            found.update((record.id, record) for record in records)
        return [found[key.id] for key in keys if key.id in found]

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        with self._answered(lambda asking: self._tally(asking, asked)) as found:
            yield from found

    def _tally(self, asking: Asking, asked: Tally) -> Iterator[TallyRow]:
        files = asking.look(
            None if asked.since is None else asked.since.date(),
            None if asked.until is None else asked.until.date(),
        )
        over = _over(files, asked)
        of_all_time = replace(asked, since=None, until=None)
        question = Question.of(of_all_time, over)
        if sum(file.rows for file in over) < _WORTHWHILE or self._answers.is_too_large(question):
            return _groups(asking, asked, files)
        known = self._answers.get(question)
        if known is None:
            known = list(islice(_groups(asking, of_all_time, over), LARGEST + 1))
            self._answers.put(question, known)
            if len(known) > LARGEST:
                return _groups(asking, asked, files)
        rest = [file for file in files if file not in set(over)]
        return chain(known, _groups(asking, asked, rest))

    # -- Attempts ----------------------------------------------------------------------------------

    @contextmanager
    def _answered(self, ask: Callable[[Asking], _Of]) -> Iterator[_Of]:
        """Give the answer to a question, which is asked again if files were replaced meanwhile.

        Raises:
            ExporterUnavailable: They cannot be read.
            QueryError: It takes too much memory.
            QueryTimeout: It takes too long.
        """
        limit = TimeLimit(self._config.query_timeout_seconds, self._lake.location)
        for attempt in range(1, _ATTEMPTS + 1):
            asking = Asking(self._lake, self._sources, self._engine.cursor(), limit)
            try:
                try:
                    found = ask(asking)
                except _FAULTS:
                    if attempt < _ATTEMPTS and asking.is_outdated():
                        continue
                    raise
                yield found
            except _FAULTS as error:
                raise self._explained(error, asking) from error
            finally:
                asking.close()
            return

    def _explained(self, error: Exception, asking: Asking) -> ChestError:
        if isinstance(error, duckdb.OutOfMemoryException):
            return QueryError(
                f"{self._lake.location}: the query needs more than "
                f"{self._config.query_memory_mb:,} MB of memory. Ask about a shorter time "
                "(`since`, `until`), or raise query_memory_mb of the exporter"
            )
        with suppress(Gone):
            if (key := asking.corrupt()) is not None:
                return ExporterUnavailable(
                    f"{self._lake.location} has a file that is no Parquet file any more: {key}. "
                    "Restore it from a backup, or move it out of the lake, without its records"
                )
        # Not the text of any other error, which may quote a value.
        text = f": {error}" if isinstance(error, (OSError, duckdb.IOException)) else ""
        return ExporterUnavailable(
            f"{self._lake.location} cannot be read ({type(error).__name__}){text}"
        )


def _over(files: Sequence[LakeFile], asked: Tally) -> list[LakeFile]:
    """Return the files of days of which a tally has all records, and which get hardly any more."""
    today = datetime.now(timezone.utc).date()
    return [
        file
        for file in files
        if file.day < today
        and (asked.since is None or asked.since <= _midnight(file.day))
        and (asked.until is None or asked.until >= _midnight(file.day) + _DAY)
    ]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def _groups(asking: Asking, asked: Tally, files: Sequence[LakeFile]) -> Iterator[TallyRow]:
    """Return the groups of a tally of files. The first are there."""
    if not files:
        return iter(())
    expressions = LakeExpressions()
    query = TallyQuery(expressions, asked, moment=_moment)
    statement = query.statement()
    if asked.spread is not None and asked.spread.operand == STARTED_AT:
        statement = with_microseconds(statement)
    return query.groups(asking.rows(statement, expressions, files))
