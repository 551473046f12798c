"""Parquet files, by pyarrow: ``pip install 'flask-chest[parquet]'``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import IO, Any, Final

import click

from flask_chest.cli.spool import Column

_ROWS_AT_ONCE: Final = 2_000
_GROUP_ROWS: Final = 120_000
_GROUP_BYTES: Final = 32 * 2**20
"""A row group ends with whichever comes first."""


def refuse_without_pyarrow() -> None:
    """Refuse to go on where pyarrow is missing.

    Raises:
        click.UsageError: It is.
    """
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise click.UsageError(
            "Parquet needs pyarrow. Install it with pip, as 'flask-chest[parquet]' does"
        ) from None


def write_parquet(
    file: IO[bytes], columns: Sequence[Column], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a Parquet file, a group of rows at a time.

    Numbers, bools, texts and times keep their types. A column of the kind `json` is a text with
    JSON, and has ``{"flask_chest": "json"}`` as its metadata.

    Args:
        file: To write to, from its beginning.
        columns: Its columns.
        rows: A value for each column.
    """
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    types = {
        "bool": arrow.bool_(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "text": arrow.string(),
        "time": arrow.timestamp("us", tz="UTC"),
        "json": arrow.string(),
    }
    schema = arrow.schema(
        [
            arrow.field(
                column.title,
                types[column.kind],
                metadata={"flask_chest": "json"} if column.kind == "json" else None,
            )
            for column in columns
        ]
    )
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        group: list[Any] = []
        for part in _parts(rows):
            values = zip(*part, strict=True)
            arrays = [
                arrow.array([_value(value, column) for value in found], types[column.kind])
                for column, found in zip(columns, values, strict=True)
            ]
            group.append(arrow.record_batch(arrays, schema=schema))
            if (
                sum(each.num_rows for each in group) >= _GROUP_ROWS
                or sum(each.nbytes for each in group) >= _GROUP_BYTES
            ):
                writer.write_table(arrow.Table.from_batches(group))
                group = []
        if group:
            writer.write_table(arrow.Table.from_batches(group))


def _parts(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    rest = iter(rows)
    while part := list(islice(rest, _ROWS_AT_ONCE)):
        yield part


def _value(value: Any, column: Column) -> Any:  # noqa: ANN401 - any value of a record
    if value is None:
        return None
    if column.kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if column.kind == "time":
        return datetime.fromisoformat(f"{value.removesuffix('Z')}+00:00")
    return float(value) if column.kind == "float" else value
