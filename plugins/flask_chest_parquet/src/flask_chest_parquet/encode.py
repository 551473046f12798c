"""Batches as tables, one for each day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from flask_chest.record import has_nul
from flask_chest_parquet.layout import MIXED, BatchName, time_of_id, writer_of
from flask_chest_parquet.schema import FIELDS, ORDER, Column, file_schema, tag_of
from flask_chest_parquet.shred import shred

if TYPE_CHECKING:
    from flask_chest.exporter import Batch

_PLAIN: Final = [name for name in FIELDS.names if name not in ("variables", "leftover")]
_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_PIECE_BYTES: Final = 262_144
_FAULTS: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, pa.ArrowException)


class Part(NamedTuple):
    """The records of a batch that started on one day, each ID once, in the order of a file."""

    day: date
    table: pa.Table

    def name(self, token: str) -> BatchName:
        """Return the name of the file with these records, as a part of the batch with a token."""
        ids = pc.min_max(self.table["id"]).as_py()
        writers = {writer_of(each) for each in self.table["instance"].unique().to_pylist()}
        return BatchName(
            writer=writers.pop() if len(writers) == 1 else MIXED,
            low=time_of_id(ids["min"]),
            high=time_of_id(ids["max"]),
            rows=self.table.num_rows,
            tag=tag_of(self.table.column_names[len(FIELDS) :]),
            token=token,
        )


def parts(batch: Batch, typed: Sequence[Column]) -> list[Part]:
    """Return the records of a batch by day. Of several with one ID, the first is kept.

    Args:
        batch: The records.
        typed: Typed columns of the files.

    Raises:
        ValueError: A record is malformed. The message does not repeat it.
    """
    try:
        table = _table(batch, typed)
    except _FAULTS as error:
        # Not its text, which may repeat what the record says.
        raise ValueError(f"a record is malformed: {type(error).__name__}") from error
    days = table["started_at"].cast(pa.date32())
    different = days.unique()
    if len(different) == 1:
        return [Part(different[0].as_py(), table.sort_by(list(ORDER)))]
    return [
        Part(day.as_py(), table.filter(pc.equal(days, day)).sort_by(list(ORDER)))
        for day in different
    ]


def _table(batch: Batch, typed: Sequence[Column]) -> pa.Table:
    if has_nul(batch.lines):
        raise ValueError
    # In pieces, whose objects fit into the processor's cache: the whole at once takes longer.
    table = pa.concat_tables([_piece(piece, typed) for piece in _pieces(batch.lines)])
    if table.num_rows != len(batch):
        raise ValueError
    if pc.count_distinct(table["id"]).as_py() < table.num_rows:
        seen: set[str] = set()
        is_new = [not (i in seen or seen.add(i)) for i in table["id"].to_pylist()]  # type: ignore[func-returns-value]  # `add` returns None
        table = table.filter(pa.array(is_new, pa.bool_()))
    return table


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Yield lines as JSON arrays."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + _PIECE_BYTES) + 1 or len(lines)
        yield b"[%b]" % lines[start : end - 1].replace(b"\n", b",")
        start = end


def _piece(text: bytes, typed: Sequence[Column]) -> pa.Table:
    if b"NaN" in text or b"Infinity" in text:  # in a text, or as a number, which JSON forbids
        from_json(text, allow_inf_nan=False)
    records = from_json(text, cache_strings="keys")
    columns = [_column(FIELDS.field(name), list(map(itemgetter(name), records))) for name in _PLAIN]
    variables = [record["variables"] for record in records]
    if set(map(type, variables)) - {dict}:
        raise TypeError
    of_types, texts, leftover = shred(variables, typed)
    return pa.table([*columns, texts, leftover, *of_types], schema=file_schema(typed))


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    """Return a column, of whose values each has its type.

    Raises:
        Exception: One has not.
    """
    if pa.types.is_string(field.type):
        array = pa.array(values, field.type)
        sound = not set(map(type, values)) - {str, type(None)}
        if field.name == "id":
            sound &= pc.all(pc.match_substring_regex(array, _ID)).as_py()
    elif pa.types.is_timestamp(field.type):
        texts = pa.array(values, pa.string())
        sound = pc.all(pc.match_substring_regex(texts, _MOMENT)).as_py()
        array = pc.cast(texts, field.type)
    else:
        given = pa.array(values)  # of the type that they have: else 1.5 becomes 1
        is_whole = pa.types.is_int16(field.type)
        allowed = (
            (pa.types.is_integer,) if is_whole else (pa.types.is_integer, pa.types.is_floating)
        )
        sound = pa.types.is_null(given.type) or any(is_(given.type) for is_ in allowed)
        array = given.cast(field.type)
        if not is_whole:
            sound &= pc.all(pc.is_finite(array)).as_py() is not False
    if not sound or (array.null_count and not field.nullable):
        raise TypeError
    return array
