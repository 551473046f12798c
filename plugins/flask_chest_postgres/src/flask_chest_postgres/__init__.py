"""PostgreSQL for Flask-Chest."""

from flask_chest_postgres.config import PostgresConfig
from flask_chest_postgres.store import PostgresStore

__all__ = ["PostgresConfig", "PostgresStore"]
