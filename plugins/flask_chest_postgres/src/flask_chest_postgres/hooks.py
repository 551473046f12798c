"""Entry point: announces the store for PostgreSQL, which is imported when it is opened."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, ClassVar

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_postgres.config import PostgresConfig

if TYPE_CHECKING:
    from pydantic import BaseModel


class Postgres(DeferredStore):
    """Stores records in PostgreSQL."""

    type: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    config_model: ClassVar[builtins.type[BaseModel]] = PostgresConfig
    implementation: ClassVar[str] = "flask_chest_postgres.store:PostgresStore"
    requires: ClassVar[tuple[str, ...]] = ("psycopg", "sqlalchemy")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `postgres`."""
    return [Postgres]
