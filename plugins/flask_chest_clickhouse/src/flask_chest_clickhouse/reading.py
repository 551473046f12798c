"""Answers selections and tallies from the table of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from flask_chest_clickhouse.selections import selecting
from flask_chest_clickhouse.tallies import TallyQuery

if TYPE_CHECKING:
    from flask_chest.query.questions import Selection, Tally, TallyRow
    from flask_chest.record import Record
    from flask_chest_clickhouse.connection import Connection
    from flask_chest_clickhouse.decode import Rows

_FORM: Final = "FORMAT JSONCompactColumns"

_SETTINGS: Final = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
    # A record has one partition, by its `started_at`.
    "do_not_merge_across_partitions_select_final": 1,
}


class Reader:
    """Answers selections and tallies from the table of records.

    Args:
        connection: To the server.
        source: What is read, as it stands after FROM.
        rows: Makes records of rows.
        timeout_seconds: How long the server may work on one query.
    """

    def __init__(
        self, connection: Connection, source: str, rows: Rows, timeout_seconds: float
    ) -> None:
        self._connection = connection
        self._source = source
        self._rows = rows
        self._timeout_seconds = timeout_seconds

    def select(self, selection: Selection) -> list[Record]:
        """Return the records of a selection; what is passed over is made up for."""
        found: list[Record] = []
        seen, wanted = 0, selection.limit
        while len(found) < wanted:
            asked = replace(selection, limit=wanted - len(found))
            columns = self._columns(selecting(self._source, asked, offset=seen))
            rows = len(columns[0]) if columns else 0
            found += self._rows.records(columns)
            seen += rows
            if rows < asked.limit:
                break
        return found

    def tally(self, asked: Tally) -> Iterator[TallyRow]:
        """Yield the groups of a tally."""
        query = TallyQuery(self._source, asked)
        yield from query.groups(self._columns(query.statement()))

    def _columns(self, statement: str) -> Sequence[Sequence[Any]]:
        settings = {**_SETTINGS, "max_execution_time": self._timeout_seconds}
        answer = self._connection.ask(f"{statement} {_FORM}", settings=settings)
        columns: Sequence[Sequence[Any]] = from_json(answer, cache_strings="none")
        return columns
