"""Entry point: announces the store for PostgreSQL, which is imported when it is opened."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_postgres.config import PostgresConfig


class Postgres(DeferredStore):
    """Stores records in PostgreSQL."""

    type = "postgres"
    schemes = ("postgresql",)
    config_model = PostgresConfig
    implementation = "flask_chest_postgres.store:PostgresStore"
    requires = ("psycopg", "sqlalchemy")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `postgres`."""
    return [Postgres]
