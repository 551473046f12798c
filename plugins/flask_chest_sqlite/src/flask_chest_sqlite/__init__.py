"""SQLite for Flask-Chest."""

from flask_chest_sqlite.config import SqliteConfig
from flask_chest_sqlite.store import SqliteStore

__all__ = ["SqliteConfig", "SqliteStore"]
