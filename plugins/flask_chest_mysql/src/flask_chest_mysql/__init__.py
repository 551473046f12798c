"""MySQL and MariaDB for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_mysql.config import MysqlConfig

if TYPE_CHECKING:
    from flask_chest_mysql.store import MysqlStore

__all__ = ["MysqlConfig", "MysqlStore"]

__getattr__ = lazy_attributes(__name__, MysqlStore="store")  # imports the driver
