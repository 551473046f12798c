"""Tables as Parquet files, and back."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_RARE: Final = 4
"""A column whose values repeat less often than so many times has no dictionary."""

_SAMPLE: Final = 20_000

_FAST: Final = 1
"""Level of zstd. Higher ones make random IDs larger, and numbers hardly smaller."""

_THOROUGH: Final = 9
_WITHOUT_STATISTICS: Final = frozenset({"path", "variables"})


def to_bytes(table: pa.Table, *, row_group: int, delta: bool, is_last: bool = False) -> bytes:
    """Return a table as a Parquet file.

    Args:
        table: Its rows, sorted.
        row_group: Rows of a row group.
        delta: Use Parquet's DELTA encodings, with which IDs, times and texts are smaller.
        is_last: Take more time, as the file is to stay.
    """
    with_dictionary, encodings = _encodings(table, delta=delta)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=row_group,
        compression="zstd",
        compression_level={
            name: _THOROUGH if is_last and name == "variables" else _FAST
            for name in table.column_names
        },
        use_dictionary=with_dictionary,
        column_encoding=encodings or None,
        # The least of long texts would be in the footer, and is of no use.
        write_statistics=[name for name in table.column_names if name not in _WITHOUT_STATISTICS],
        store_schema=False,
    )
    return bytes(sink.getvalue())


def _encodings(table: pa.Table, *, delta: bool) -> tuple[list[str], dict[str, str]]:
    """Return which columns have a dictionary, and the encodings of the others."""
    with_dictionary, encodings = [], {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        sample = column.slice(0, _SAMPLE)
        if pa.types.is_boolean(column.type):
            continue
        if pc.count_distinct(sample).as_py() * _RARE < max(len(sample), _RARE + 1):
            with_dictionary.append(name)
        elif delta and pa.types.is_timestamp(column.type):
            encodings[name] = "DELTA_BINARY_PACKED"
        elif delta and pa.types.is_string(column.type):
            is_json = name == "variables"
            encodings[name] = "DELTA_LENGTH_BYTE_ARRAY" if is_json else "DELTA_BYTE_ARRAY"
    return with_dictionary, encodings


def read_table(file: BinaryIO, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a file.

    Args:
        file: An open file.
        columns: Names of the columns; None for all.
    """
    return pq.ParquetFile(file).read(columns=columns)


def ids_between(file: BinaryIO, low: str, high: str) -> list[pa.Array]:
    """Return the IDs of the row groups of a file that may have some from `low` to `high`."""
    found: list[pa.Array] = []
    parquet = pq.ParquetFile(file)
    at = parquet.schema_arrow.get_field_index("id")
    for number in range(parquet.num_row_groups):
        statistics: Any = parquet.metadata.row_group(number).column(at).statistics
        if statistics is None or (statistics.max >= low and statistics.min <= high):
            found += parquet.read_row_group(number, columns=["id"])["id"].chunks
    return found
