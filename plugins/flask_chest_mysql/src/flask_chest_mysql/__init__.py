"""MySQL and MariaDB for Flask-Chest."""

from flask_chest_mysql.config import MysqlConfig
from flask_chest_mysql.store import MysqlStore

__all__ = ["MysqlConfig", "MysqlStore"]
