"""Entry point: announces the store for MySQL and MariaDB, which is imported when it is opened."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, ClassVar

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_mysql.config import MysqlConfig

if TYPE_CHECKING:
    from pydantic import BaseModel


class Mysql(DeferredStore):
    """Stores records in MySQL and MariaDB."""

    type: ClassVar[str] = "mysql"
    schemes: ClassVar[tuple[str, ...]] = ("mariadb",)
    config_model: ClassVar[builtins.type[BaseModel]] = MysqlConfig
    implementation: ClassVar[str] = "flask_chest_mysql.store:MysqlStore"
    requires: ClassVar[tuple[str, ...]] = ("pymysql", "sqlalchemy")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mysql`."""
    return [Mysql]
