"""Entry point: announces the store for MySQL and MariaDB, which is imported when it is opened."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_mysql.config import MysqlConfig


class Mysql(DeferredStore):
    """Stores records in MySQL and MariaDB."""

    type = "mysql"
    schemes = ("mariadb",)
    config_model = MysqlConfig
    implementation = "flask_chest_mysql.store:MysqlStore"
    requires = ("pymysql", "sqlalchemy")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mysql`."""
    return [Mysql]
