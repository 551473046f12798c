"""SQLite for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_sqlite.config import SqliteConfig

if TYPE_CHECKING:
    from flask_chest_sqlite.store import SqliteStore

__all__ = ["SqliteConfig", "SqliteStore"]

__getattr__ = lazy_attributes(__name__, SqliteStore="store")  # imports SQLAlchemy
