"""Entry point: announces the store for MySQL and MariaDB."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.exporter import Exporter
from flask_chest_mysql.store import MysqlStore


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mysql`."""
    return [MysqlStore]
