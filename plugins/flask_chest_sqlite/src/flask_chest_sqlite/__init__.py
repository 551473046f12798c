"""SQLite for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_chest_sqlite.config import SqliteConfig

if TYPE_CHECKING:
    from flask_chest_sqlite.store import SqliteStore

__all__ = ["SqliteConfig", "SqliteStore"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it
    if name == "SqliteStore":
        from flask_chest_sqlite.store import SqliteStore  # noqa: PLC0415 - imports SQLAlchemy

        return SqliteStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
