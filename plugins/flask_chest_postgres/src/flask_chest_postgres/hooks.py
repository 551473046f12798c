"""Entry point: announces the PostgreSQL store."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_postgres.store import PostgresStore


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `postgres`."""
    return [PostgresStore]
