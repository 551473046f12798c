"""ClickHouse store for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_clickhouse.config import ClickHouseConfig

if TYPE_CHECKING:
    from flask_chest_clickhouse.store import ClickHouseStore

__all__ = ["ClickHouseConfig", "ClickHouseStore"]

__getattr__ = lazy_attributes(__name__, ClickHouseStore="store")
