"""MySQL and MariaDB for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_chest_mysql.config import MysqlConfig

if TYPE_CHECKING:
    from flask_chest_mysql.store import MysqlStore

__all__ = ["MysqlConfig", "MysqlStore"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it
    if name == "MysqlStore":
        from flask_chest_mysql.store import MysqlStore  # noqa: PLC0415 - imports the driver

        return MysqlStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
