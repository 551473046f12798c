"""`batching`: what batches a lake wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.exporter import Batching

if TYPE_CHECKING:
    from flask_chest_parquet.config import ParquetConfig


def batching(config: ParquetConfig) -> Batching:
    """Return what batches a lake wants: few, as each is a file, and always the same ones."""
    return Batching(
        min_records=config.batch_records,
        max_records=config.batch_records,
        max_bytes=config.batch_records * 2_048,
        max_seconds=config.batch_seconds,
        fixed=True,
    )
