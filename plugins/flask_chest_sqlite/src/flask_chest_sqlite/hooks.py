"""Entry point: announces the SQLite store."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_sqlite.store import SqliteStore


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `sqlite`."""
    return [SqliteStore]
