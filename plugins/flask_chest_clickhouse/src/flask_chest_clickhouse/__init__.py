"""ClickHouse exporter and store for Flask-Chest."""

from __future__ import annotations

from flask_chest_clickhouse.config import ClickHouseConfig

__all__ = ["ClickHouseConfig"]
