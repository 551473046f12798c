"""What `flask chest check` says of a lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from flask_chest.exporter import Finding
from flask_chest.schema import SCHEMA_VERSION
from flask_chest_parquet.layout import STATE

if TYPE_CHECKING:
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.schema import Column

_MANY: Final = 1_000


def findings(lake: Lake, typed: Sequence[Column]) -> list[Finding]:
    """Return version, whether files are written once, files and columns."""
    return [
        Finding("ok", "version", f"schema {SCHEMA_VERSION}"),
        _writing(lake),
        _files(lake),
        _columns(typed),
    ]


def _writing(lake: Lake) -> Finding:
    key = f"{STATE}tmp/{uuid4().hex}"
    try:
        first, second = lake.objects.create(key, b"1"), lake.objects.create(key, b"2")
    finally:
        lake.objects.delete(key)
    if first and not second:
        return Finding("ok", "writing", "an object is written once, and deleted")
    return Finding(
        "error",
        "writing",
        "a second writer replaces an object of the first: the server ignores If-None-Match",
        "Choose an S3 server with conditional writes, else records may be lost or there twice",
    )


def _files(lake: Lake) -> Finding:
    live = lake.live()
    loose = sum(file.batch is not None for file in live)
    rows, size = sum(file.rows for file in live), sum(file.size for file in live)
    text = f"{rows:,} records in {len(live):,} files, {loose:,} of batches, {size:,} bytes"
    if loose <= _MANY:
        return Finding("ok", "files", text)
    return Finding("warning", "files", text, "Compact them: flask chest schema repair")


def _columns(typed: Sequence[Column]) -> Finding:
    names = list(dict.fromkeys(".".join(column.path) for column in typed))
    text = f"columns of their own: {', '.join(names)}" if names else "no typed columns"
    return Finding("ok", "columns", text)
