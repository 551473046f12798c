"""PostgreSQL for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_chest_postgres.config import PostgresConfig

if TYPE_CHECKING:
    from flask_chest_postgres.store import PostgresStore

__all__ = ["PostgresConfig", "PostgresStore"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it
    if name == "PostgresStore":
        from flask_chest_postgres.store import PostgresStore  # noqa: PLC0415 - imports the driver

        return PostgresStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
