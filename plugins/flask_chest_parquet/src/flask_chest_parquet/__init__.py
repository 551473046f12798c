"""A lake of Parquet files for Flask-Chest: exporter, and store through DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_parquet.config import ParquetConfig

if TYPE_CHECKING:
    from flask_chest_parquet.store import ParquetStore

__all__ = ["ParquetConfig", "ParquetStore"]

__getattr__ = lazy_attributes(__name__, ParquetStore="store")  # imports pyarrow
