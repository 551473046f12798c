"""Entry point: announces the MongoDB store."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_mongo.store import MongoStore


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mongo`."""
    return [MongoStore]
