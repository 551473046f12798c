"""`ClickHouseRollups`: the rollups of one ClickHouse database.

ClickHouse has neither transactions nor locks, but it stores one insertion whole or not at all, and
one with a token that it knows not again. So a change is one insertion, of all rows and the state,
whose token is the next revision: of two that have begun with one revision, the server takes one.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from flask_chest.errors import ConfigurationError
from flask_chest.rollup import Change, Mark, Overtaken, RollupStorage, Row, State
from flask_chest.rollup.pages import pack_rows, unpack_rows
from flask_chest.rollup.tiers import MINUTE, floor, seconds_of
from flask_chest.runtime.log import logger
from flask_chest_clickhouse.connection import Connection, identifier
from flask_chest_clickhouse.errors import ACCESS_DENIED, ServerError

if TYPE_CHECKING:
    from flask_chest.rollup.tiers import Tier
    from flask_chest_clickhouse.rollup_tables import RollupTables

_STATE: Final = "series = 0 AND tier = 0 AND bucket = 0"
_ONE_PART: Final[dict[str, str | int]] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "input_format_parallel_parsing": 0,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_block_size": 10_000_000,
}
"""An insertion becomes one part, which is what is stored whole or not at all."""


_MINUTE_CHARACTERS: Final = len("2026-01-31T12:00")


class ClickHouseRollups(RollupStorage):
    """The rollups of one ClickHouse database.

    Args:
        connection: To the server.
        tables: Those of the rollups.
    """

    def __init__(self, connection: Connection, tables: RollupTables) -> None:
        self._connection = connection
        self._tables = tables
        self._rows = identifier(tables.rows)
        self._marks = identifier(tables.marks)
        self._is_marking: bool | None = None

    # -- Tables ------------------------------------------------------------------------------------

    def is_there(self) -> bool:
        """Return whether both tables are there, and their state."""
        return self.missing() == 0 and self.state() is not None

    def of_others(self) -> ClickHouseRollups | None:
        """Return these, which others use, when they are there and this user may mark."""
        with suppress(ConfigurationError):  # as for a user that may not read them
            return self if self.is_there() and self.is_marking(is_needed=False) else None
        return None

    def create(self) -> None:
        """Create what is missing. Where a table was dropped, all is computed anew."""
        missing = self.missing()
        if missing == 1:
            for statement in self._tables.dropping():
                self._connection.ask(statement)
        if missing:
            for statement in self._tables.creation():
                self._connection.ask(statement)
        if self.state() is None:  # of two processes at once, one writes it
            self._insert([_row(0, 0, 0, [State().dump(), ""], 0)], 0)

    def missing(self) -> int:
        """Return how many tables are not there, or not to be seen by this user."""
        names = ", ".join(f"'{name}'" for name in self._tables.names)
        statement = (
            "SELECT count() FROM system.tables WHERE database = currentDatabase() "
            f"AND name IN ({names})"
        )
        return len(self._tables.names) - int(self._connection.ask(statement))

    # -- State and marks ---------------------------------------------------------------------------

    def state(self) -> State | None:
        """Return the state; None when this database has no rollups."""
        found = self._all(
            f"SELECT pages[1] FROM {self._rows} WHERE {_STATE} ORDER BY revision DESC LIMIT 1"
        )
        return State.load(found[0][0], self._connection.location) if found else None

    def marks(self, since: int, until: int) -> list[Mark]:
        """Return all marks of the minutes from `since` to before `until`."""
        found = self._all(
            f"SELECT toString(id), minute FROM {self._marks} FINAL "
            f"WHERE minute >= {since} AND minute < {until} AND is_forgotten = 0"
        )
        return [Mark(identity, minute) for identity, minute in found]

    def marked(self) -> set[int]:
        """Return the minutes of all marks."""
        found = self._all(f"SELECT DISTINCT minute FROM {self._marks} FINAL WHERE is_forgotten = 0")
        return {minute for (minute,) in found}

    def mark(self, minutes: Iterable[int]) -> None:
        """Write a mark for each of these minutes, if this user may."""
        lines = [{"minute": minute} for minute in sorted(set(minutes))]
        if lines and self.is_marking():
            self._insert_marks(lines)

    def is_marking(self, *, is_needed: bool = True) -> bool:
        """Return whether this user may write marks; find it out once.

        Called before the first batch or deletion, and not by `open`: who only reads needs no mark.

        Args:
            is_needed: Whether it is worth a warning that it may not.
        """
        if self._is_marking is None:
            try:
                self._connection.ask(f"INSERT INTO {self._marks} (minute) SELECT 0 WHERE 0")
            except ConfigurationError as error:
                cause = error.__cause__
                if not (isinstance(cause, ServerError) and cause.code == ACCESS_DENIED):
                    raise
                self._is_marking = False
                if is_needed:
                    logger.warning(
                        "%s: this user may not write %s, so the rollups get its records an hour "
                        "later: %s",
                        self._connection.location,
                        self._tables.marks,
                        error,
                    )
            else:
                self._is_marking = True
        return self._is_marking

    def forget(self, marks: Iterable[Mark]) -> None:
        """Delete marks: what is written about one replaces it."""
        self._insert_marks(
            [{"minute": mark.minute, "id": mark.id, "is_forgotten": 1} for mark in marks]
        )

    def _insert_marks(self, lines: Sequence[Mapping[str, Any]]) -> None:
        if lines:
            names = ", ".join(lines[0])
            statement = f"INSERT INTO {self._marks} ({names}) FORMAT JSONEachRow"
            # Two that are alike are two marks.
            self._connection.ask(statement, settings={"insert_deduplicate": 0}, data=_json(lines))

    # -- Rows --------------------------------------------------------------------------------------

    def rows(self, series: int, tier: Tier, since: int, until: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of the buckets from `since` to before `until`, in their order."""
        # Not FINAL, which reads the pages of all rows that are stored beside these.
        found = self._all(
            f"SELECT bucket, pages FROM {self._rows} WHERE series = {series} AND tier = {tier} "
            f"AND bucket >= {since} AND bucket < {until} "
            "ORDER BY bucket, revision DESC LIMIT 1 BY bucket"
        )
        for bucket, pages in found:
            for page in pages:
                for row in unpack_rows(base64.b64decode(page)):
                    yield bucket, row

    def oldest(self, series: int, tier: Tier) -> int | None:
        """Return the oldest bucket of a tier that has a row of a series."""
        found = self._all(
            f"SELECT bucket FROM {self._rows} FINAL WHERE series = {series} AND tier = {tier} "
            "AND notEmpty(pages) ORDER BY bucket LIMIT 1"
        )
        return found[0][0] if found else None

    def _all(self, statement: str) -> list[list[Any]]:
        answer = self._connection.ask(
            f"{statement} FORMAT JSONCompactEachRow",
            settings={"output_format_json_quote_64bit_integers": 0, "optimize_read_in_order": 0},
        )
        return list(map(from_json, answer.splitlines()))

    # -- Changes -----------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Give what is to be changed to the block, and write it when the block ends.

        Raises:
            Overtaken: Another process has changed the rollups meanwhile. Nothing was written.
        """
        state = self.state()
        if state is None:
            raise Overtaken("the rollups were dropped")
        change = ClickHouseChange(state)
        yield change
        revision = state.revision + 1
        state.revision = revision
        writer = uuid.uuid4().hex
        lines = [_row(0, 0, 0, [state.dump(), writer], revision)]
        lines += [
            _row(series, tier, bucket, [], revision) for series, tier, bucket in self._left(change)
        ]
        lines += [
            _row(series, tier, bucket, pages, revision)
            for (series, tier, bucket), pages in change.pages.items()
        ]
        self._insert(lines, revision)
        if not self._has_written(revision, writer):
            raise Overtaken(f"another process has written the revision {revision}")
        self.forget(change.forgotten)
        for series, tier, until in change.deleted:
            self._delete(series, tier, until)

    def _left(self, change: ClickHouseChange) -> list[tuple[int, int, int]]:
        """Return the places of the rows that are replaced by none."""
        if not change.replaced:
            return []
        conditions = (
            f"(series IN ({', '.join(map(str, sorted(series)))}) AND tier = {tier} "
            f"AND bucket >= {buckets.start} AND bucket < {buckets.stop})"
            for (tier, buckets), series in change.replaced.items()
        )
        found = self._all(
            f"SELECT series, tier, bucket FROM {self._rows} FINAL "
            f"WHERE ({' OR '.join(conditions)}) AND notEmpty(pages)"
        )
        places = ((series, tier, bucket) for series, tier, bucket in found)
        return [place for place in places if place not in change.pages]

    def _has_written(self, revision: int, writer: str) -> bool:
        """Return whether a change is there, and is that of a writer.

        It is not any more when another one has followed and their parts were merged. That costs
        work, which is done again.
        """
        found = self._all(
            f"SELECT pages[2] FROM {self._rows} WHERE {_STATE} AND revision = {revision}"
        )
        return found == [[writer]]

    def _insert(self, lines: Sequence[Mapping[str, Any]], revision: int) -> None:
        names = ", ".join(lines[0])
        settings = {**_ONE_PART, "insert_deduplication_token": f"revision-{revision}"}
        self._connection.ask(
            f"INSERT INTO {self._rows} ({names}) FORMAT JSONEachRow",
            settings=settings,
            data=_json(lines),
        )

    def _delete(self, series: int, tier: int, until: int) -> None:
        self._connection.ask(
            f"DELETE FROM {self._rows} WHERE series = {series} AND tier = {tier} "
            f"AND bucket < {until}",
            settings={"mutations_sync": 2},
        )


class ClickHouseChange(Change):
    """What is to be changed.

    Attributes:
        pages: Of the new rows, by series, tier and bucket.
        replaced: By tier and buckets, the series whose rows are replaced.
        forgotten: Marks.
        deleted: Series, tier, and before which moment.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.pages: dict[tuple[int, int, int], list[str]] = {}
        self.replaced: dict[tuple[int, range], set[int]] = {}
        self.forgotten: list[Mark] = []
        self.deleted: list[tuple[int, int, int]] = []

    def forget(self, marks: Sequence[Mark]) -> None:
        """Delete marks."""
        self.forgotten += marks

    def replace(
        self, series: int, tier: Tier, buckets: range, rows: Mapping[int, Sequence[Row]]
    ) -> None:
        """Put rows in place of those that are there."""
        self.replaced.setdefault((tier, buckets), set()).add(series)
        for bucket, found in rows.items():
            pages = [base64.b64encode(page).decode("ascii") for page in pack_rows(found)]
            self.pages[series, tier, bucket] = pages

    def delete(self, series: int, tier: Tier, until: int) -> None:
        """Delete the rows of the buckets that begin before a moment."""
        self.deleted.append((series, tier, until))


def minutes_of(lines: bytes) -> set[int]:
    """Return the minutes of the records of a batch, in Unix seconds.

    Without decoding them, at 0.3 us a record. A variable that looks like the field adds a mark.
    """
    texts = {each[:_MINUTE_CHARACTERS] for each in lines.split(b'"started_at":"')[1:]}
    found = set()
    for text in texts:
        with suppress(ValueError):
            moment = datetime.fromisoformat(f"{text.decode('ascii', 'replace')}+00:00")
            found.add(minute_of(moment))
    return found


def minute_of(moment: datetime) -> int:
    """Return the beginning of the minute of an aware datetime, in Unix seconds."""
    return floor(seconds_of(moment), MINUTE)


def _row(series: int, tier: int, bucket: int, pages: list[str], revision: int) -> dict[str, Any]:
    return {
        "series": series,
        "tier": tier,
        "bucket": bucket,
        "pages": pages,
        "revision": revision,
    }


def _json(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
