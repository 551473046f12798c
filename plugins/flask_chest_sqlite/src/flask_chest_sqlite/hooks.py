"""Entry point: announces the store for SQLite, which is imported when it is opened."""

from __future__ import annotations

from typing import cast

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_sqlite.config import SqliteConfig
from flask_chest_sqlite.schema import prepare_file


class Sqlite(DeferredStore):
    """Stores records in a SQLite file."""

    type = "sqlite"
    config_model = SqliteConfig
    implementation = "flask_chest_sqlite.store:SqliteStore"
    requires = ("sqlalchemy",)

    def validate(self) -> None:
        """Check the file, and create its tables where there are none.

        Raises:
            ConfigurationError: It cannot be opened or written, or its tables are not ours.
            ExporterUnavailable: Another process has it locked.
        """
        super().validate()
        if not prepare_file(cast("SqliteConfig", self.config)):
            self.load().check()  # finds out what is wrong, and raises


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `sqlite`."""
    return [Sqlite]
