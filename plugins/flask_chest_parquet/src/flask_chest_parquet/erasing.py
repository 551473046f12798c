"""`erase`: rewrite the files that have records which satisfy a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from flask_chest_parquet import removal
from flask_chest_parquet.decode import NEVER_NULL, Decoder, Rows, are_variables
from flask_chest_parquet.objects import Gone

if TYPE_CHECKING:
    from flask_chest.query import Filter
    from flask_chest.record import Record
    from flask_chest_parquet.rewriting import Rewriter
    from flask_chest_parquet.schema import Column

_SMALL: Final = 10_000
_STEP: Final = 1_000
"""Records of a small file that are looked at in one step. A larger file is one step: whatever it
loses, it is rewritten as a whole."""


def erase(
    rewriter: Rewriter,
    rows: Rows,
    chosen: Filter,
    ids_of_day: Callable[[date], Iterable[str]],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Delete the records that satisfy a filter; return the number. As `Store.erase` has it.

    Args:
        rewriter: Rewrites files.
        rows: Counts what is no record.
        chosen: The filter.
        ids_of_day: Asks the read side for the IDs of the records that are meant. Of small files,
            each record is looked at instead.
        progress: As `Store.erase` has it.
    """
    began = datetime.now(timezone.utc)
    total = 0
    is_whole = False
    while not is_whole:
        is_whole = True
        for day in rewriter.lake.days():
            _, live = rewriter.lake.live_of(day)
            for file in live:
                try:
                    table = rewriter.read(file)
                except Gone:  # its records are in another file by now
                    is_whole = False
                    continue
                is_small = table.num_rows <= _SMALL
                for part in _steps(table):
                    if is_small:
                        found = _matching(rewriter, rows, part, chosen)
                    else:
                        records(_suspects(part), rewriter.lake.columns(), rows)  # to count them
                        found = _with_ids(part, ids_of_day(day))
                    if found and (deleted := removal.delete_ids(rewriter, day, found)):
                        total += deleted
                        # What was behind this pass may have arrived meanwhile.
                        is_whole &= all(moment >= began for moment in found.values())
                    if progress is not None:
                        progress(part.num_rows)
    return total


def _steps(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the parts of a table that are looked at in one step."""
    step = _STEP if table.num_rows <= _SMALL else table.num_rows
    for start in range(0, table.num_rows, step):
        yield table.slice(start, step)


def _with_ids(table: pa.Table, ids: Iterable[str]) -> dict[str, datetime]:
    meant = pa.array(list(ids), pa.string())
    rows = table.filter(pc.is_in(table["id"], value_set=meant))
    return dict(zip(rows["id"].to_pylist(), rows["started_at"].to_pylist(), strict=True))


def _suspects(table: pa.Table) -> pa.Table:
    """Return the rows that may be no records: of a large file, not each is decoded."""
    variables = table["variables"]
    texts = [text for text in pc.unique(variables).to_pylist() if not are_variables(text)]
    suspect = pc.is_in(variables, value_set=pa.array(texts, variables.type))
    for name in NEVER_NULL:
        suspect = pc.or_(suspect, pc.is_null(table[name]))
    return table.filter(suspect)


def _matching(
    rewriter: Rewriter, rows: Rows, table: pa.Table, chosen: Filter
) -> dict[str, datetime]:
    found = records(table, rewriter.lake.columns(), rows)
    return {each.id: each.started_at for each in found if chosen.matches(each.as_data())}


def records(table: pa.Table, typed: Iterable[Column], rows: Rows) -> list[Record]:
    """Return the records of a table. What is none is passed over, and counted."""
    decoder = Decoder(column for column in typed if column.name in table.column_names)
    columns = []
    for expression in decoder.columns:
        name = "started_at" if "started_at" in expression else expression.strip('"')
        column = table[name]
        columns.append(column.cast(pa.int64()) if name == "started_at" else column)
    return rows.records(decoder, zip(*(column.to_pylist() for column in columns), strict=True))
