"""A lake of Parquet files for Flask-Chest: exporter, and store through DuckDB."""

from __future__ import annotations

from flask_chest_parquet.config import ParquetConfig

__all__ = ["ParquetConfig"]
