"""PostgreSQL for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_postgres.config import PostgresConfig

if TYPE_CHECKING:
    from flask_chest_postgres.store import PostgresStore

__all__ = ["PostgresConfig", "PostgresStore"]

__getattr__ = lazy_attributes(__name__, PostgresStore="store")  # imports the driver
