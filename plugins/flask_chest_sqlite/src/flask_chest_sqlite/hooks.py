"""Entry point: announces the store for SQLite, which is imported when it is opened."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, ClassVar, cast

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_sqlite.config import SqliteConfig
from flask_chest_sqlite.glance import is_well

if TYPE_CHECKING:
    from pydantic import BaseModel


class Sqlite(DeferredStore):
    """Stores records in a SQLite file."""

    type: ClassVar[str] = "sqlite"
    config_model: ClassVar[builtins.type[BaseModel]] = SqliteConfig
    implementation: ClassVar[str] = "flask_chest_sqlite.store:SqliteStore"
    requires: ClassVar[tuple[str, ...]] = ("sqlalchemy",)

    def validate(self) -> None:
        """Look at the file; what is not well, the store itself has to explain.

        Raises:
            ConfigurationError: It cannot be opened or written, or its tables are not ours.
            ExporterUnavailable: Another process has it locked.
        """
        super().validate()
        if not is_well(cast("SqliteConfig", self.config)):
            self.load().check()


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `sqlite`."""
    return [Sqlite]
