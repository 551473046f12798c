"""Answers selections and tallies from the table of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from flask_chest.query.nodes import And, Compare, Field, OneOf
from flask_chest.query.questions import STARTED_AT
from flask_chest_clickhouse.ddl import SEARCHED
from flask_chest_clickhouse.periods import Extent, Known, Search
from flask_chest_clickhouse.selections import selecting
from flask_chest_clickhouse.tallies import TallyQuery
from flask_chest_clickhouse.values import microseconds, moment_of

if TYPE_CHECKING:
    from flask_chest.query.nodes import Node
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest_clickhouse.connection import Connection
    from flask_chest_clickhouse.decode import Rows

_FORM: Final = "FORMAT JSONCompactColumns"

SETTINGS: Final = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
    # A record has one partition, by its `started_at`.
    "do_not_merge_across_partitions_select_final": 1,
    "use_skip_indexes_if_final": 1,
    # Else a value of a map becomes a subcolumn, which is no faster and which no index serves.
    "optimize_functions_to_subcolumns": 0,
}

_ROWS: Final = 8_192
_FILTERED_ROWS: Final = 50_000
"""How many rows are read at first: so many take less time than another query."""

_SORTED: Final = {**SETTINGS, "optimize_read_in_order": 0}
"""For few rows: ClickHouse sorts them in less time than it needs to plan not to sort."""

_MOST_SORTED: Final = 1_000_000


class Reader:
    """Answers selections and tallies from the table of records.

    Args:
        connection: To the server.
        table: The table of records, quoted.
        rows: Makes records of rows.
        timeout_seconds: How long the server may work on one query.
    """

    def __init__(
        self, connection: Connection, table: str, rows: Rows, timeout_seconds: float
    ) -> None:
        self._connection = connection
        self._table = table
        self._source = f"{table} FINAL"  # each record once, also before its rows are merged
        self._rows = rows
        self._timeout_seconds = timeout_seconds
        self._known = Known(self._extent)

    # -- Selections --------------------------------------------------------------------------------

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection; what is passed over is made up for."""
        if _has_index(selection.where):
            return self._select(selection, _SORTED)
        if selection.order.operand != STARTED_AT:
            return self._select(selection)
        found: list[Record] = []
        search = self._search(selection)
        while (period := search.next(len(found), selection.limit)) is not None:
            part = replace(
                selection,
                since=_later(selection.since, period.since),
                until=_earlier(selection.until, period.until),
                limit=selection.limit - len(found),
            )
            found += self._select(part, _SORTED if period.rows < _MOST_SORTED else SETTINGS)
            if len(found) == selection.limit:
                break
        return found

    def _search(self, selection: Selection) -> Search:
        """Return the parts of the time of a selection, each of which follows the one before it."""
        descending, place = selection.order.descending, selection.after
        since = None if selection.since is None else microseconds(selection.since)
        until = None if selection.until is None else microseconds(selection.until)
        if place is not None and isinstance(place.value, datetime):
            at = microseconds(place.value)
            if descending:
                until = at + 1 if until is None else min(until, at + 1)
            else:
                since = at if since is None else max(since, at)
        first = max(2 * selection.limit, _ROWS if selection.where is None else _FILTERED_ROWS)
        return Search(self._known.extent(), since, until, first, descending=descending)

    def _select(self, selection: Selection, settings: Mapping[str, int] = SETTINGS) -> list[Record]:
        found: list[Record] = []
        seen, wanted = 0, selection.limit
        while len(found) < wanted:
            asked = replace(selection, limit=wanted - len(found))
            columns = self._columns(selecting(self._source, asked, offset=seen), settings)
            rows = len(columns[0]) if columns else 0
            found += self._rows.records(columns)
            seen += rows
            if rows < asked.limit:
                break
        return found

    def _extent(self) -> Extent:
        """Return what the table has. ClickHouse knows it without reading the records."""
        moments = (f"toUnixTimestamp64Micro({each}(started_at))" for each in ("min", "max"))
        columns = self._columns(f"SELECT count(), {', '.join(moments)} FROM {self._table}")
        return Extent(*(each[0] for each in columns))

    # -- Tallies -----------------------------------------------------------------------------------

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        query = TallyQuery(self._source, asked)
        yield from query.groups(self._columns(query.statement()))

    def _columns(
        self, statement: str, settings: Mapping[str, int] = SETTINGS
    ) -> Sequence[Sequence[Any]]:
        limits = {"max_execution_time": self._timeout_seconds}
        answer = self._connection.ask(f"{statement} {_FORM}", settings={**settings, **limits})
        columns: Sequence[Sequence[Any]] = from_json(answer, cache_strings="none")
        return columns


def _has_index(node: Node | None) -> bool:
    """Return whether a condition is about few records, which a skipping index finds."""
    if isinstance(node, And):
        return any(map(_has_index, node.parts))
    if isinstance(node, Compare):
        is_equal = node.operator == "=="
    elif isinstance(node, OneOf):
        is_equal = not node.negated
    else:
        return False
    return is_equal and isinstance(node.operand, Field) and node.operand.name in SEARCHED


def _later(moment: datetime | None, other: int | None) -> datetime | None:
    if other is None or moment is None:
        return moment if other is None else moment_of(other)
    return max(moment, moment_of(other))


def _earlier(moment: datetime | None, other: int | None) -> datetime | None:
    if other is None or moment is None:
        return moment if other is None else moment_of(other)
    return min(moment, moment_of(other))
